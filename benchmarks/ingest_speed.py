"""Ingesting a large CSV beside ``pandas.read_csv(engine="pyarrow")`` on the same file.

    python -m benchmarks.ingest_speed [--megabytes 50] [--runs 5]

Four things in turn, in CPU seconds of all threads, and the least of the runs counts, for the
noise of a machine only ever adds:

- *bare*: pandas as it comes; of the harder formats it leaves stamps and numbers as texts;
- *parsed*: pandas told the format, so that it ends with the same numbers and stamps as we do;
- *reader*: our reading and normalising;
- *ingest*: all of it: read, judge, look for suspects and gaps, write the store durably.

Contract: ingest takes at most 3 times bare on a plain file.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from ml.config import IngestConfig, Settings
from ml.data.discovery import discover
from ml.data.ingest import ingest_series
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
    # Of an index, for prices below 1,000 have no separator and need no quotes.
    texts = bars.assign(
        **{name: (50 * bars[name]).map("${:,.2f}".format) for name in ("open", "high", "low", "close")}
    )
    return texts.to_csv(index=False, date_format="%m/%d/%Y %I:%M %p")


def _parse_epochs(path: Path) -> pd.DataFrame:
    frame = pd.read_csv(path, header=None, engine="pyarrow")
    return frame.assign(stamp=pd.to_datetime(frame[0], unit="ms", utc=True))


def _parse_offsets(path: Path) -> pd.DataFrame:
    frame = pd.read_csv(path, engine="pyarrow")
    return frame.assign(stamp=pd.to_datetime(frame["stamp"], utc=True))


def _parse_german(path: Path) -> pd.DataFrame:
    frame = pd.read_csv(path, sep=";", decimal=",", engine="pyarrow")
    return frame.assign(stamp=pd.to_datetime(frame["stamp"], format="%d.%m.%Y %H:%M", utc=True))


def _parse_quoted(path: Path) -> pd.DataFrame:
    frame = pd.read_csv(path, engine="pyarrow")
    prices = {
        name: pd.to_numeric(frame[name].str.replace("[$,]", "", regex=True))
        for name in ("open", "high", "low", "close")
    }
    stamps = pd.to_datetime(frame["stamp"], format="%m/%d/%Y %I:%M %p", utc=True)
    return frame.assign(stamp=stamps, **prices)


Parse = Callable[[Path], pd.DataFrame]
FORMATS: dict[str, tuple[Callable[[pd.DataFrame], str], Parse]] = {
    "plain": (_plain, lambda path: pd.read_csv(path, engine="pyarrow")),
    "headerless, ms epochs": (_epochs, _parse_epochs),
    "offsets": (_offsets, _parse_offsets),
    "semicolons, decimal commas, D.M.Y": (_german, _parse_german),
    "quoted $1,234.5, M/D/Y AM/PM": (_quoted, _parse_quoted),
}


def _least(functions: list[Callable[[], object]], runs: int) -> list[float]:
    """CPU seconds of each function's cheapest run."""
    best = [float("inf")] * len(functions)
    for _ in range(runs):
        for position, function in enumerate(functions):
            started = time.process_time()
            function()
            best[position] = min(best[position], time.process_time() - started)
    return best


def _ingest(raw_dir: Path) -> None:
    """Ingest into an empty store."""
    with tempfile.TemporaryDirectory(dir=raw_dir) as store:
        (raw,) = discover(raw_dir).series
        outcome = ingest_series(raw, Settings(raw_dir=raw_dir, store_dir=Path(store)))
        if outcome.failure is not None:
            raise RuntimeError(str(outcome.failure))


def _measure(folder: Path, name: str, megabytes: float, runs: int) -> tuple[float, list[float]]:
    """Size of the file in MB, and CPU seconds of bare, parsed, reader and ingest."""
    write, parse = FORMATS[name]
    probe = _bars(10_000)
    rows = int(megabytes * 1e6 / len(write(probe)) * len(probe))
    path = folder / "TEST_1m.csv"
    path.write_text(write(_bars(rows)))
    sep = ";" if write is _german else ","  # pandas is told
    key, config = SeriesKey.of("TEST", "1m"), IngestConfig()
    seconds = _least(
        [
            lambda: pd.read_csv(path, sep=sep, engine="pyarrow"),
            lambda: parse(path),
            lambda: read_raw(path, key, config),
            lambda: _ingest(folder),
        ],
        runs,
    )
    return path.stat().st_size / 1e6, seconds


def main() -> int:
    """Print one line for each format; exit status 1 when the plain one misses the contract."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--megabytes", type=float, default=50)
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    met = True
    print(f"{'CPU seconds':36}{'MB':>6}{'bare':>8}{'parsed':>8}{'reader':>8}{'ingest':>8}", end="")
    print(f"{'reader/bare':>13}{'ingest/bare':>13}{'ingest/parsed':>15}")
    with tempfile.TemporaryDirectory() as folder:
        for name in FORMATS:
            size, (bare, parsed, reader, ingest) = _measure(
                Path(folder), name, arguments.megabytes, arguments.runs
            )
            print(f"{name:36}{size:6.1f}{bare:8.3f}{parsed:8.3f}{reader:8.3f}{ingest:8.3f}", end="")
            ratios = f"{reader / bare:13.2f}{ingest / bare:13.2f}{ingest / parsed:15.2f}"
            print(ratios, flush=True)
            met &= name != "plain" or ingest <= CONTRACT * bare
    print(f"contract (plain ingest at most {CONTRACT:.0f} bare): {'met' if met else 'MISSED'}")
    return 0 if met else 1


if __name__ == "__main__":
    raise SystemExit(main())
