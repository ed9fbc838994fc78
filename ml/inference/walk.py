"""The random walk's band beside a model's, by the same method and on the same held-out bars."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ml.artifacts.meta import Meta
from ml.evaluation.intervals import conformal_radius
from ml.features.windows import targets
from ml.forecasting.forecaster import widths

_NORMAL_80 = 1.2815515655446004  # a normal variable lies within +- this 80% of the time


def walk_radius(bars: pd.DataFrame, meta: Meta, n_steps: int) -> NDArray[np.float64]:
    """Half widths in log price of the random walk's 80% band, ``(n_steps,)``.

    The walk's own split-conformal widths, from the validation windows that the model's come from, so
    that both bands answer to the same market. Where the bars do not hold these windows, the widths of a
    normal walk with the training volatility.
    """
    close = bars["close"].to_numpy(dtype=np.float64)
    stamps = pd.DatetimeIndex(bars["timestamp"])
    validation = meta.split.validation
    anchors = validation.anchors(stamps)
    held = len(anchors) > 0 and anchors[-1] + meta.horizon < len(close)
    if not held or stamps[anchors[0]] != pd.Timestamp(validation.first):
        return _NORMAL_80 * meta.target.sigma * np.sqrt(np.arange(1, n_steps + 1))
    # The walk says no change: its residuals are the changes.
    return widths(conformal_radius(targets(close, anchors, meta.horizon), 80).tolist(), n_steps)
