"""One table of bars from which the synthetic formats are written, so that their reading is known."""

from pathlib import Path

import numpy as np
import pandas as pd

from ml.config import IngestConfig
from ml.data.reading import Override, RawTable, load_overrides, read_raw
from ml.errors import TickerflowError
from ml.series import SeriesKey

HEAD = "Date,Open,High,Low,Close,Volume\n"
ROWS = (
    "2020-01-02,1.5,2.5,1.25,2.0,100\n2020-01-03,2.0,3.0,1.5,2.5,200\n2020-01-06,2.5,2.75,2.0,2.25,300\n"
)
KEY = SeriesKey.of("TEST", "1d")
CONFIG = IngestConfig()
COLUMNS = ["timestamp", "open", "high", "low", "close", "volume"]


def make_bars(
    count: int = 60, *, freq: str = "B", start: str = "2020-01-02", price: float = 120.0
) -> pd.DataFrame:
    """Bars with two decimals and whole volumes; no two columns are alike."""
    rng = np.random.default_rng(5)
    close = np.round(price * np.exp(np.cumsum(rng.normal(0, 0.01, count))), 2)
    opened = np.round(np.concatenate(([price], close[:-1])) * np.exp(rng.normal(0, 0.002, count)), 2)
    high = np.round(np.maximum(opened, close) * (1 + np.abs(rng.normal(0, 0.004, count))) + 0.01, 2)
    low = np.round(np.minimum(opened, close) * (1 - np.abs(rng.normal(0, 0.004, count))) - 0.01, 2)
    return pd.DataFrame(
        {
            "timestamp": pd.date_range(start, periods=count, freq=freq).as_unit("ns"),
            "open": opened,
            "high": high,
            "low": low,
            "close": close,
            "volume": rng.integers(10_000, 90_000_000, count).astype(float),
        }
    )


def read_text(
    folder: Path,
    text: str | bytes,
    *,
    ticker: str = "TEST",
    interval: str = "1d",
    zone: str = "UTC",
    override: Override | None = None,
) -> RawTable:
    """Write ``text`` to a file named for the series and read it."""
    path = folder / f"{ticker.replace('/', '%2F')}_{interval}.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    config = IngestConfig(timezone=zone)
    return read_raw(path, SeriesKey.of(ticker, interval), config, override)


def assert_same(table: RawTable, bars: pd.DataFrame, *, volume: bool = True) -> None:
    """The reading's rows, in time order, are exactly the bars."""
    found = table.frame.sort_values("timestamp", kind="stable")[COLUMNS].reset_index(drop=True)
    expected = bars.assign(timestamp=bars["timestamp"].dt.tz_localize("UTC"))[COLUMNS].reset_index(
        drop=True
    )
    if not volume:
        expected["volume"] = np.nan
    pd.testing.assert_frame_equal(found, expected, check_exact=True)
    assert table.reading.has_volume == volume


def stamps(
    folder: Path, *texts: str, interval: str = "1d", zone: str = "UTC", override: Override | None = None
) -> list[str]:
    """ISO texts of how these stamps are read."""
    lines = "".join(f'"{text}",1.5,2.5,1.25,{2 + i / 100},100\n' for i, text in enumerate(texts))
    table = read_text(folder, HEAD + lines, interval=interval, zone=zone, override=override)
    return [str(stamp.isoformat()).replace("+00:00", "Z") for stamp in table.frame["timestamp"]]


def pasted(folder: Path, error: TickerflowError) -> Override:
    """The override that an error's hint prints, through the override file."""
    path = folder / "overrides.toml"
    path.write_text(error.hint[error.hint.index("[") :])
    found = load_overrides(path).for_file(KEY, "TEST_1d.csv")
    assert found is not None
    return found
