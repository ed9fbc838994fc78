"""Thousands of short series through ``tickerflow train``: do cost and memory grow with their number?

    python -m benchmarks.many_series --series 250 [--bars 500] [--folder F] -- --workers 2
    python -m benchmarks.many_series --series 5000 -- --workers 2

What follows ``--`` goes to the command. It prints wall clock and CPU, also for each series, the largest
memory of the parent and of all processes together, and both at 10, 50 and 100% of the series. CPU and
memory are read from /proc (Linux). The CPU of the whole run holds the fixed start, some 20 s; beside it
stands the CPU between the 10% and the last series, which does not.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.processes import Sample, Sampler

_MB = 1_000_000


def write_universe(folder: Path, count: int, bars: int) -> None:
    """Write random walks as daily CSVs ``S00000_1d.csv``; the same numbers always."""
    folder.mkdir(parents=True, exist_ok=True)
    days = pd.bdate_range(end="2026-01-02", periods=bars).strftime("%Y-%m-%d")
    for number in range(count):
        rng = np.random.default_rng(number)
        close = 100 * np.exp(np.cumsum(rng.normal(2e-4, 0.015, bars)))
        opened = np.concatenate(([100.0], close[:-1]))
        wick = np.abs(rng.normal(0, 0.004, (2, bars)))
        frame = pd.DataFrame(
            {
                "date": days,
                "open": opened,
                "high": np.maximum(opened, close) * (1 + wick[0]),
                "low": np.minimum(opened, close) * (1 - wick[1]),
                "close": close,
                "volume": rng.integers(1_000, 100_000, bars),
            }
        )
        frame.round(4).to_csv(folder / f"S{number:05d}_1d.csv", index=False)


def main() -> None:
    """Make the series, train them, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--series", type=int, default=250)
    parser.add_argument("--bars", type=int, default=500)
    parser.add_argument("--folder", type=Path, help="kept, with its raw files; else temporary")
    parser.add_argument("options", nargs="*", help="of tickerflow train")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        raw = folder / f"raw-{options.series}"
        if not raw.exists():
            write_universe(raw, options.series, options.bars)
        _run(folder, raw, options)


def _run(folder: Path, raw: Path, options: argparse.Namespace) -> None:
    command = [sys.executable, "-m", "apps.cli", "train", "--raw-dir", str(raw), *options.options]
    for name in ("store", "models", "predictions"):
        command += [f"--{name}-dir", str(folder / f"{name}-{options.series}")]
    marks: dict[int, Sample] = {}
    tenth, half = options.series // 10, options.series // 2
    began = time.monotonic()
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with Sampler(process.pid) as sampler:
        assert process.stderr is not None
        done = 0
        for line in process.stderr:
            if " of " not in line.split("S0")[0]:
                continue
            done += 1
            if done in (tenth, half, options.series):
                marks[done] = sampler.take()
        out, _ = process.communicate()
    wall = time.monotonic() - began
    _print(sampler, marks, process.pid, wall, options.series)
    print(next((line for line in out.splitlines() if line.startswith("Done.")), "no result"))
    sys.exit(process.returncode)


def _print(sampler: Sampler, marks: dict[int, Sample], parent: int, wall: float, series: int) -> None:
    print(f"{series} series: {wall:.1f} s wall, {wall / series:.3f} s a series")
    print(f"CPU {sampler.cpu():.1f} s, {sampler.cpu() / series:.3f} s a series")
    known = sorted(marks)
    if len(known) > 1:
        first, last = marks[known[0]], marks[known[-1]]
        between = known[-1] - known[0]
        cpu = sampler.cpu(last.seconds) - sampler.cpu(first.seconds)
        seconds = last.seconds - first.seconds
        each = f"{seconds / between:.3f} s, {cpu / between:.3f} CPU s each"
        print(f"from series {known[0]} to {known[-1]}: {each}")
        print(f"until series {known[0]}: {first.seconds:.1f} s")
    peak = max(sampler.samples, key=lambda sample: sample.pss)
    print(f"peak of all processes: {peak.pss / _MB:.0f} MB (RSS summed: {peak.rss / _MB:.0f} MB)")
    rss = [one.rss for sample in sampler.samples for one in sample.processes if one.pid == parent]
    print(f"peak of the parent: {max(rss) / _MB:.0f} MB")
    for number in known:
        sample = marks[number]
        own = next(one.rss for one in sample.processes if one.pid == parent)
        print(f"at {number} series: parent {own / _MB:.0f} MB, all {sample.pss / _MB:.0f} MB")


if __name__ == "__main__":
    main()
