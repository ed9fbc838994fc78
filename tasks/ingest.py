"""Read and merge the raw files of a shard."""

from ml.config import Settings
from ml.data.discovery import RawSeries
from ml.data.ingest import stage_series
from ml.outcomes import Failure, IngestOutcome, StagedSeries
from ml.series import SeriesKey
from tasks.journal import Journal
from tasks.shards import over_shard, shard_task


def _rejected(key: SeriesKey, failure: Failure) -> StagedSeries:
    name = {"ticker": key.ticker, "interval": str(key.interval)}
    return StagedSeries(**name, outcome=IngestOutcome(**name, status="rejected", failure=failure))


@shard_task
def ingest(
    shard: list[RawSeries], settings: Settings, journal: Journal, label: str
) -> list[StagedSeries]:
    """Stage each series of the shard."""
    return over_shard(shard, lambda raw: stage_series(raw, settings), _rejected, journal)
