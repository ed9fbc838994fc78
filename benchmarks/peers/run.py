"""One contender: its process, and the row that comes of it."""

import os
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.peers.roster import Contender

_ROOT = Path(__file__).parents[2]
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")


@dataclass(frozen=True)
class Ended:
    """How a contender's process ended; ``error`` is empty where it wrote its answer."""

    seconds: float
    error: str


def run_contender(contender: Contender, python: Path, folder: Path, timeout_seconds: float) -> Ended:
    """Run a contender alone; what it prints goes to ``{folder}/{key}/log.txt``."""
    answer = (folder / contender.key).resolve()
    shutil.rmtree(answer, ignore_errors=True)  # what a run that was cut short left
    answer.mkdir(parents=True)
    command: list[str | Path] = [
        python,
        "-m",
        f"benchmarks.peers.contenders.{contender.module}",
        folder.resolve(),
        answer,
        *contender.arguments,
    ]
    began = time.perf_counter()
    with (answer / "log.txt").open("w", encoding="utf-8") as log:
        try:
            # In its own folder: what a library leaves behind stays there; no tickerflow.toml is found.
            status = subprocess.run(
                command,
                cwd=answer,
                env=environment(contender.threads),
                stdout=log,
                stderr=subprocess.STDOUT,
                timeout=timeout_seconds,
                check=False,
            ).returncode
            error = f"exit status {status}, see {answer / 'log.txt'}" if status else ""
        except subprocess.TimeoutExpired:
            error = f"stopped after {timeout_seconds:.0f} s"
    return Ended(time.perf_counter() - began, error)


def environment(threads: int) -> dict[str, str]:
    """This process's variables without Tickerflow's settings, and with threads pinned (0: not)."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("TICKERFLOW_") and name not in _THREADS
    }
    pinned = {name: str(threads) for name in _THREADS} if threads else {}
    return {**kept, **pinned, "PYTHONPATH": str(_ROOT), "RAY_USAGE_STATS_ENABLED": "0"}
