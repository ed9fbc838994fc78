"""Made-up normalised bars."""

import numpy as np
import pandas as pd

from ml.features.registry import REGISTRY

EVERY_FEATURE = tuple(indicator.example for indicator in REGISTRY.values())


def make_bars(n_bars: int, seed: int = 0, freq: str = "D", price: float = 100.0) -> pd.DataFrame:
    """A random walk with ranges and volume."""
    rng = np.random.default_rng(seed)
    close = price * np.exp(np.cumsum(rng.normal(0, 0.015, n_bars)))
    opening = close * np.exp(rng.normal(0, 0.005, n_bars))
    return pd.DataFrame(
        {
            "timestamp": pd.date_range("2018-01-01", periods=n_bars, freq=freq, tz="UTC", unit="ns"),
            "open": opening,
            "high": np.maximum(opening, close) * (1 + rng.uniform(0, 0.01, n_bars)),
            "low": np.minimum(opening, close) * (1 - rng.uniform(0, 0.01, n_bars)),
            "close": close,
            "volume": rng.lognormal(14, 0.6, n_bars),
        }
    )
