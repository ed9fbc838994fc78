"""Half widths by step that follow the market's volatility, around the random walk.

The change over ``k`` bars is divided by what the volatility at its anchor lets expect, which makes calm
and wild times alike; the quantile of these scores over the last bars, times the expectation at the
newest bar, is the half width. Every number is a function of closes up to the anchor, so it is the same,
to the bit, whether the bars after it are known (judging) or not (serving).
"""

import math
from bisect import bisect_left, insort

import numpy as np
from numpy.typing import NDArray

from ml.forecasting.spec import AdaptiveConformal

Floats = NDArray[np.float64]
Positions = NDArray[np.int64]

LEVELS = (80, 95)
_NORMAL = (1.2815515655446004, 1.959963984540054)  # a normal variable's, at these levels
_MEAN_ABSOLUTE = math.sqrt(2 / math.pi)  # of a normal variable with standard deviation 1
_PRIOR_BARS = 10.0  # that the training volatility counts as
_HALF_LIVES = 4  # after which a bar is forgotten
# Quantiles lie within this factor of a normal variable's: prices that stood still for a year give no
# band of width zero, and those that move again none without bounds.
_BOUND = 4.0


def memory(intervals: AdaptiveConformal, step: int) -> int:
    """Bars before an anchor, itself included, of which its half widths up to ``step`` are made."""
    return _scores(intervals, step) + step + _length(max(intervals.short, intervals.long)) + 1


def half_widths(
    intervals: AdaptiveConformal, log_close: Floats, anchors: Positions, steps: Positions
) -> Floats:
    """Half widths of the random walk's bands in log price, ``(2, anchors, steps)``, 80% and 95%.

    The quantile is split conformal's (Lei et al. 2018, section 2.2), over the scores that are known at
    the anchor: those of anchors at least ``k`` bars before. Changes over ``k`` bars that begin within
    a third of that have most bars in common, so ``n`` count as ``n / (k / 3)``. Where these are too
    few for a level, the quantile of the next shorter step stands in; before there are any, a normal
    variable's.

    Args:
        intervals: half-lives, weights and window.
        log_close: ``(n_bars,)``; what comes after the last anchor is not read.
        anchors: ascending.
        steps: ascending.
    """
    move = np.abs(np.diff(log_close, prepend=log_close[:1]))
    short, long = (
        _average(move, life, intervals.sigma) ** 2 for life in (intervals.short, intervals.long)
    )
    widths = np.empty((2, len(anchors), len(steps)))
    normal = np.array(_NORMAL)[:, None] / _MEAN_ABSOLUTE
    quantiles = np.repeat(normal, len(anchors), axis=1)
    for column, step in enumerate(steps.tolist()):
        share = intervals.share * (1 - intervals.fade**step) / (step * (1 - intervals.fade))
        expected = np.sqrt(step * (share * short + (1 - share) * long))
        scores = np.abs(log_close[step:] - log_close[:-step]) / expected[:-step]
        found = rolling_quantiles(
            scores, anchors - step + 1, _scores(intervals, step), max(1.0, step / 3)
        )
        quantiles = np.where(
            np.isnan(found), quantiles, np.clip(found, normal / _BOUND, normal * _BOUND)
        )
        quantiles[1] = np.maximum(quantiles[0], quantiles[1])
        widths[:, :, column] = quantiles * expected[anchors]
    return np.maximum.accumulate(widths, axis=2)


def rolling_quantiles(scores: Floats, stops: Positions, window: int, overlap: float) -> Floats:
    """Conformal quantiles of the ``window`` scores before each stop, ``(2, stops)``; NaN where too few.

    Args:
        scores: ``(n,)``.
        stops: ascending; those of 0 or less have no score.
        window: most scores of a quantile.
        overlap: how many of them count as one.
    """
    values = scores.tolist()
    rows: list[tuple[float, float]] = []
    held: list[float] = []  # values[first:last], sorted
    first = last = 0
    places = _places(0, overlap)
    for stop in stops.tolist():
        start, stop = max(0, stop - window), max(0, stop)
        size = len(held)
        if 2 * (start - first) + (stop - last) > window:
            held = np.sort(scores[start:stop]).tolist()
        else:
            for score in values[last:stop]:
                insort(held, score)
            for score in values[first:start]:
                del held[bisect_left(held, score)]
        first, last = start, stop
        if len(held) != size:
            places = _places(len(held), overlap)
        rows.append((_between(held, places[0]), _between(held, places[1])))
    return np.array(rows).reshape(-1, 2).T


def _places(size: int, overlap: float) -> tuple[float, float]:
    """Where in so many sorted scores the quantiles lie, from 0; NaN for those beyond the largest."""
    count = size / overlap
    shares = (level / 100 * (count + 1) / max(count, 1e-9) for level in LEVELS)
    low, high = (share * (size - 1) if share <= 1 else math.nan for share in shares)
    return low, high


def _between(held: list[float], place: float) -> float:
    if math.isnan(place):
        return math.nan
    below = int(place)
    low, high = held[below], held[min(below + 1, len(held) - 1)]
    return low + (place - below) * (high - low)


def _average(move: Floats, half_life: int, sigma: float) -> Floats:
    """Exponentially weighted mean of absolute one-bar moves up to each bar, ``(n,)``.

    By doubling: a bar's mean over ``2m`` bars is made of two over ``m``, so it is made of the same
    operations wherever the bars begin.
    """
    total, weight = move.copy(), np.ones(len(move))
    weight[0] = 0.0  # the first bar has no move
    length = 1
    while length < _length(half_life):
        decay = 0.5 ** (length / half_life)
        for sums in (total, weight):
            sums[length:] += decay * sums[:-length]
        length *= 2
    return (total + _PRIOR_BARS * _MEAN_ABSOLUTE * sigma) / (weight + _PRIOR_BARS)


def _length(half_life: int) -> int:
    return int(2 ** math.ceil(math.log2(_HALF_LIVES * half_life)))


def _scores(intervals: AdaptiveConformal, step: int) -> int:
    return intervals.scores + intervals.scores_per_step * step
