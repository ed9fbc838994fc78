"""How far forecasts were from what happened. Small pure functions of arrays.

Shapes: ``actual`` and ``forecast`` are prices ``(windows, steps)``, ``anchor`` is the last close that
each forecast saw, ``(windows,)``. Errors are in price units.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def absolute_error(actual: Floats, forecast: Floats) -> Floats:
    """Mean absolute error by step, ``(steps,)``."""
    return np.asarray(np.abs(actual - forecast).mean(axis=0))


def squared_error(actual: Floats, forecast: Floats) -> Floats:
    """Mean squared error by step, ``(steps,)``."""
    return np.asarray(((actual - forecast) ** 2).mean(axis=0))


def percentage_error(actual: Floats, forecast: Floats) -> Floats:
    """Mean absolute percentage error by step, in percent, ``(steps,)``; prices are positive."""
    return np.asarray(100.0 * (np.abs(actual - forecast) / actual).mean(axis=0))


def directional_accuracy(anchor: Floats, actual: Floats, forecast: Floats) -> Floats:
    """Share of windows by step whose direction was forecast rightly, ``(steps,)``.

    Windows without a change, and forecasts of none, have no direction and do not count; a step without
    any is NaN (the random walk never has one).
    """
    happened = np.sign(actual - anchor[:, None])
    said = np.sign(forecast - anchor[:, None])
    counts = (happened != 0) & (said != 0)
    right = ((happened == said) & counts).sum(axis=0)
    total = counts.sum(axis=0)
    return np.where(total > 0, right / np.maximum(total, 1), np.nan)


def coverage(actual: Floats, lower: Floats, upper: Floats) -> Floats:
    """Share of windows by step inside the band, bounds included, ``(steps,)``."""
    return np.asarray(((lower <= actual) & (actual <= upper)).mean(axis=0))


def skill(error: float, reference_error: float) -> float:
    """``1 - error / reference_error``: 0 is as good as the reference, 1 is perfect, below 0 is worse.

    The skill score of Murphy (1988), Monthly Weather Review 116, with the MAE. A reference without error
    cannot be beaten: skill is then 0 where the error is 0 too, and minus infinity is avoided as -1.
    """
    if reference_error > 0:
        return 1.0 - error / reference_error
    return 0.0 if error == 0 else -1.0
