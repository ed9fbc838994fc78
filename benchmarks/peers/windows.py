"""Which bars are held out, and the forecasts' origins on them; the same for every contender."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Positions = NDArray[np.int64]


def first_held_out(n_bars: int, test_share: float) -> int:
    """Position of the first held-out bar: the newest ``test_share``, rounded down, are held out."""
    return n_bars - int(n_bars * test_share + 1e-6)  # 29% of 100 is 29, whatever its binary fraction


def held_out_anchors(n_bars: int, test_share: float, horizon: int) -> Positions:
    """Last bar that each forecast sees, ``(n,)``: every held-out bar that ``horizon`` bars follow."""
    return np.arange(first_held_out(n_bars, test_share), n_bars - horizon, dtype=np.int64)


def histories(close: Floats, anchors: Positions, length: int) -> Floats:
    """The ``length`` closes up to and including each anchor, ``(n, length)``.

    Raises IndexError where an anchor has too few bars before it.
    """
    if len(anchors) and anchors.min() < length - 1:
        raise IndexError(f"expected anchors from {length - 1} on, found {anchors.min()}")
    return np.asarray(close[anchors[:, None] + np.arange(1 - length, 1)])


def outcomes(close: Floats, anchors: Positions, horizon: int) -> Floats:
    """The ``horizon`` closes after each anchor, ``(n, horizon)``; raises IndexError where they end."""
    return np.asarray(close[anchors[:, None] + np.arange(1, horizon + 1)])
