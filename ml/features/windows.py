"""The window contract: what a network sees, what it is asked, and which bars train, validate and test.

An anchor t is the index of the last bar that a window sees. Its window is bars t-seq_len+1 .. t, its
targets are bars t+1 .. t+horizon.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from ml.errors import TooFewBarsError
from ml.features.calendar import FloatArray

Anchors = range | Sequence[int] | NDArray[np.integer]

MIN_TRAIN, MIN_VAL, MIN_TEST = 100, 30, 30
_MOST_BARS = 2**40


@dataclass(frozen=True, slots=True)
class Split:
    """Anchors and bars of the three segments, each an ascending range; see `chronological_split`."""

    train: range
    val: range
    test: range
    train_bars: range
    val_bars: range
    test_bars: range


def chronological_split(
    n_bars: int, first_anchor: int, horizon: int, val_share: float, test_share: float
) -> Split:
    """Cut a series into training, validation and test bars, the newest being the test.

    With a horizon of 3, ``A`` an anchor and ``-`` a bar that is none::

        . . . . A A A A A A - - - | A A A - - - | A A A A - - -
        0       first_anchor      | i_val       | i_test    n-1

    Anchors and their targets lie wholly in the bars of their segment; only windows reach back. So
    between the anchors of neighbouring segments there is a gap of exactly ``horizon`` bars, no bar is a
    target in two segments, and all targets of a segment are known at the next one's first anchor.

    The test takes ``test_share`` of all bars, validation ``val_share``, rounded down; segments are empty
    where the series is too short (`check_enough_bars`). ``first_anchor`` is warmup + seq_len - 1.
    """
    i_test = n_bars - _part(n_bars, test_share)
    # A share of what is left, so that no segment shrinks when a bar is added (`minimum_bars` needs it).
    return split_at(i_test, n_bars, first_anchor, horizon, val_share / (1 - test_share))


def split_at(i_test: int, n_bars: int, first_anchor: int, horizon: int, val_part: float) -> Split:
    """As `chronological_split`, with the first test bar given and validation a share of those before."""
    i_val = i_test - _part(i_test, val_part)

    def anchors(start: int, stop: int) -> range:
        start = max(start, first_anchor)
        return range(start, max(start, stop - horizon))

    return Split(
        train=anchors(0, i_val),
        val=anchors(i_val, i_test),
        test=anchors(i_test, n_bars),
        train_bars=range(i_val),
        val_bars=range(i_val, i_test),
        test_bars=range(i_test, n_bars),
    )


def _part(n_bars: int, share: float) -> int:
    """A share of bars, rounded down, but not for the sake of a binary fraction: 29% of 100 is 29."""
    return int(n_bars * share + 1e-6)


def minimum_bars(
    first_anchor: int,
    horizon: int,
    val_share: float,
    test_share: float,
    min_train: int = MIN_TRAIN,
    min_val: int = MIN_VAL,
    min_test: int = MIN_TEST,
) -> int:
    """Fewest bars of which the split makes that many windows; any more bars make as many or more."""

    def enough(n_bars: int) -> bool:
        split = chronological_split(n_bars, first_anchor, horizon, val_share, test_share)
        return (
            len(split.train) >= min_train and len(split.val) >= min_val and len(split.test) >= min_test
        )

    return bisect_left(range(_MOST_BARS), True, key=enough)


def check_enough_bars(
    n_bars: int,
    first_anchor: int,
    horizon: int,
    val_share: float,
    test_share: float,
    min_train: int = MIN_TRAIN,
    min_val: int = MIN_VAL,
    min_test: int = MIN_TEST,
) -> None:
    """Raise `TooFewBarsError` with both numbers where a series is too short to train and to judge."""
    needed = minimum_bars(first_anchor, horizon, val_share, test_share, min_train, min_val, min_test)
    if n_bars < needed:
        raise TooFewBarsError(
            f"expected at least {needed} bars, found {n_bars}: the first window ends at bar "
            f"{first_anchor + 1}, and {min_train} windows are needed to train, {min_val} to validate "
            f"and {min_test} to test, {horizon} steps ahead",
            hint="bring more history, or lower seq_len, horizon or the features' periods",
        )


def windows(scaled: NDArray[np.float32], anchors: Anchors, seq_len: int) -> NDArray[np.float32]:
    """Windows (len(anchors), seq_len, c) of scaled inputs (n, c).

    An ascending range of anchors gives a read-only view without a copy, anything else a gathered batch.
    Raises IndexError for an anchor whose window does not lie within the series.
    """
    if not len(anchors):
        return np.empty((0, seq_len, scaled.shape[1]), dtype=np.float32)
    _check(anchors, seq_len - 1, len(scaled) - 1)
    every = sliding_window_view(scaled, (seq_len, scaled.shape[1]))
    view: NDArray[np.float32] = every[:, 0]  # (n - seq_len + 1, seq_len, c)
    if isinstance(anchors, range):
        first = anchors.start - seq_len + 1
        return view[first : first + len(anchors) * anchors.step : anchors.step]
    batch: NDArray[np.float32] = view[np.asarray(anchors) - seq_len + 1]
    return batch


def targets(close: FloatArray, anchors: Anchors, horizon: int) -> FloatArray:
    """``log(close[t+k] / close[t])`` for k = 1 .. horizon, float64 (len(anchors), horizon).

    Raises IndexError for an anchor whose targets do not lie within the series.
    """
    if not len(anchors):
        return np.empty((0, horizon))
    _check(anchors, 0, len(close) - 1 - horizon)
    index = np.asarray(anchors)
    log_close = np.log(close)
    changes: FloatArray = sliding_window_view(log_close[1:], horizon)[index] - log_close[index, None]
    return changes


def _check(anchors: Anchors, first: int, last: int) -> None:
    # numpy would take a negative index from the series' end: the future.
    ends = (
        (anchors[0], anchors[-1]) if isinstance(anchors, range) else (np.min(anchors), np.max(anchors))
    )
    if ends[0] < first or ends[1] > last:
        raise IndexError(f"expected anchors from {first} to {last}, found {ends[0]} to {ends[1]}")
