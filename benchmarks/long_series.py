"""One long series: do time and memory grow with its bars, and no faster?

    python -m benchmarks.long_series [--bars 15000,150000] [--epochs 10]

Random walks of 5-minute bars, each through ``python -m ml.training.train_lstm`` as a process of its own,
with as many epochs for each: wall clock and CPU of the command, seconds of the training itself, the peak
of the process's memory (Linux).
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

_MB = 1_000_000


def write_series(path: Path, bars: int) -> None:
    """A random walk of 5-minute bars around the clock; the same numbers always."""
    rng = np.random.default_rng(bars)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.001, bars)))
    opened = np.concatenate(([100.0], close[:-1]))
    wick = np.abs(rng.normal(0, 0.0004, (2, bars)))
    stamps = pd.date_range("2024-01-01", periods=bars, freq="5min", tz="UTC")
    pd.DataFrame(
        {
            "timestamp": stamps.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "open": opened,
            "high": np.maximum(opened, close) * (1 + wick[0]),
            "low": np.minimum(opened, close) * (1 - wick[1]),
            "close": close,
            "volume": rng.integers(1_000, 100_000, bars),
        }
    ).round(6).to_csv(path, index=False)


def train(folder: Path, bars: int, epochs: int) -> dict[str, float]:
    """Train one series of so many bars; its figures."""
    ticker = f"LONG{bars}"
    (folder / "raw").mkdir(exist_ok=True)
    write_series(folder / "raw" / f"{ticker}_5m.csv", bars)
    command = [sys.executable, "-m", "ml.training.train_lstm", "--ticker", ticker, "--interval", "5m"]
    command += ["--epochs", str(epochs), "--patience", str(epochs), "--force"]
    for name in ("raw", "store", "models"):
        command += [f"--{name}-dir", str(folder / name)]
    began = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    wall = time.monotonic() - began
    if status:
        raise SystemExit(f"expected a training, found that the command ended with {status}")
    meta = json.loads((folder / "models" / f"lstm_{ticker}_5m.meta.json").read_text())
    return {
        "bars": bars,
        "wall s": wall,
        "CPU s": used.ru_utime + used.ru_stime,
        "training s": meta["training"]["seconds"],
        "epochs": meta["training"]["epochs_run"],
        "peak MB": used.ru_maxrss * 1024 / _MB,
    }


def main() -> None:
    """Train each length and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--bars", default="15000,150000")
    parser.add_argument("--epochs", type=int, default=10)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = [train(Path(folder), int(bars), options.epochs) for bars in options.bars.split(",")]
    table = pd.DataFrame(rows).set_index("bars")
    print(table.round(2).to_string())
    print("ratio of the last to the first:")
    print((table.iloc[-1] / table.iloc[0]).round(2).to_string())


if __name__ == "__main__":
    main()
