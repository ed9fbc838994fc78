"""The random walk's band beside a model's, by the same method and on the same bars."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ml.artifacts.meta import Meta
from ml.evaluation.intervals import bands
from ml.forecasting.spec import AdaptiveConformal


def walk_radius(bars: pd.DataFrame, meta: Meta, n_steps: int) -> NDArray[np.float64]:
    """Half widths in log price of the random walk's 80% band after the last bar, ``(n_steps,)``."""
    close = bars["close"].to_numpy(dtype=np.float64)
    walk = AdaptiveConformal(sigma=meta.target.sigma)
    return np.asarray(bands(walk, close, [len(close) - 1], n_steps).radius_80[0])
