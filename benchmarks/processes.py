"""CPU time and memory of this process and all that it started, from /proc (Linux)."""

import math
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Usage:
    """One process: CPU seconds since its start, those of its dead children, and memory in bytes.

    ``pss`` shares out the pages that several processes have in common: only its sum is what they need.
    """

    pid: int
    command: str
    cpu: float
    children_cpu: float
    rss: int
    pss: int


def usage(pid: int) -> Usage | None:
    """Of one process; None where it is gone."""
    folder = Path("/proc", str(pid))
    try:
        fields = (folder / "stat").read_text().rpartition(")")[2].split()
        command = (folder / "cmdline").read_text().replace("\0", " ").strip()
        memory = dict(_sizes((folder / "smaps_rollup").read_text()))
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return None
    cpu, of_children = (sum(map(int, fields[at : at + 2])) / _TICKS for at in (11, 13))
    return Usage(pid, command, cpu, of_children, memory.get("Rss", 0), memory.get("Pss", 0))


def family(root: int) -> list[Usage]:
    """A process and its descendants."""
    return [found for pid in _descendants(root) if (found := usage(pid)) is not None]


def _sizes(text: str) -> Iterator[tuple[str, int]]:
    for line in text.splitlines():
        parts = line.split()
        if len(parts) == 3 and parts[2] == "kB":
            yield parts[0].rstrip(":"), int(parts[1]) * 1024


def _descendants(root: int) -> Iterator[int]:
    yield root
    try:
        children = [
            int(pid)
            for task in Path("/proc", str(root), "task").iterdir()
            for pid in (task / "children").read_text().split()
        ]
    except (FileNotFoundError, ProcessLookupError):
        return
    for child in children:
        yield from _descendants(child)


@dataclass(frozen=True, slots=True)
class Sample:
    """A process and its descendants at one moment."""

    seconds: float
    processes: tuple[Usage, ...]

    @property
    def rss(self) -> int:
        """Sum over all processes; pages that several have count several times."""
        return sum(one.rss for one in self.processes)

    @property
    def pss(self) -> int:
        """What all of them need together."""
        return sum(one.pss for one in self.processes)


class Sampler:
    """Looks at a process and its descendants again and again, in a thread."""

    def __init__(self, root: int, every_seconds: float = 0.5) -> None:
        self.samples: list[Sample] = []
        self._root, self._every = root, every_seconds
        self._started = time.monotonic()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def take(self) -> Sample:
        """Look now."""
        sample = Sample(time.monotonic() - self._started, tuple(family(self._root)))
        if sample.processes:
            self.samples.append(sample)
        return sample

    def cpu(self, until_seconds: float = math.inf) -> float:
        """CPU seconds of all processes that were seen until then; of each as it was seen last."""
        last = {
            one.pid: one.cpu
            for sample in self.samples
            if sample.seconds <= until_seconds
            for one in sample.processes
        }
        return sum(last.values())

    def _look(self) -> None:
        while not self._stop.wait(self._every):
            self.take()
