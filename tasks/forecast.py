"""Forecast each series of a shard with what is promoted."""

from dataclasses import dataclass

from ml.config import Settings
from ml.inference.service import ForecastService
from ml.inference.writing import forecast_series
from ml.outcomes import Failure, ForecastOutcome
from ml.series import SeriesKey
from tasks.journal import Journal
from tasks.shards import over_shard, shard_task


def failed_forecast(key: SeriesKey, failure: Failure) -> ForecastOutcome:
    """The outcome of a series that could not be forecast."""
    return ForecastOutcome(
        ticker=key.ticker, interval=str(key.interval), status="failed", failure=failure
    )


@dataclass(frozen=True, slots=True)
class Promoted:
    """A series that has a champion."""

    key: SeriesKey


@shard_task
def forecast(
    shard: list[Promoted], n_steps: int, settings: Settings, journal: Journal, label: str
) -> list[ForecastOutcome]:
    """Bring each series up to date and write its forecast; the journal has each at once."""
    service = ForecastService.of(settings)
    return over_shard(
        shard,
        lambda series: forecast_series(series.key, settings, n_steps, service),
        failed_forecast,
        journal,
        journal.finished,
    )
