"""Do the bands hold what they promise? Coverage on test bars over a folder of series.

    python -m benchmarks.coverage --raw-dir FOLDER [--around model|walk] [--series N] [--last 20000]

Each series is trained anew, with the defaults, on the bars before its newest 20%; its bands are judged
on those, around its own forecasts (``--around walk``: around the last close, which takes no training).
Up to the horizon every test bar is an anchor, beyond it every tenth. Shares are means over series in
percent; *spread* is their standard deviation, *calm* and *wild* the anchors whose last 20 bars are in
the least and the most volatile fifth of the series' anchors. *Plain* is split conformal from the same
validation windows, beyond the horizon growing with the root of the step; *width* is the mean over
series of mean width over plain's. Contract: within 2 points at steps 1, 5 and 10 and within 5 at 50 and
100; within 5 in calm and in wild times up to step 10.
"""

import argparse
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.peers.universe import spread
from ml.config import Settings, TrainConfig
from ml.data.discovery import discover
from ml.data.ingest import ingest_series
from ml.data.store import read_bars
from ml.errors import TickerflowError
from ml.evaluation.coverage import calm_and_wild
from ml.evaluation.intervals import bands, calibrate
from ml.features.windows import targets
from ml.forecasting.spec import AdaptiveConformal
from ml.training.dataset import build_dataset
from ml.training.learning import learn

Floats = NDArray[np.float64]

STEPS = (1, 5, 10, 50, 100)
FAR_STRIDE = 10
LEVELS = (80, 95)
NAMES = ("all", "calm", "wild", "plain", "plain calm", "plain wild", "width", "plain width")


@dataclass(frozen=True)
class Judged:
    """One series: ``(steps, levels, names)``; NaN where no bar is far enough."""

    stem: str
    figures: Floats


def series_of(raw_dir: Path, count: int, last: int) -> Iterator[tuple[str, pd.DataFrame]]:
    """Normalised bars of ``count`` series (0: all), the newest ``last`` of each."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(raw_dir=raw_dir, store_dir=Path(folder))
        for raw in spread(discover(raw_dir).series, count):
            if ingest_series(raw, settings).status == "ok":
                yield (
                    raw.key.stem,
                    read_bars(settings.store_dir, raw.key).iloc[-last:].reset_index(drop=True),
                )


def judge(stem: str, bars: pd.DataFrame, config: TrainConfig, *, around_walk: bool) -> Judged:
    """Train, and measure on the bars after; raises `TickerflowError` where that cannot be."""
    close = bars["close"].to_numpy(dtype=np.float64)
    if around_walk:
        dataset = build_dataset(bars, config)
        changes = dataset.validation.actual()
        intervals = calibrate(changes, changes, dataset.target.sigma)
        forecaster = None
    else:
        learnt = learn(bars, config)
        dataset, forecaster = learnt.dataset, learnt.forecaster
        assert isinstance(learnt.spec.intervals, AdaptiveConformal)
        intervals = learnt.spec.intervals
    assert intervals.plain is not None
    first = int(dataset.split.test.start)
    figures = np.full((len(STEPS), len(LEVELS), len(NAMES)), np.nan)
    for row, step in enumerate(STEPS):
        anchors = np.arange(first, len(close) - step, 1 if step <= config.horizon else FAR_STRIDE)
        if not len(anchors):
            continue
        if forecaster is None:
            forecast = np.zeros(len(anchors))
        elif step <= config.horizon:
            forecast = forecaster.changes(bars, anchors)[:, step - 1]
        else:
            stamps = pd.DatetimeIndex(bars["timestamp"])
            futures = [stamps[t + 1 : t + 1 + step] for t in anchors.tolist()]
            forecast = forecaster.paths(bars, anchors, step, futures)[:, -1]
        residual = np.abs(targets(close, anchors, step)[:, -1] - forecast)
        parts = [np.ones(len(anchors), dtype=bool), *calm_and_wild(close, anchors)]
        made, plain = (bands(each, close, anchors, step) for each in (intervals, intervals.plain))
        for column, level in enumerate(LEVELS):
            ours, theirs = (getattr(each, f"radius_{level}")[:, -1] for each in (made, plain))
            figures[row, column] = (
                *(100 * (residual <= ours)[part].mean() for part in parts),
                *(100 * (residual <= theirs)[part].mean() for part in parts),
                ours.mean(),
                theirs.mean(),
            )
    return Judged(stem, figures)


def table(judged: list[Judged]) -> Iterator[str]:
    """Lines of Markdown: means over the series."""
    every = np.array([each.figures for each in judged])  # (series, steps, levels, names)
    mean, deviation = np.nanmean(every, axis=0), np.nanstd(every, axis=0)
    yield "| promised | step | series | inside | spread | calm | wild | plain | calm | wild | width |"
    yield "| --- " * 11 + "|"
    for column, level in enumerate(LEVELS):
        for row, step in enumerate(STEPS):
            figures = dict(zip(NAMES, mean[row, column], strict=True))
            width = np.nanmean(every[:, row, column, 6] / every[:, row, column, 7])
            count = int(np.isfinite(every[:, row, column, 0]).sum())
            cells = (figures["all"], deviation[row, column, 0], *(figures[name] for name in NAMES[1:6]))
            shares = " | ".join(f"{share:.1f}" for share in cells)
            yield f"| {level}% | {step} | {count} | {shares} | {width:.2f} |"


def misses(judged: list[Judged]) -> list[str]:
    """What of the contract the means over series miss."""
    mean = np.nanmean([each.figures for each in judged], axis=0)
    found = []
    for row, step in enumerate(STEPS):
        for column, level in enumerate(LEVELS):
            for name, most in (("all", 2 if step <= 10 else 5), ("calm", 5), ("wild", 5)):
                share = mean[row, column, NAMES.index(name)]
                if abs(share - level) > most and (name == "all" or step <= 10):
                    found.append(f"{level}% at step {step}, {name}: {share:.1f}%")
    return found


def main() -> int:
    """Print the table; exit status 1 where the contract is missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--raw-dir", type=Path, required=True)
    parser.add_argument("--around", choices=("model", "walk"), default="model")
    parser.add_argument("--series", type=int, default=0, help="spread evenly over the folder; 0: all")
    parser.add_argument("--last", type=int, default=20_000, help="newest bars of a series that are used")
    options = parser.parse_args()

    judged = []
    for stem, bars in series_of(options.raw_dir, options.series, options.last):
        try:
            judged.append(judge(stem, bars, TrainConfig(), around_walk=options.around == "walk"))
        except TickerflowError as error:
            print(f"{stem} left out: {error.message}")
    around = "their own forecasts" if options.around == "model" else "the last close"
    print(f"\n{len(judged)} series, bands around {around}\n")
    print("\n".join(table(judged)))
    missed = misses(judged)
    print("\nwithin the contract" if not missed else "\nNOT within the contract: " + "; ".join(missed))
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
