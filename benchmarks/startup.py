"""How long Tickerflow takes to start: its help, its first training step, its first task run.

    python -m benchmarks.startup [--runs 7] [--raw-dir DIR] [--only help,step,...]

Each is a process of its own, timed from its start to a moment that is seen from outside, or by a hook
that the measured code knows nothing of:

- ``help``: ``tickerflow --help``, to its end;
- ``first step``: ``python -m ml.training.train_lstm``, to its first optimiser step;
- ``first task``: ``tickerflow train`` of two series on two workers, to the first folder that a task
  made, with Prefect's temporary server and with one that runs already.

File caches and compiled bytecode are warm: a first run of each is not counted.
"""

import argparse
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from apps.interrupting import end_in_order
from apps.serving import TemporaryServer
from benchmarks.processes import family
from tasks.environment import set_prefect_defaults

ROOT = Path(__file__).resolve().parent.parent
SAMPLES = ROOT / "data-pipelines" / "feature_stores" / "data" / "raw"
_TICK_SECONDS = 0.002
_PATIENCE_SECONDS = 240.0
_START_SECONDS = 60.0

# Ends the process at the first step: as its module is loaded, the step is replaced.
_TO_FIRST_STEP = """
import os, runpy, sys
from importlib.machinery import PathFinder

class Hook:
    def find_spec(self, name, path=None, target=None):
        if name != "ml.training.adamw":
            return None
        spec = PathFinder.find_spec(name, path)
        load = spec.loader.exec_module
        def exec_module(module):
            load(module)
            module.AdamW.step = lambda optimiser: os._exit(0)
        spec.loader.exec_module = exec_module
        return spec

sys.meta_path.insert(0, Hook())
sys.argv[0] = "train_lstm"
runpy.run_module("ml.training.train_lstm", run_name="__main__")
"""


@dataclass(frozen=True, slots=True)
class Start:
    """One start: seconds of wall clock, and of CPU of the process and all that it started."""

    wall: float
    cpu: float


def main() -> None:
    """Measure, and print a table."""
    end_in_order()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--raw-dir", type=Path, default=SAMPLES)
    parser.add_argument("--only", default="", help="of the names in the table; separated by commas")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tickerflow-startup-") as folder:
        cases = _cases(options.raw_dir, Path(folder))
        wanted = [name for name in options.only.split(",") if name] or list(cases)
        print(f"{options.runs} runs of each, load average {os.getloadavg()[0]:.1f}\n")
        print("| start | median s | least s | CPU s |")
        print("| --- | ---: | ---: | ---: |")
        for name in wanted:
            cases[name]()
            starts = [cases[name]() for _ in range(options.runs)]
            walls = [start.wall for start in starts]
            cpu = statistics.median(start.cpu for start in starts)
            row = f"| {name} | {statistics.median(walls):.2f} | {min(walls):.2f} | {cpu:.2f} |"
            print(row, flush=True)


def _cases(raw: Path, folder: Path) -> dict[str, Callable[[], Start]]:
    env = {**os.environ, "PYTHONPYCACHEPREFIX": str(folder / "bytecode")}
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    env |= {"PREFECT_HOME": str(folder / "prefect"), "PYTHONPATH": str(ROOT)}
    env |= {
        f"TICKERFLOW_{name.upper()}": str(folder / name)
        for name in ("store_dir", "models_dir", "predictions_dir")
    } | {"TICKERFLOW_RAW_DIR": str(raw.resolve())}

    def forget() -> None:
        for name in ("store_dir", "models_dir"):
            shutil.rmtree(folder / name, ignore_errors=True)

    def first_step(keep: bool) -> Start:
        if not keep:
            forget()
        command = [sys.executable, "-c", _TO_FIRST_STEP, "--ticker", "AAPL", "--interval", "1d"]
        return _to_its_end(command, env)

    def first_task(named: dict[str, str]) -> Start:
        forget()
        command = [sys.executable, "-m", "apps.cli", "train", "-q", "--workers", "2"]
        command += ["--ticker", "AAPL", "--ticker", "MSFT"]
        return _to_a_folder(command, env | named, folder / "store_dir")

    @cache
    def running_server() -> dict[str, str]:
        return {"PREFECT_API_URL": _start_server(env["PREFECT_HOME"])}

    return {
        "help": lambda: _to_its_end([sys.executable, "-m", "apps.cli", "--help"], env),
        "first step of a new file": lambda: first_step(keep=False),
        "first step of an unchanged file": lambda: first_step(keep=True),
        "first task with temporary server": lambda: first_task({}),
        "first task with running server": lambda: first_task(running_server()),
    }


def _to_its_end(command: list[str], env: dict[str, str]) -> Start:
    before, began = os.times(), time.perf_counter()
    subprocess.run(command, env=env, cwd=ROOT, check=True, capture_output=True)
    wall, after = time.perf_counter() - began, os.times()
    used = after.children_user - before.children_user
    return Start(wall, used + after.children_system - before.children_system)


def _to_a_folder(command: list[str], env: dict[str, str], folder: Path) -> Start:
    """Until there is a folder; then the process is ended in order."""
    began = time.perf_counter()
    process = subprocess.Popen(command, env=env, cwd=ROOT, stdout=subprocess.DEVNULL)
    try:
        while not folder.exists():
            if process.poll() is not None or time.perf_counter() - began > _PATIENCE_SECONDS:
                raise RuntimeError(f"{' '.join(command)} wrote no {folder}")
            time.sleep(_TICK_SECONDS)
        wall = time.perf_counter() - began
        return Start(wall, sum(one.cpu + one.children_cpu for one in family(process.pid)))
    finally:
        process.send_signal(signal.SIGINT)
        process.wait()


def _start_server(home: str) -> str:
    """The URL of a server that answers; it ends with this process."""
    set_prefect_defaults()
    os.environ["PREFECT_HOME"] = home
    server = TemporaryServer()
    problem = server.problem(_START_SECONDS)
    if problem:
        raise RuntimeError(problem)
    return server.api_url


if __name__ == "__main__":
    main()
