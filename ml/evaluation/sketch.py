"""What the pictures of a version are drawn from: some hundred numbers of evaluation.json, whatever the
number of test bars, so that thousands of series stay small.
"""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ml.evaluation.intervals import Bands
from ml.evaluation.judge import TestWindows
from ml.forecasting.forecaster import Forecaster

Floats = NDArray[np.float64]

_BARS = 120  # of the newest test bars
_PERIODS = 40  # in which the test windows are counted together
_FANS = 12
_EDGES = np.linspace(-5.0, 5.0, 41)  # of the residuals' histogram, in deviations


def sketch(forecaster: Forecaster, test: TestWindows, changes: Floats, made: Bands) -> dict[str, Any]:
    """Forecasts against what came, and residuals, of a model on its test windows.

    Args:
        forecaster: the model.
        test: at least one window.
        changes: its forecast log changes there, ``(windows, steps)``.
        made: its bands there.

    Returns:
        ``recent``: stamps and closes of the newest test bars, and from some of them forecast log changes
        with the half widths of their bands; ``residuals``: of log changes, in units of the training
        volatility times the root of the step, as shares of a histogram and by time.
    """
    return {
        "recent": _recent(test, changes, made),
        "residuals": _residuals(forecaster, test, changes),
    }


def _recent(test: TestWindows, changes: Floats, made: Bands) -> dict[str, Any]:
    close = test.bars["close"].to_numpy(dtype=np.float64)
    last, steps = int(test.anchors[-1]), test.steps
    stop = last + steps + 1
    start = max(int(test.anchors[0]), stop - max(_BARS, 2 * steps + 1))
    # Back from the newest window in whole horizons, so that no two fans overlap.
    apart = max(steps, -(-(last - start) // _FANS))
    origins = np.arange(last, start - 1, -apart)[::-1]
    rows = np.searchsorted(test.anchors, origins)

    return {
        "stamps": _seconds(test.bars["timestamp"].iloc[start:stop]),
        "close": _short(close[start:stop]),
        "fans": [
            {
                "at": int(origin - start),
                "change": _short(changes[row]),
                "radius_80": _short(made.radius_80[row]),
                "radius_95": _short(made.radius_95[row]),
            }
            for row, origin in zip(rows, origins, strict=True)
        ],
    }


def _residuals(forecaster: Forecaster, test: TestWindows, changes: Floats) -> dict[str, Any]:
    unit = forecaster.spec.target.sigma * np.sqrt(np.arange(1, test.steps + 1))
    residuals = (test.actual_changes - changes) / unit  # (windows, steps)
    stamps = test.bars["timestamp"].iloc[test.anchors]
    periods = np.array_split(np.arange(len(residuals)), min(_PERIODS, len(residuals)))
    return {
        "edges": _EDGES.tolist(),
        "first_step": _histogram(residuals[:, 0]),
        "last_step": _histogram(residuals[:, -1]),
        "steps": test.steps,
        "stamps": _seconds(stamps.iloc[[int(rows[len(rows) // 2]) for rows in periods]]),
        "mean": _short([residuals[rows].mean() for rows in periods]),
        "deviation": _short([np.sqrt((residuals[rows] ** 2).mean()) for rows in periods]),
    }


def _histogram(values: Floats) -> list[float]:
    """Share of the values in each bin; what lies beyond is in the outermost ones."""
    counts, _ = np.histogram(np.clip(values, _EDGES[0], _EDGES[-1]), _EDGES)
    return _short(counts / len(values))


def _seconds(stamps: pd.Series) -> list[int]:
    """Since 1970: a third of the characters of a date."""
    seconds: list[int] = (pd.DatetimeIndex(stamps).as_unit("s").asi8).tolist()
    return seconds


def _short(values: Any) -> list[float]:
    """Six digits: a picture shows no more."""
    return [float(f"{value:.6g}") for value in np.asarray(values, dtype=np.float64).tolist()]
