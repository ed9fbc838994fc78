"""Prediction intervals: conformal bands by step, and the fan of a forecast with its bands.

New models have adaptive bands (`ml.evaluation.conformal`); models of before keep their fixed
split-conformal half widths. Neither is a promise where markets change: the coverage on test bars, which
is measured at each promotion, says what they are worth.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ml.evaluation.conformal import half_widths, memory
from ml.forecasting.forecaster import Forecaster
from ml.forecasting.spec import MAX_STEPS, AdaptiveConformal, SplitConformal

Floats = NDArray[np.float64]
Intervals = SplitConformal | AdaptiveConformal

# Steps whose half widths are made of their own scores; those between are interpolated.
_KNOTS = np.append(np.arange(1, 10), np.rint(np.geomspace(10, MAX_STEPS, 16)).astype(np.int64))
_RATIO_BOUNDS = (0.5, 2.0)


@dataclass(frozen=True)
class Bands:
    """Half widths in log price, each ``(anchors, n_steps)``; they never shrink with the step."""

    radius_80: Floats
    radius_95: Floats


@dataclass(frozen=True)
class Fan:
    """A forecast in prices; each array has the shape ``(n_steps,)``."""

    point: Floats
    lower_80: Floats
    upper_80: Floats
    lower_95: Floats
    upper_95: Floats


def fan(
    forecaster: Forecaster, bars: pd.DataFrame, n_steps: int, future: pd.DatetimeIndex | None = None
) -> Fan:
    """Forecast prices after the last bar, with 80% and 95% bands; errors as `Forecaster.paths`.

    Args:
        forecaster: the model.
        bars: normalised bars.
        n_steps: 1 to 500.
        future: stamps (UTC) of the forecast bars, for calendar features.
    """
    last = len(bars) - 1
    path = forecaster.paths(bars, [last], n_steps, None if future is None else [future])[0]
    closes = bars["close"].to_numpy(dtype=np.float64)
    made = bands(forecaster.spec.intervals, closes, [last], n_steps)
    close, radius_80, radius_95 = closes[last], made.radius_80[0], made.radius_95[0]
    return Fan(
        point=close * np.exp(path),
        lower_80=close * np.exp(path - radius_80),
        upper_80=close * np.exp(path + radius_80),
        lower_95=close * np.exp(path - radius_95),
        upper_95=close * np.exp(path + radius_95),
    )


def bands(
    intervals: Intervals, close: Floats, anchors: Sequence[int] | NDArray[np.int64], n_steps: int
) -> Bands:
    """Half widths after each anchor, at steps 1 to ``n_steps``.

    Args:
        intervals: a model's.
        close: ``(n_bars,)``; for each anchor, those after it are not read.
        anchors: positions of the last bar that each forecast sees, ``(n,)``.
        n_steps: 1 to 500.
    """
    positions, place = np.unique(np.asarray(anchors, dtype=np.int64), return_inverse=True)
    if isinstance(intervals, SplitConformal):
        fixed = np.array([widths(r, n_steps) for r in (intervals.radius_80, intervals.radius_95)])
        radius = np.repeat(fixed[:, None], len(positions), axis=1)
    elif len(positions):
        radius = _adaptive(intervals, close, positions, n_steps)
    else:
        radius = np.empty((2, 0, n_steps))
    return Bands(radius[0, place], radius[1, place])


def _adaptive(
    intervals: AdaptiveConformal, close: Floats, positions: NDArray[np.int64], n_steps: int
) -> Floats:
    """``(2, n, n_steps)``, from no more bars than are remembered."""
    knots = _KNOTS[: np.searchsorted(_KNOTS, n_steps) + 1]
    start = max(0, int(positions[0]) + 1 - memory(intervals, int(knots[-1])))
    log_close = np.log(close[start : positions[-1] + 1])
    if len(positions) == 1:
        walk = intervals.model_copy(update={"ratio": (1.0,), "plain": None})
        radius = _at_the_last_bar(walk, log_close.tobytes(), knots.tobytes())
    else:
        radius = half_widths(intervals, log_close, positions - start, knots)
    radius = np.maximum.accumulate(radius * _ratios(intervals.ratio, knots), axis=2)
    return _between(radius, knots, np.arange(1, n_steps + 1))


# A model's bands, the walk's beside them, and the next model's are made of the same half widths.
@lru_cache(maxsize=64)
def _at_the_last_bar(walk: AdaptiveConformal, log_close: bytes, knots: bytes) -> Floats:
    """`half_widths` at the last of some bars, ``(2, 1, knots)``; the arrays come as their bytes."""
    bars = np.frombuffer(log_close)
    steps = np.frombuffer(knots, dtype=np.int64)
    radius = half_widths(walk, bars, np.array([len(bars) - 1]), steps)
    radius.flags.writeable = False  # it is the next caller's too
    return radius


def _between(radius: Floats, knots: NDArray[np.int64], steps: NDArray[np.int64]) -> Floats:
    """Half widths at any steps, linear in the root of the step; at a knot exactly the knot's own."""
    right = np.searchsorted(knots, steps)
    left = np.maximum(right - 1, 0)
    past, span = np.sqrt(steps) - np.sqrt(knots[left]), np.sqrt(knots[right]) - np.sqrt(knots[left])
    weight = np.where(knots[right] == steps, 1.0, past / np.maximum(span, 1e-9))
    low, high = radius[:, :, left], radius[:, :, right]
    # The bound keeps rounding from making a band a hair wider than the knot after it.
    return np.where(weight < 1.0, np.minimum(low + weight * (high - low), high), high)


def calibrate(residuals: Floats, changes: Floats, sigma: float) -> AdaptiveConformal:
    """A model's intervals, from held-out windows.

    The bands are those of the random walk, narrowed or widened by step as the model's mean absolute
    residual is to the walk's.

    Args:
        residuals: of the forecast log changes, ``(windows, steps)``.
        changes: log changes that happened, ``(windows, steps)``: the walk's residuals.
        sigma: std of one-bar log changes over training bars.
    """
    own, walk = np.abs(residuals).mean(axis=0), np.abs(changes).mean(axis=0)
    ratio = np.divide(own, walk, out=np.ones(len(own)), where=walk > 0)
    return AdaptiveConformal(
        sigma=sigma,
        ratio=tuple(np.clip(ratio, *_RATIO_BOUNDS).tolist()),
        plain=split_conformal(residuals),
    )


def split_conformal(residuals: Floats) -> SplitConformal:
    """Fixed 80% and 95% half widths from held-out log residuals ``(windows, steps)``."""
    return SplitConformal(
        radius_80=tuple(conformal_radius(residuals, 80).tolist()),
        radius_95=tuple(conformal_radius(residuals, 95).tolist()),
        windows=len(residuals),
    )


def conformal_radius(residuals: Floats, level: int) -> Floats:
    """Half widths by step, ``(steps,)``, never shrinking with the step.

    The ``ceil((n + 1) * level) / n`` quantile of the absolute residuals (Lei et al. 2018,
    Distribution-Free Predictive Inference for Regression, section 2.2).

    Args:
        residuals: log price residuals of held-out windows, ``(windows, steps)``.
        level: nominal coverage in percent.
    """
    count = len(residuals)
    rank = min(count, math.ceil((count + 1) * level / 100))
    ordered = np.sort(np.abs(residuals), axis=0)
    return np.asarray(np.maximum.accumulate(ordered[rank - 1]))


def widths(radius: Sequence[float], n_steps: int) -> Floats:
    """Half widths at steps 1 to ``n_steps``: as calibrated, then growing with the root of the step."""
    known = np.asarray(radius, dtype=np.float64)
    steps = np.arange(1, n_steps + 1)
    beyond = known[-1] * np.sqrt(steps / len(known))
    return np.where(steps <= len(known), np.resize(known, n_steps), beyond)


def _ratios(ratio: Sequence[float], steps: NDArray[np.int64]) -> Floats:
    """Ratios at any steps: beyond the horizon the rest of a path is a random walk's."""
    known = np.asarray(ratio, dtype=np.float64)
    horizon = len(known)
    beyond = np.sqrt(1.0 + (known[-1] ** 2 - 1.0) * horizon / np.maximum(steps, horizon))
    return np.asarray(np.where(steps <= horizon, known[np.minimum(steps, horizon) - 1], beyond))
