"""Judge the challengers of a shard, and promote those that earn it."""

from ml.config import Settings
from ml.evaluation.promotion import discard_staged, failed, promote_series
from ml.ledger.cards import with_card
from ml.outcomes import Challenger, TrainOutcome
from tasks.journal import Journal
from tasks.shards import PassingError, over_shard, shard_task


@shard_task
def promote(
    shard: list[Challenger], settings: Settings, journal: Journal, label: str
) -> list[TrainOutcome]:
    """Decide about each challenger; each decision is in the journal as soon as it is made.

    Nothing stays staged, whether the run was stopped or an attempt failed, unless there is another one.
    """
    tried_again = False
    try:
        return over_shard(
            shard,
            lambda challenger: with_card(promote_series(challenger, settings), settings),
            failed,
            journal,
            journal.finished,
        )
    except PassingError:
        tried_again = True
        raise
    finally:
        if not tried_again:
            for challenger in shard:
                discard_staged(challenger, settings)
