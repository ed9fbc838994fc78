"""Run the study of each series, or group, of a shard."""

from ml.config import Settings
from ml.outcomes import TuneOutcome
from ml.tuning.targets import Target
from ml.tuning.tune import Progress, failed_tuning, tune_target
from tasks.journal import Journal
from tasks.shards import over_shard, shard_task


def _tune(target: Target, settings: Settings, journal: Journal) -> TuneOutcome:
    key = target.key
    reported = -1

    def tell(progress: Progress) -> None:
        # Asked after each fold whether to go on; what is reported are trials.
        nonlocal reported
        journal.check()
        if progress.done != reported:
            reported = progress.done
            journal.append(
                "trial",
                ticker=key.ticker,
                interval=str(key.interval),
                done=progress.done,
                total=progress.total,
                text=progress.words,
            )

    return tune_target(target, settings, tell)


@shard_task
def tune(shard: list[Target], settings: Settings, journal: Journal, label: str) -> list[TuneOutcome]:
    """Tune each series, or group; the journal has each at once."""
    return over_shard(
        shard, lambda target: _tune(target, settings, journal), failed_tuning, journal, journal.finished
    )
