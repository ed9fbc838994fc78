"""Judge the staged rows of a shard, and store the bars."""

from ml.config import Settings
from ml.data.ingest import validate_series
from ml.outcomes import Failure, IngestOutcome, StagedSeries
from ml.series import SeriesKey
from tasks.journal import Journal
from tasks.shards import over_shard, shard_task


def _rejected(key: SeriesKey, failure: Failure) -> IngestOutcome:
    return IngestOutcome(
        ticker=key.ticker, interval=str(key.interval), status="rejected", failure=failure
    )


@shard_task
def validate(
    shard: list[StagedSeries], settings: Settings, journal: Journal, label: str
) -> list[IngestOutcome]:
    """Validate and store each series of the shard."""
    return over_shard(shard, lambda staged: validate_series(staged, settings), _rejected, journal)
