"""What every contender's process does: fit and forecast each series, and account for it."""

import os
import resource
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

from benchmarks.peers.exchange import Account, Series, read_task, write_answer
from benchmarks.peers.windows import Floats


class Fitted(Protocol):
    """A trained contender."""

    def forecast(self, series: Sequence[Series]) -> list[Floats]:
        """Closes ``(anchors, horizon)`` for each series that it was fitted on."""
        ...


Fit = Callable[[Sequence[Series]], Fitted]


class Clock:
    """Seconds of wall and of CPU (all threads of this process) that blocks took."""

    def __init__(self) -> None:
        self.wall: dict[str, float] = {}
        self.cpu: dict[str, float] = {}

    @contextmanager
    def over(self, names: Sequence[str]) -> Iterator[None]:
        """Time a block, and give each of the series its even part."""
        wall, cpu = time.perf_counter(), time.process_time()
        yield
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        for name in names:
            self.wall[name] = self.wall.get(name, 0.0) + wall / len(names)
            self.cpu[name] = self.cpu.get(name, 0.0) + cpu / len(names)


def compete(
    fit: Fit,
    libraries: Iterable[str],
    *,
    one_for_all: bool = False,
    threads: int,
    notes: Mapping[str, Any] | None = None,
) -> None:
    """Read the task named on the command line, fit and forecast, and write the answer.

    Args:
        fit: trains on ``Series.past`` of one series, or of all with ``one_for_all``.
        libraries: distributions whose versions are recorded.
        one_for_all: one model for all series; each series' seconds are then an even part of it.
        threads: torch threads of this process.
        notes: settings of the contender that are worth recording.
    """
    task, answer = Path(sys.argv[1]), Path(sys.argv[2])
    series = read_task(task)
    groups = [series] if one_for_all else [[one] for one in series]
    fitting, forecasting = Clock(), Clock()
    forecasts: dict[str, Floats] = {}
    for group in groups:
        names = [one.name for one in group]
        with fitting.over(names):
            fitted = fit(group)
        with forecasting.over(names):
            made = fitted.forecast(group)
        forecasts.update(zip(names, made, strict=True))
        print(f"{names[0]}{' and all others' if len(names) > 1 else ''}: done", flush=True)
    account = Account(
        fit_seconds=fitting.wall,
        fit_cpu_seconds=fitting.cpu,
        forecast_seconds=forecasting.wall,
        forecast_cpu_seconds=forecasting.cpu,
        peak_mb=own_peak_mb(),
        versions={name: version(name) for name in ("numpy", "torch", *libraries)},
        threads=threads,
        notes=notes or {},
    )
    write_answer(answer, forecasts, account)


def own_peak_mb() -> float:
    """Most memory that this process held at once, in MB of 10^6 bytes.

    Linux starts ``ru_maxrss`` of a new process at its parent's, so VmHWM is read where there is one.
    """
    status = Path("/proc/self/status")
    if status.exists():
        line = next(row for row in status.read_text().splitlines() if row.startswith("VmHWM"))
        return int(line.split()[1]) * 1024 / 1e6
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def asked_threads() -> int | None:
    """The number of threads that the run pins contenders to; None leaves it to the library."""
    text = os.environ.get("OMP_NUM_THREADS", "")
    return int(text) if text else None
