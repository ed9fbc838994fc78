"""Tests on forecasts whose outcomes have come: of the bands, and of which errors to compare."""

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr

from ml.evaluation.verdict import MIN_BLOCKS, MIN_WINDOWS

Floats = NDArray[np.float64]


def coverage_p(inside: NDArray[np.bool_], nominal: float) -> float:
    """Probability that so few outcomes, or fewer, lie inside a band that holds what it says.

    The exact binomial test, one-sided (Kupiec 1995, Techniques for verifying the accuracy of risk
    measurement models, J. Derivatives 3(2), tests the same share by its likelihood ratio). Outcomes are
    taken as independent, so they must not overlap: those at step 1 of forecasts made at different bars.

    Args:
        inside: whether each outcome was, ``(n,)``.
        nominal: share that should be, such as 0.8.
    """
    n = len(inside)
    return float(bdtr(int(inside.sum()), n, nominal)) if n else 1.0


def judged_steps(errors: Floats, least: int, spacing: int = 1) -> int:
    """How many of the first steps can be judged together, 0 where none can.

    The most for which enough forecasts have all of their outcomes: at least ``least``, and enough that
    do not overlap for a test of those that do (`ml.evaluation.verdict`). Live, forecasts are few at
    first, and far steps have their outcomes late: then near steps are judged.

    Args:
        errors: ``(forecasts, steps)``, NaN where the outcome has not come.
        least: forecasts.
        spacing: bars between the as-of bars of neighbouring forecasts.
    """
    known = np.minimum.accumulate(~np.isnan(errors), axis=1).sum(axis=0)
    for steps in range(errors.shape[1], 0, -1):
        blocks = -(-steps // spacing)
        if known[steps - 1] >= max(least, MIN_WINDOWS, MIN_BLOCKS * blocks):
            return steps
    return 0
