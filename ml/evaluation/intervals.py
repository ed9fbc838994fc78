"""Split-conformal prediction intervals, by step.

The half width at a step is the ``ceil((n + 1) * level) / n`` quantile of the absolute log residuals of
``n`` held-out windows (Lei et al. 2018, Distribution-Free Predictive Inference for Regression, section
2.2). Windows overlap and markets change, so the promised coverage is a claim to be measured: the test
bars' coverage stands beside it.
"""

import math

import numpy as np
from numpy.typing import NDArray

from ml.forecasting.spec import Intervals

Floats = NDArray[np.float64]


def conformal_radius(residuals: Floats, level: int) -> Floats:
    """Half widths by step, ``(steps,)``, never shrinking with the step.

    Args:
        residuals: log price residuals of held-out windows, ``(windows, steps)``.
        level: nominal coverage in percent.
    """
    count = len(residuals)
    rank = min(count, math.ceil((count + 1) * level / 100))
    ordered = np.sort(np.abs(residuals), axis=0)
    return np.maximum.accumulate(ordered[rank - 1])


def calibrate(residuals: Floats) -> Intervals:
    """80% and 95% half widths from held-out log residuals ``(windows, steps)``."""
    return Intervals(
        radius_80=tuple(conformal_radius(residuals, 80).tolist()),
        radius_95=tuple(conformal_radius(residuals, 95).tolist()),
        windows=len(residuals),
    )
