"""Train a challenger for each series of a shard."""

from ml.config import Settings
from ml.evaluation.promotion import failed
from ml.outcomes import Challenger, Failure, IngestOutcome
from ml.series import SeriesKey
from ml.training.trainer import train_series
from tasks.journal import Journal
from tasks.shards import over_shard, shard_task


def _without_model(key: SeriesKey, failure: Failure) -> Challenger:
    return Challenger(ticker=key.ticker, interval=str(key.interval), outcome=failed(key, failure))


def _train(ingested: IngestOutcome, settings: Settings, journal: Journal) -> Challenger:
    if ingested.failure is not None:
        return _without_model(ingested.key, ingested.failure)
    journal.append("training", ticker=ingested.ticker, interval=ingested.interval)
    # Nothing can interrupt a thread from outside: the loop asks, at each epoch.
    return train_series(ingested.key, settings, on_epoch=lambda *_: journal.check())


@shard_task
def train(
    shard: list[IngestOutcome], settings: Settings, journal: Journal, label: str
) -> list[Challenger]:
    """Train each series that was ingested."""
    return over_shard(shard, lambda outcome: _train(outcome, settings, journal), _without_model, journal)
