"""Judge the challengers of a shard, and promote those that earn it."""

from ml.config import Settings
from ml.evaluation.promotion import failed, promote_series
from ml.ledger.cards import with_card
from ml.outcomes import Challenger, TrainOutcome
from tasks.journal import Journal
from tasks.shards import over_shard, shard_task


@shard_task
def promote(
    shard: list[Challenger], settings: Settings, journal: Journal, label: str
) -> list[TrainOutcome]:
    """Decide about each challenger; each decision is in the journal as soon as it is made."""
    return over_shard(
        shard,
        lambda challenger: with_card(promote_series(challenger, settings), settings),
        failed,
        journal,
        journal.finished,
    )
