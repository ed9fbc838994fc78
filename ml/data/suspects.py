"""Finding bars that parse but cannot be right: a slipped decimal, another unit, a split left in.

They stay in the data, for a vendor's error cannot be told from the truth with certainty; they are
listed, so that a user can look. Three rules, all on log prices, all relative to the bars around:

- *Unit*: the close changes by more than a factor of 31 (1.5 decades) from one bar to the next. Such
  changes come in powers of ten (pence and pounds, points and prices); between them the series has a
  level, and the bars that are not on the level of most bars are suspect, however long their block is.
- *Stray price*: one of the four prices is far above, or far below, the usual close both of the ten bars
  before and of the ten after; a market that goes there stays for a while, or came from there.
- *Split*: the close steps by a ratio such as 1/2 or 10 to a level where it stays, and the open has made
  the same step. Spin-offs and crashes step by other ratios, or on the way from open to close.

"Far" is measured in the series' own movements nearby and is never less than a fixed factor: real bars
of wild markets halve, and those of quiet ones do not.
"""

from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from ml.data.bars import PRICES

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

UNIT_DECADES: Final = 1.5
STRAY_FACTOR: Final = 3.0
STRAY_FACTOR_AT_END: Final = 8.0  # where only one side is there to compare with
STRAY_MOVES: Final = 8.0
SPLIT_RATIOS: Final = (2, 3, 4, 5, 6, 7, 8, 10, 15, 20, 25, 30)
SPLIT_TOLERANCE: Final = 0.08
SPLIT_MOVES: Final = 6.0

_SIDE: Final = 10  # bars on either side that a price is compared with
_NEARBY: Final = 101  # bars that say what a usual move is
_SETTLED: Final = 5  # bars before and after a split that show its level


def find_suspects(bars: pd.DataFrame, adjusted: Floats | None = None) -> pd.DatetimeIndex:
    """Return the timestamps of suspect bars, ascending; ``bars`` are normalised.

    ``adjusted`` are closes (n,) that their vendor corrected for splits, NaN where there is none: a split
    in the raw prices that they do not show was no accident.
    """
    prices = [bars[name].to_numpy(dtype=np.float64) for name in PRICES]
    if not _moves_enough(*prices):
        return pd.DatetimeIndex(bars["timestamp"].iloc[:0])
    logs = np.log(np.column_stack(prices))  # (n, 4)
    other_unit, level = _unit_levels(logs[:, 3])
    logs = logs - level[:, None]
    usual = _usual_move(logs[:, 3])
    splits = _splits(logs, usual)
    if adjusted is not None:
        splits &= ~_corrected(logs[:, 3], adjusted)
    suspect = other_unit | _stray_prices(logs, usual) | splits
    return pd.DatetimeIndex(bars["timestamp"][suspect])


def _moves_enough(open_: Floats, high: Floats, low: Floats, close: Floats) -> bool:
    """Whether anything here can be suspect; nearly every series ends with this cheap look."""
    least = min(*SPLIT_RATIOS, STRAY_FACTOR) * np.exp(-SPLIT_TOLERANCE)
    before, after = close[:-1], close[1:]
    inside = high > low * least
    between = (after > before * least) | (before > after * least)
    gap = (open_[1:] > before * least) | (before > open_[1:] * least)
    return bool(inside.any() or between.any() or gap.any())


def _unit_levels(close: Floats) -> tuple[Flags, Floats]:
    """Bars in another unit than most, and each bar's unit as a log level to subtract."""
    decades = np.diff(close, prepend=close[:1]) / np.log(10)
    steps = np.where(np.abs(decades) > UNIT_DECADES, np.rint(decades), 0).astype(np.int64)
    levels = np.cumsum(steps)
    values, counts = np.unique(levels, return_counts=True)
    usual = values[np.argmax(counts)]
    return levels != usual, (levels - usual) * np.log(10)


def _usual_move(close: Floats) -> Floats:
    """The size that four of five one-bar moves nearby stay under."""
    moves = pd.Series(np.abs(np.diff(close, prepend=close[:1])))
    usual = moves.rolling(_NEARBY, center=True, min_periods=1).quantile(0.8)
    return usual.to_numpy(dtype=np.float64)


def _stray_prices(logs: Floats, usual: Floats) -> Flags:
    close = pd.Series(logs[:, 3])
    before = close.shift(1).rolling(_SIDE, min_periods=2).median()
    after = close[::-1].shift(1).rolling(_SIDE, min_periods=2).median()[::-1]
    sides = np.column_stack([before, after])  # (n, 2), NaN where there is no such side
    alone = np.isnan(sides).any(axis=1)
    sides = np.where(np.isnan(sides), sides[:, ::-1], sides)
    low, high = sides.min(axis=1, keepdims=True), sides.max(axis=1, keepdims=True)
    far = np.log(np.where(alone, STRAY_FACTOR_AT_END, STRAY_FACTOR))
    off = np.maximum(logs - high, low - logs)  # positive outside of both sides
    return np.asarray((off > np.maximum(far, STRAY_MOVES * usual)[:, None]).any(axis=1))


def _splits(logs: Floats, usual: Floats) -> Flags:
    """The first bar of each new level."""
    ratios = np.log(np.array(SPLIT_RATIOS, dtype=np.float64))
    found = np.zeros(len(logs), dtype=bool)
    open_, close = logs[:, 0], logs[:, 3]
    gaps = open_[1:] - close[:-1]
    for before in np.flatnonzero(np.abs(gaps) > ratios[0] - SPLIT_TOLERANCE):
        bar = before + 1
        if bar < 2:  # one bar is no level to step from
            continue
        gap, step = gaps[before], close[bar] - close[before]
        ratio = np.sign(gap) * ratios[np.argmin(np.abs(ratios - abs(gap)))]
        settled = np.median(close[bar : bar + _SETTLED]) - np.median(close[max(0, bar - _SETTLED) : bar])
        # The open shows the ratio best: the days around a split are lively.
        found[bar] = (
            abs(gap - ratio) < SPLIT_TOLERANCE
            and max(abs(step - ratio), abs(settled - ratio)) < 2 * SPLIT_TOLERANCE
            and abs(gap) > SPLIT_MOVES * usual[bar]
        )
    return found


def _corrected(close: Floats, adjusted: Floats) -> Flags:
    """Bars to which the adjusted close makes less than half the step that the raw close makes."""
    known = np.where(adjusted > 0, adjusted, np.nan)
    steps = np.abs(np.diff(np.log(known), prepend=np.nan))
    return np.asarray(steps < np.abs(np.diff(close, prepend=close[:1])) / 2)
