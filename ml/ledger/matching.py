"""Which bar is the outcome of a step, and on which scale its price is."""

from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ml.series import Interval

Whole = NDArray[np.int64]
Floats = NDArray[np.float64]

# A double that was written and read is the same; what differs by more was adjusted or corrected.
_SAME_PRICE: Final = 1e-9
# A bar may be stamped by its end, and by a clock ahead of UTC; no bar is known longer before its stamp.
_AHEAD_SECONDS: Final = 86_400


def seconds_of(bars: pd.DataFrame) -> Whole:
    """The bars' stamps in seconds of UTC, ``(n,)``."""
    return np.asarray(pd.DatetimeIndex(bars["timestamp"]).as_unit("s").asi8, dtype=np.int64)


def complete_bars(stamps: Whole, interval: Interval, now: int) -> int:
    """How many bars are sure to be complete: all but the last, and it too once its time is over."""
    if not len(stamps):
        return 0
    over = int(stamps[-1]) + int(interval.delta.total_seconds()) <= now
    return len(stamps) - (not over)


def outcomes_of(
    stamps: Whole, due: Whole, asof: Whole, tolerance: int
) -> tuple[Whole, NDArray[np.bool_]]:
    """Positions of the bars nearest to the times that were forecast, and whether they are outcomes."""
    at = _nearest(stamps, due)
    # A forecast's own as-of bar is never its outcome.
    return at, (np.abs(stamps[at] - due) < tolerance) & (stamps[at] > asof)


def factor_of(stamps: Whole, close: Floats, bar: Whole, price: Floats) -> Floats:
    """The prices that some bars had over those they have, NaN for bars that are not there, ``(n,)``."""
    at = _nearest(stamps, bar)
    return np.where(stamps[at] == bar, price / close[at], np.nan)


def scale_of(asof: Floats, before: Floats) -> Floats:
    """What brings prices of now to the scale of each forecast, by the factors of its last two bars.

    Prices that were adjusted differ at both. An as-of bar that differs by itself was not complete when
    it was forecast from, or has been corrected; one that does not was the first after the adjustment.
    """
    own = np.where(np.isnan(asof), before, asof)
    return np.where(np.abs(own - 1.0) > _SAME_PRICE, np.where(np.isnan(before), asof, before), 1.0)


def ahead_of(interval: Interval) -> int:
    """Seconds before its stamp that a bar can be known."""
    return _AHEAD_SECONDS + int(interval.delta.total_seconds())


def tolerance_of(interval: Interval) -> int:
    """Seconds that an outcome may be stamped from when it was due: half an interval."""
    return int(interval.delta.total_seconds()) // 2


def _nearest(stamps: Whole, times: Whole) -> Whole:
    """Positions of the stamps nearest to some times."""
    right = np.clip(np.searchsorted(stamps, times), 0, len(stamps) - 1)
    left = np.maximum(right - 1, 0)
    return np.where(np.abs(stamps[left] - times) <= np.abs(stamps[right] - times), left, right)
