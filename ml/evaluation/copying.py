"""How much forecasts are the last close, moved by one bar.

On a chart of prices a copy of yesterday's close follows the outcomes closely, and its errors look small
beside the price. So forecasts are measured as changes from the last close and not as levels (Theil 1966,
Applied Economic Forecasting, chapter 2; Hewamalage, Ackermann and Bergmeir 2023, Forecast evaluation for
data scientists: common pitfalls and best practices, section 2).

A copy is no fault where nothing better is known: the random walk is one. The score is read beside the
skill: a copy that is no better than the random walk has learnt nothing; a model with skill that hardly
moves is careful; one that moves as far as prices do, without skill, is bold.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_LAGS = 6


@dataclass(frozen=True)
class Copying:
    """How much forecasts are the last close.

    Attributes:
        score: 1 where each forecast is the last close, 0 where forecasts lie as far from it as outcomes
            do, or farther; the mean of `by_step`.
        by_step: the same for each step.
        lag: bars before its target bar where the close lies that the forecast of the next bar is nearest
            to. 0 is the outcome itself, 1 the last close that the forecast saw; more than 1 is the sign
            of a model that lags, or was given old bars.
    """

    score: float
    by_step: tuple[float, ...]
    lag: int

    @property
    def words(self) -> str:
        """In one sentence."""
        return copying_words(self.score, self.lag)


def copying_words(score: float, lag: int) -> str:
    """The score and the lag in one sentence."""
    if score >= 1:
        said = "its forecasts are the last close"
    else:
        said = f"its forecasts move {1 - score:.0%} as far from the last close as prices did"
    if lag > 1:
        said += f", and lie nearest to the close {lag} bars before the one that they forecast: it lags"
    return said


def lag1_copy(close: Floats, anchors: NDArray[np.int64], changes: Floats) -> Copying:
    """How much forecasts are the last close, as `Copying` defines it.

    At step k the score is ``max(0, 1 - mean |forecast change| / mean |change that happened|)``.

    Args:
        close: closes of the series, ``(n_bars,)``.
        anchors: the last bar that each forecast saw, ``(windows,)``; bars follow for all steps.
        changes: forecast log changes from its close, ``(windows, steps)``.
    """
    log_close = np.log(close)
    steps = np.arange(1, changes.shape[1] + 1)
    outcomes = log_close[anchors[:, None] + steps] - log_close[anchors, None]
    moved, happened = np.abs(changes).mean(axis=0), np.abs(outcomes).mean(axis=0)
    still = np.where(moved > 0, 0.0, 1.0)  # of a price that stood still
    share = np.divide(moved, happened, out=1.0 - still, where=happened > 0)
    by_step = np.maximum(0.0, 1.0 - share)
    return Copying(
        float(by_step.mean()), tuple(by_step.tolist()), _nearest_lag(log_close, anchors, changes)
    )


def _nearest_lag(log_close: Floats, anchors: NDArray[np.int64], changes: Floats) -> int:
    known = anchors[anchors >= _LAGS - 2]
    forecast = log_close[known] + changes[anchors >= _LAGS - 2, 0]
    distance = [float(np.abs(forecast - log_close[known + 1 - lag]).mean()) for lag in range(_LAGS)]
    # Where the price stood still all are the same: the last close is what was seen.
    return 1 if distance[1] == min(distance) else int(np.argmin(distance))
