"""How far the market has moved since a champion's training, from the bars that are there."""

from typing import Final

import numpy as np
import pandas as pd

from ml.artifacts.meta import Meta
from ml.evaluation.drift import Drift, drift

# Compared are the bars since training; with fewer than these, the newest ones.
_LEAST_RECENT: Final = 60
_MOST_RECENT: Final = 250


def drift_since(champion: Meta, bars: pd.DataFrame) -> Drift | None:
    """Bars since the champion's training beside those that it learnt from; None where they are few."""
    stamps, close = pd.DatetimeIndex(bars["timestamp"]), bars["close"].to_numpy(dtype=np.float64)
    start, stop = (
        int(stamps.searchsorted(pd.Timestamp(each)))
        for each in (champion.split.train.first, champion.split.train.last)
    )
    since = len(close) - int(stamps.searchsorted(pd.Timestamp(champion.data.last)))
    recent = min(max(since, _LEAST_RECENT), _MOST_RECENT) + 1
    training, newest = close[start : stop + 1], close[stop + 1 :][-recent:]
    try:
        return drift(training, newest)
    except ValueError:
        return None
