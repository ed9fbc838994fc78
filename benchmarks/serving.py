"""What a forecast costs: loading a champion, a warm call, and a universe, on one thread.

    python -m benchmarks.serving [--steps 100] [--calls 300] [--series 256]

It forecasts what is promoted in the settings' folders (TICKERFLOW_MODELS_DIR and so on), so train first.
Contract: the median of warm calls at most 10 ms and of loads at most 20 ms, and the forecasts of a
universe, files without pictures included, at most 10 s for 256 series. CPU time is printed beside the
wall clock, for other programs only add to the latter.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from ml.artifacts.forecaster import forecaster_of
from ml.artifacts.store import ModelStore
from ml.config import Settings
from ml.inference.promoted import find_promoted
from ml.inference.service import ForecastService
from ml.inference.writing import forecast_series
from ml.series import SeriesKey

WARM_MS, LOAD_MS, UNIVERSE_MS = 10.0, 20.0, 10_000 / 256


@dataclass(frozen=True)
class Cost:
    """Milliseconds of each call, ``(n,)``: wall clock and CPU."""

    wall: np.ndarray[tuple[int], np.dtype[np.float64]]
    cpu: np.ndarray[tuple[int], np.dtype[np.float64]]

    def line(self, name: str) -> str:
        """A row of the table."""
        wall, cpu = (np.quantile(times, (0.5, 0.99)) for times in (self.wall, self.cpu))
        figures = (wall[0], wall[1], cpu[0], cpu[1], self.wall.mean())
        return f"| {name} | {len(self.wall)} | " + " | ".join(f"{each:.1f}" for each in figures) + " |"


def measure(calls: Iterable[Callable[[], object]]) -> Cost:
    """Run each once, one after the other."""
    wall, cpu = [], []
    for call in calls:
        began, spent = time.perf_counter(), time.process_time()
        call()
        wall.append(1e3 * (time.perf_counter() - began))
        cpu.append(1e3 * (time.process_time() - spent))
    return Cost(np.array(wall), np.array(cpu))


def universe(keys: list[SeriesKey], settings: Settings, steps: int) -> Cost:
    """Forecast each series once and write its files, as the flow does, into a folder that goes again."""
    with tempfile.TemporaryDirectory(dir=settings.models_dir.parent) as folder:
        there = settings.model_copy(update={"predictions_dir": Path(folder)})
        service = ForecastService.of(there)

        def forecast(key: SeriesKey) -> None:
            outcome = forecast_series(key, there, steps, service)
            if outcome.failure is not None:
                raise SystemExit(f"{key}: {outcome.failure}")

        forecast(keys[0])  # what a process does once: calendars, the kernels' first call
        return measure(lambda key=key: forecast(key) for key in keys)  # type: ignore[misc]


def main() -> int:
    """Print the table; exit status 1 where the contract is missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--calls", type=int, default=300)
    parser.add_argument("--series", type=int, default=256)
    arguments = parser.parse_args()

    torch.set_num_threads(1)
    settings = Settings()
    keys = find_promoted(settings, (), ())[0][: arguments.series]
    key, store = keys[0], ModelStore(settings.models_dir)
    service = ForecastService.of(settings)

    def call() -> object:
        return service.forecast(key.ticker, str(key.interval), arguments.steps)

    first = measure([call])
    loads = measure([lambda: forecaster_of(store.champion(key))] * arguments.calls)
    warm = measure([call] * arguments.calls)
    quiet, drawn = (
        universe(some, settings.model_copy(update={"run": run}), arguments.steps)
        for some, run in (
            (keys, settings.run.model_copy(update={"plots": "never"})),
            (keys[:20], settings.run.model_copy(update={"plots": "always"})),
        )
    )
    print("| milliseconds | calls | wall median | wall p99 | CPU median | CPU p99 | wall mean |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    print(first.line(f"first forecast of a process, {arguments.steps} steps"))
    print(loads.line("load a champion"))
    print(warm.line(f"warm forecast, {arguments.steps} steps"))
    print(quiet.line("forecast and files of a series, one after the other"))
    print(drawn.line("the same with its picture"))
    kept = (
        np.median(warm.wall) <= WARM_MS
        and np.median(loads.wall) <= LOAD_MS
        and quiet.wall.mean() <= UNIVERSE_MS
    )
    print("within the contract" if kept else "NOT within the contract")
    return 0 if kept else 1


if __name__ == "__main__":
    raise SystemExit(main())
