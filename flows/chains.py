"""Runs each shard through the steps, as many shards at once as there are workers.

Mapping step after step over all shards would train the last series before it promotes the first, and a
task that waits for its predecessor would hold a worker. So a step is submitted when the one before it
is done, and the first shards are promoted while the last have not begun.
"""

import queue
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from prefect import Task
from prefect.client.schemas.objects import TaskRunResult
from prefect.futures import PrefectFuture
from prefect.task_runners import TaskRunner

from flows.sharding import Item, Shard

_TICK_SECONDS = 0.2


def run_chains(
    runner: TaskRunner[Any],
    steps: Sequence[Task[..., Any]],
    shards: Sequence[Shard[Item]],
    width: int,
    common: Mapping[str, Any],
    tick: Callable[[], None],
    between: Callable[[], None],
) -> Iterator[tuple[Shard[Item], list[Any] | BaseException]]:
    """Yield each shard with what its last step returned, or with why one of its steps did not return.

    Each step is called with ``shard`` (the items, then what the step before returned), ``label`` and
    ``common``. ``tick`` is called a few times a second, ``between`` before a shard goes on to its next
    step; what they raise ends it all.
    """
    waiting = deque(shards)
    running: dict[PrefectFuture[Any], tuple[Shard[Item], int]] = {}
    done: queue.SimpleQueue[PrefectFuture[Any]] = queue.SimpleQueue()

    def submit(
        shard: Shard[Item], stage: int, items: list[Any], before: PrefectFuture[Any] | None
    ) -> None:
        future = runner.submit(
            steps[stage],
            {"shard": items, "label": shard.label, **common},
            # The edges of the run's graph.
            dependencies={"shard": {TaskRunResult(id=before.task_run_id)}} if before else None,
        )
        running[future] = (shard, stage)
        future.add_done_callback(done.put)

    while waiting or running:
        while waiting and len(running) < width:
            shard = waiting.popleft()
            submit(shard, 0, list(shard.items), None)
        tick()
        try:
            future = done.get(timeout=_TICK_SECONDS)
        except queue.Empty:
            continue
        shard, stage = running.pop(future)
        try:
            result = future.result()
        except Exception as error:  # noqa: BLE001  # whatever ended the task, its series are accounted for
            yield shard, error
            continue
        if stage + 1 < len(steps):
            between()
            submit(shard, stage + 1, result, future)
        else:
            yield shard, result
