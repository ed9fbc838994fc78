"""How many series a task handles, and what the tasks run on."""

import math
import multiprocessing
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from prefect.task_runners import ProcessPoolTaskRunner, TaskRunner, ThreadPoolTaskRunner

from ml.config import RunConfig
from tasks.shards import Keyed

Item = TypeVar("Item", bound=Keyed)

# An orchestrated step costs 5 ms on threads and 0.1 to 0.3 s on processes, a training 5 s and more: with
# 16 shards for each worker orchestration stays near one percent, and results still come in small lots.
_SHARDS_PER_WORKER = 16
_LARGEST_SHARD = 16


@dataclass(frozen=True, slots=True)
class Shard(Generic[Item]):
    """The series that one task handles."""

    items: tuple[Item, ...]

    @property
    def label(self) -> str:
        """Names the task's runs."""
        first, rest = self.items[0].key, len(self.items) - 1
        return f"{first}" if rest == 0 else f"{first} and {rest} more"


def make_shards(items: Sequence[Item], run: RunConfig) -> list[Shard[Item]]:
    """Cut the series into shards: of one where they are few, of up to 16 where they are many."""
    size = run.shard_size or min(
        math.ceil(len(items) / (run.workers * _SHARDS_PER_WORKER)), _LARGEST_SHARD
    )
    return [Shard(tuple(items[start : start + size])) for start in range(0, len(items), size or 1)]


def make_runner(run: RunConfig, n_shards: int, processes_from: int = 2) -> TaskRunner[Any]:
    """The task runner that the settings name.

    ``auto`` is processes from ``processes_from`` shards on: training is Python as much as torch, so
    threads get in each other's way, and torch's seed and thread count belong to a whole process. Below,
    it is one thread: a process costs 5 s of imports, more than a few forecasts do.
    """
    workers = max(1, min(run.workers, n_shards))
    if run.runner == "threads":
        return ThreadPoolTaskRunner(max_workers=workers)
    if run.runner == "processes" or (workers > 1 and n_shards >= processes_from):
        return ProcessPoolTaskRunner(max_workers=workers, initializer=_prepare_process)
    return ThreadPoolTaskRunner(max_workers=1)


def _prepare_process() -> None:
    # They reach the whole process group; the run's journal tells the workers to stop, in order.
    assert multiprocessing.parent_process() is not None
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):  # Windows has no SIGHUP
            signal.signal(getattr(signal, name), signal.SIG_IGN)
