"""The command: measure all contenders, judge them, write and show the results."""

import argparse
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from benchmarks.peers.environments import python_of
from benchmarks.peers.exchange import (
    Protocol,
    Series,
    has_answer,
    has_task,
    read_answer,
    read_champion,
    read_command,
    read_task,
    write_task,
)
from benchmarks.peers.plot import draw
from benchmarks.peers.report import Results, print_table, write_files
from benchmarks.peers.roster import CHAMPION, COMMAND, OURS, default_keys, pinned_keys, roster
from benchmarks.peers.run import run_contender
from benchmarks.peers.score import Row, by_step, judged_row, skills
from benchmarks.peers.universe import load_closes
from benchmarks.peers.windows import Floats
from ml.config import Settings
from ml.errors import TickerflowError

_ROOT = Path(__file__).parents[2]


def main(arguments: list[str] | None = None) -> int:
    """Run; exit status 0 when every contender answered, 1 when one failed, 2 for wrong use."""
    options = _parser().parse_args(arguments)
    raw_dir = options.raw_dir.resolve()
    console = Console(width=None if sys.stdout.isatty() else 150)
    contenders = roster(str(raw_dir))
    keys = [OURS, *(key for key in options.only or default_keys() if key != OURS)]
    if options.pinned:
        keys += [key for key in pinned_keys() if key not in keys]
    folder = options.out or _ROOT / "benchmarks/results" / f"peers-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    if not has_task(folder):
        try:
            closes = load_closes(raw_dir, folder / "store", options.interval, options.series)
        except (TickerflowError, ValueError) as error:
            console.print(f"error: {error}", style="red", highlight=False)
            return 2
        write_task(folder, Protocol(steps=options.steps), closes)

    failed: dict[str, str] = {}
    for number, key in enumerate(keys, 1):
        contender = contenders[key]
        if has_answer(folder / key):
            console.print(f"[{number}/{len(keys)}] {contender.title}: measured before", markup=False)
            continue
        try:
            python = python_of(contender.environment, options.cache, console.print)
        except subprocess.CalledProcessError as error:
            failed[key] = f"its environment could not be made: {error}"
            continue
        load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
        ended = run_contender(contender, python, folder, options.timeout)
        console.print(
            f"[{number}/{len(keys)}] {contender.title}: {ended.error or 'done'}, {ended.seconds:.0f} s, "
            f"load before {load:.1f}",
            markup=False,
            highlight=False,
        )
        if ended.error:
            failed[key] = ended.error
    if OURS in failed:
        console.print(f"error: {failed[OURS]}", style="red", highlight=False)
        return 1
    results, by_series = judge(folder, keys, failed, contenders)
    write_files(results, folder, by_series)
    draw(results.rows, folder / "results.png", "; ".join(list(results.about.values())[:3]))
    print_table(results, console)
    console.print(f"written: {folder}/results.json, .csv, .md, .png", highlight=False)
    return 1 if failed else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.peers",
        description="Measure Tickerflow and its peers on the same series and held-out windows.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--raw-dir", type=Path, default=Settings().raw_dir, help="folder of raw CSVs")
    parser.add_argument("--interval", default="1d", help="of the series that take part")
    parser.add_argument(
        "--series", type=int, default=8, help="how many, spread evenly over the folder; 0 takes all"
    )
    parser.add_argument("--steps", type=int, default=480, help="optimiser steps of a peer at most")
    parser.add_argument(
        "--only", nargs="+", choices=[*default_keys(), *pinned_keys()], help="beside Tickerflow"
    )
    parser.add_argument("--pinned", action="store_true", help="also every peer on one thread")
    parser.add_argument("--cache", type=Path, default=_ROOT / ".peers", help="the peers' environments")
    parser.add_argument(
        "--out",
        type=Path,
        help="folder of the results, by default a new one; a run found there is continued",
    )
    parser.add_argument("--timeout", type=float, default=7200, help="seconds for one contender")
    return parser


def judge(
    folder: Path, keys: list[str], failed: dict[str, str], contenders: dict[str, Any]
) -> tuple[Results, dict[str, Any]]:
    """All rows, and each contender's skill by series and step."""
    series = read_task(folder)
    forecasts, our_account = read_answer(folder / OURS, series)
    our_skill = skills(series, forecasts)
    seed = series[0].protocol.seed
    by_series = {OURS: _by_name(series, our_skill)}
    rows = [
        judged_row(OURS, contenders[OURS].title, our_skill, our_account, (our_skill, our_account), seed)
    ]
    rows.append(_champion_row(folder, series))
    versions = dict(our_account.versions)
    for key in keys:
        if key == OURS or key in failed:
            continue
        title = contenders[key].title
        if key == COMMAND:
            rows.append(_command_row(folder, title, rows[0]))
            continue
        try:
            forecasts, account = read_answer(folder / key, series)
        except (OSError, ValueError) as error:
            failed[key] = str(error)
            continue
        skill = skills(series, forecasts)
        by_series[key] = _by_name(series, skill)
        versions |= account.versions
        rows.append(judged_row(key, title, skill, account, (our_skill, our_account), seed))
    return Results(_about(series, versions), rows, failed), by_series


def _by_name(series: list[Series], skill: Floats) -> dict[str, list[float]]:
    return {one.name: row.tolist() for one, row in zip(series, skill, strict=True)}


def _champion_row(folder: Path, series: list[Series]) -> Row:
    forecasts, models = read_champion(folder / OURS)
    skill = skills(series, forecasts)
    baselines = sum(model in ("naive", "drift") for model in models.values())
    still = sum(
        bool(np.allclose(forecasts[one.name], one.close[one.anchors, None], rtol=1e-9, atol=0))
        for one in series
    )
    return Row(
        key=CHAMPION,
        title="Tickerflow, what it promotes",
        threads=None,
        skill_mean=by_step(skill.mean(axis=0)),
        skill_median=by_step(np.median(skill, axis=0)),
        note=f"{baselines} of {len(series)} champions are a baseline, {still} repeat the last close; "
        "the verdict saw the held-out bars, so this row is not compared",
    )


def _command_row(folder: Path, title: str, ours: Row) -> Row:
    command = read_command(folder / COMMAND)
    seconds, cpu = command.seconds / command.n_series, command.cpu_seconds / command.n_series
    return Row(
        key=COMMAND,
        title=title,
        threads=None,
        seconds=seconds,
        cpu_seconds=cpu,
        ratio=seconds / ours.seconds if ours.seconds else None,
        cpu_ratio=cpu / ours.cpu_seconds if ours.cpu_seconds else None,
        peak_mb=command.peak_mb,
        note=f"`tickerflow train --workers {command.workers}`, {command.seconds:.1f} s with its start; "
        "memory of all its processes",
    )


def _about(series: list[Series], versions: dict[str, str]) -> dict[str, str]:
    protocol = series[0].protocol
    return {
        "series": f"{len(series)} series of {min(len(one.close) for one in series)} to "
        f"{max(len(one.close) for one in series)} bars",
        "held out": f"the newest {protocol.test_share:.0%} of bars, "
        f"{sum(len(one.anchors) for one in series)} windows, {protocol.horizon} steps ahead",
        "machine": f"{_processor()}, {os.cpu_count()} cores, {platform.system()}, "
        f"Python {platform.python_version()}",
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "versions": ", ".join(
            f"{name} {number}" for name, number in sorted(versions.items()) if name != "numpy"
        ),
        "peers": f"{protocol.input_size} bars, {protocol.hidden_size} units, batches of "
        f"{protocol.batch_size} windows, {protocol.steps} steps at most, seed {protocol.seed}",
        "names": ", ".join(one.name for one in series),
    }


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    if path.exists():
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


if __name__ == "__main__":
    sys.exit(main())
