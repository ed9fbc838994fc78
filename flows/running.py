"""Takes all shards of a run through its steps, and accounts for every series."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from prefect import Task
from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.task_runners import ProcessPoolTaskRunner

from flows.chains import run_chains
from flows.sharding import Item, Shard, make_runner
from flows.wanted import asking
from flows.watching import Watch
from ml.config import Settings
from ml.outcomes import Failure
from ml.series import SeriesKey
from ml.summary import Finished
from tasks.shards import unexpected


def run_all(
    steps: Sequence[Task[..., Any]],
    shards: Sequence[Shard[Item]],
    settings: Settings,
    watch: Watch,
    fail: Callable[[SeriesKey, Failure], Finished],
    extra: Mapping[str, Any] | None = None,
    processes_from: int = 2,
) -> None:
    """Run every shard through every step; ``watch`` is told how each series ended.

    When the run is interrupted, or no longer wanted, the tasks that run are asked to stop, and what is
    finished stays.

    Args:
        fail: makes the outcome of a series whose task did not return.
        extra: handed to every step.
        processes_from: as in `make_runner`.

    Raises:
        Abort: Prefect no longer wants the run.
    """
    common = {"settings": settings, "journal": watch.journal, **(extra or {})}
    with (
        _one_server(),
        asking() as wanted,
        make_runner(settings.run, len(shards), processes_from) as runner,
    ):
        # Processes have one shard more at hand while the flow looks at a result. Threads do not wait for
        # that long, and another shard's training would come between a training and its promotion.
        width = settings.run.workers + isinstance(runner, ProcessPoolTaskRunner)

        def tick() -> None:
            watch.tick()
            wanted.look()

        try:
            for shard, result in run_chains(
                runner, steps, shards, width, common, tick, between=wanted.ask
            ):
                if isinstance(result, BaseException):
                    result = [fail(item.key, unexpected(result, str(item.key))) for item in shard.items]
                for outcome in result:
                    watch.finish(outcome)
        except BaseException:
            # Leaving the runner waits for its tasks: they must know before.
            watch.journal.stop()
            raise


@contextmanager
def _one_server() -> Iterator[None]:
    """Name this process's Prefect API to the worker processes: each would start one of its own."""
    with get_client(sync_client=True) as client:
        url = str(client.api_url)
    with temporary_settings({PREFECT_API_URL: url}):
        yield
