"""Made-up bars for tests: seeded, small, and as normalised as stored ones."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray


def make_bars(
    count: int = 420, *, seed: int = 0, freq: str = "B", volume: bool = True, start: str = "2020-01-01"
) -> pd.DataFrame:
    """A random walk in log price with wicks around it, from a Wednesday on."""
    rng = np.random.default_rng(seed)
    close = 100.0 * np.exp(np.cumsum(rng.normal(0.0002, 0.01, count)))
    opened = np.concatenate([[100.0], close[:-1]]) * np.exp(rng.normal(0, 0.002, count))
    wick = np.abs(rng.normal(0, 0.004, (2, count)))
    return pd.DataFrame(
        {
            "timestamp": pd.date_range(start, periods=count, freq=freq, tz="UTC").as_unit("ns"),
            "open": opened,
            "high": np.maximum(opened, close) * np.exp(wick[0]),
            "low": np.minimum(opened, close) * np.exp(-wick[1]),
            "close": close,
            "volume": rng.integers(1_000, 100_000, count).astype(float) if volume else np.nan,
        }
    )


def with_close(bars: pd.DataFrame, close: NDArray[np.float64]) -> pd.DataFrame:
    """The same bars with other closes, opened at the close before, without wicks."""
    opened = np.concatenate([close[:1], close[:-1]])
    return bars.assign(
        open=opened, high=np.maximum(opened, close), low=np.minimum(opened, close), close=close
    )
