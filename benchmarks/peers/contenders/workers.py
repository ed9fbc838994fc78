"""The command ``tickerflow train --workers 2`` over all series at once, as its users run it.

    python -m benchmarks.peers.contenders.workers TASK ANSWER RAW_DIR

Seconds are of the whole command, Prefect's start and all imports included, shared evenly by the series;
memory and CPU are those of all its processes together. Its training is the pipeline's, of which only
champions are kept: it is measured, not judged.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.peers.exchange import Command, read_task, write_command
from benchmarks.processes import Sampler
from ml.data.discovery import discover

_WORKERS = 2


def main() -> None:
    """Run."""
    task, answer, raw_dir = (Path(argument).resolve() for argument in sys.argv[1:4])
    names = [one.name for one in read_task(task)]
    only = answer / "raw"
    only.mkdir(parents=True)
    for raw in discover(raw_dir).series:
        if raw.key.stem in names:
            for path in raw.files:
                (only / path.name).symlink_to(path.resolve())
    command = [sys.executable, "-m", "apps.cli", "train", "--workers", str(_WORKERS), "--plots", "never"]
    for option, name in (("raw", "raw"), ("store", "store"), ("models", "models")):
        command += [f"--{option}-dir", str(answer / name)]
    command += [
        "--predictions-dir",
        str(answer / "predictions"),
        "--report",
        str(answer / "report.json"),
    ]
    environment = {**os.environ, "PREFECT_HOME": str(answer / "prefect")}
    # On every run but a machine's first, Prefect finds its database migrated.
    migrate = [sys.executable, "-m", "prefect", "server", "database", "upgrade", "--yes"]
    subprocess.run(migrate, env=environment, check=True)
    began = time.perf_counter()
    process = subprocess.Popen(command, env=environment)
    with Sampler(process.pid, 0.25) as sampler:
        status = process.wait()
    seconds = time.perf_counter() - began
    report = json.loads((answer / "report.json").read_text(encoding="utf-8"))["series"]
    failed = [f"{row['ticker']}: {row['reason']}" for row in report if row["status"] == "failed"]
    if status != 0 or failed or len(report) != len(names):
        raise RuntimeError(f"exit status {status}, {len(report)} of {len(names)} series; {failed}")
    peak = max(sample.pss for sample in sampler.samples) / 1e6
    write_command(answer, Command(seconds, sampler.cpu(), peak, len(names), _WORKERS))


if __name__ == "__main__":
    main()
