"""Reading and normalising a large CSV beside ``pandas.read_csv(engine="pyarrow")`` on the same file.

    python -m benchmarks.ingest_speed [--megabytes 50] [--runs 5]

Contract: at most 3 times pandas on a plain file. The two are run in turn and the fastest run counts, for
the noise of a machine only ever adds. Harder formats are printed beside it.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from ml.config import IngestConfig
from ml.data.reading import read_raw
from ml.series import SeriesKey

CONTRACT = 3.0


def _bars(rows: int) -> pd.DataFrame:
    """A random walk of one-minute bars."""
    rng = np.random.default_rng(7)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 2e-4, rows)))
    open_ = np.concatenate(([100.0], close[:-1]))
    spread = np.abs(rng.normal(0, 0.02, (2, rows)))
    return pd.DataFrame(
        {
            "stamp": pd.date_range("2001-01-01", periods=rows, freq="min"),
            "open": open_.round(4),
            "high": (np.maximum(open_, close) + spread[0]).round(4),
            "low": (np.minimum(open_, close) - spread[1]).round(4),
            "close": close.round(4),
            "volume": rng.integers(0, 100_000, rows),
        }
    )


def _plain(bars: pd.DataFrame) -> str:
    return bars.to_csv(index=False, date_format="%Y-%m-%d %H:%M:%S")


def _epochs(bars: pd.DataFrame) -> str:
    stamps = bars["stamp"].astype("datetime64[ms]").astype("int64")
    return bars.assign(stamp=stamps).to_csv(index=False, header=False)


def _offsets(bars: pd.DataFrame) -> str:
    return (
        bars.assign(
            stamp=bars["stamp"].dt.tz_localize("America/New_York", ambiguous="NaT", nonexistent="NaT")
        )
        .dropna()
        .to_csv(index=False)
    )


def _german(bars: pd.DataFrame) -> str:
    return bars.to_csv(index=False, sep=";", decimal=",", date_format="%d.%m.%Y %H:%M")


def _quoted(bars: pd.DataFrame) -> str:
    texts = bars.assign(
        **{name: bars[name].map("${:,.4f}".format) for name in ("open", "high", "low", "close")}
    )
    return texts.to_csv(index=False, date_format="%m/%d/%Y %I:%M %p")


FORMATS: dict[str, Callable[[pd.DataFrame], str]] = {
    "plain": _plain,
    "headerless, ms epochs": _epochs,
    "offsets": _offsets,
    "semicolons, decimal commas, D.M.Y": _german,
    "quoted $1,234.5, M/D/Y AM/PM": _quoted,
}


def _fastest(functions: list[Callable[[], object]], runs: int) -> list[float]:
    best = [float("inf")] * len(functions)
    for _ in range(runs):
        for position, function in enumerate(functions):
            started = time.perf_counter()
            function()
            best[position] = min(best[position], time.perf_counter() - started)
    return best


def main() -> int:
    """Print one line for each format; exit status 1 when the plain one misses the contract."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--megabytes", type=float, default=50)
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    key, config = SeriesKey.of("TEST", "1m"), IngestConfig()
    probe = _bars(10_000)
    met = True
    print(f"{'format':36}{'MB':>6}{'pandas s':>10}{'reader s':>10}{'ratio':>8}")
    with tempfile.TemporaryDirectory() as folder:
        for name, write in FORMATS.items():
            rows = int(arguments.megabytes * 1e6 / len(write(probe)) * len(probe))
            path = Path(folder) / "TEST_1m.csv"
            path.write_text(write(_bars(rows)))
            sep = ";" if write is _german else ","  # pandas is told
            pandas_seconds, reader_seconds = _fastest(
                [
                    lambda path=path, sep=sep: pd.read_csv(path, sep=sep, engine="pyarrow"),  # type: ignore[misc]
                    lambda path=path: read_raw(path, key, config),  # type: ignore[misc]
                ],
                arguments.runs,
            )
            ratio = reader_seconds / pandas_seconds
            size = path.stat().st_size / 1e6
            print(
                f"{name:36}{size:6.1f}{pandas_seconds:10.3f}{reader_seconds:10.3f}{ratio:8.2f}",
                flush=True,
            )
            met &= name != "plain" or ratio <= CONTRACT
    print(f"contract (plain at most {CONTRACT:.0f}): {'met' if met else 'MISSED'}")
    return 0 if met else 1


if __name__ == "__main__":
    raise SystemExit(main())
