"""One table of bars from which the synthetic formats are written, so that their reading is known."""

from pathlib import Path

import numpy as np
import pandas as pd

from ml.config import IngestConfig
from ml.data.reading import Override, RawTable, read_raw
from ml.series import SeriesKey

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
