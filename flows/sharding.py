"""How many series a task handles, and what the tasks run on."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner

from flows.processes import WarmProcesses
from flows.workshop import uses_processes
from ml.config import RunConfig, TrainConfig
from ml.training.engine import is_fleet
from tasks.shards import Keyed

Item = TypeVar("Item", bound=Keyed)

# An orchestrated step costs some 50 ms of CPU, a training 300 ms and more: with shards of 16 the four
# steps cost a series 12 ms. Larger ones save little, and results come late.
_LARGEST_SHARD = 16
_LARGEST_FLEET, _CPU_FLEET = 512, 32
_NVIDIA_DEVICE = Path("/dev/nvidiactl")
# The last shards are small, so that no worker trains a large one while the others have nothing left.
_SHARDS_AHEAD = 4


@dataclass(frozen=True, slots=True)
class Shard(Generic[Item]):
    """The series that one task handles."""

    items: tuple[Item, ...]

    @property
    def label(self) -> str:
        """Names the task's runs."""
        first, rest = self.items[0].key, len(self.items) - 1
        return f"{first}" if rest == 0 else f"{first} and {rest} more"


def fleet_shard(train: TrainConfig) -> int:
    """Series in a shard at most where its series train together; 0 where they train one by one."""
    # torch would know of a GPU for certain, and starts its driver to find out.
    if train.device != "cpu" and _NVIDIA_DEVICE.exists():
        return 0 if train.engine == "single" else _LARGEST_FLEET
    return _CPU_FLEET if is_fleet(train.model_copy(update={"device": "cpu"})) else 0


def make_shards(items: Sequence[Item], run: RunConfig, fleet: int = 0) -> list[Shard[Item]]:
    """Cut the series into shards, in order: of up to 16, and the smaller the fewer are left.

    Guided self-scheduling (Polychronopoulos and Kuck, 1987): a shard is a fixed share of what is left,
    so few series are a shard each, and the workers of a long run end at about the same time. Where a
    shard trains as a fleet they are as large as each other, for a small fleet takes as long.
    """
    shards, start = [], 0
    even = min(math.ceil(len(items) / run.workers), fleet)
    while start < len(items):
        left = len(items) - start
        guided = min(math.ceil(left / (run.workers * _SHARDS_AHEAD)), _LARGEST_SHARD)
        size = run.shard_size or even or guided
        shards.append(Shard(tuple(items[start : start + size])))
        start += size
    return shards


def make_runner(run: RunConfig, n_shards: int, processes_from: int = 2) -> TaskRunner[Any]:
    """The task runner that the settings name; see `uses_processes`."""
    workers = max(1, min(run.workers, n_shards))
    if uses_processes(run, n_shards, processes_from):
        return WarmProcesses(max_workers=workers)
    return ThreadPoolTaskRunner(max_workers=workers if run.runner == "threads" else 1)
