"""Score the past forecasts of each series of a shard."""

from dataclasses import dataclass

from ml.config import Settings
from ml.inference.sources import BarSource
from ml.ledger.cards import refresh_card
from ml.ledger.pairs import find_pairs
from ml.ledger.scoring import score_series
from ml.outcomes import Failure, ScoreOutcome
from ml.series import SeriesKey
from tasks.journal import Journal
from tasks.shards import over_shard, shard_task


def failed_score(key: SeriesKey, failure: Failure) -> ScoreOutcome:
    """The outcome of a series that could not be scored."""
    return ScoreOutcome(ticker=key.ticker, interval=str(key.interval), status="failed", failure=failure)


@dataclass(frozen=True, slots=True)
class Forecast:
    """A series that was forecast."""

    key: SeriesKey


@shard_task
def score(shard: list[Forecast], settings: Settings, journal: Journal, label: str) -> list[ScoreOutcome]:
    """Bring each series up to date and judge what was forecast of it; the journal has each at once."""
    source = BarSource(settings)
    pairs = find_pairs(settings.predictions_dir, {series.key for series in shard})

    def step(series: Forecast) -> ScoreOutcome:
        bars = source.load(series.key).bars
        outcome = score_series(series.key, settings, bars, pairs.get(series.key, []))
        if outcome.scored or outcome.lost or outcome.demoted:
            refresh_card(series.key, settings)
        return outcome

    return over_shard(shard, step, failed_score, journal, journal.finished)
