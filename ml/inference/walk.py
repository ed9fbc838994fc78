"""The random walk's band beside a model's, by the same method and on the same bars."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ml.artifacts.meta import Meta
from ml.evaluation.intervals import Bands, Fan, bands
from ml.forecasting.spec import AdaptiveConformal


def walk_radius(bars: pd.DataFrame, meta: Meta, n_steps: int) -> NDArray[np.float64]:
    """Half widths in log price of the random walk's 80% band after the last bar, ``(n_steps,)``."""
    return np.asarray(_bands(bars, meta, n_steps).radius_80[0])


def walk_fan(bars: pd.DataFrame, meta: Meta, n_steps: int) -> Fan:
    """The random walk's forecast after the last bar, in prices: the last close, and both bands."""
    made, close = _bands(bars, meta, n_steps), float(bars["close"].iloc[-1])
    radius_80, radius_95 = made.radius_80[0], made.radius_95[0]
    return Fan(
        point=np.full(n_steps, close),
        lower_80=close * np.exp(-radius_80),
        upper_80=close * np.exp(radius_80),
        lower_95=close * np.exp(-radius_95),
        upper_95=close * np.exp(radius_95),
    )


def _bands(bars: pd.DataFrame, meta: Meta, n_steps: int) -> Bands:
    close = bars["close"].to_numpy(dtype=np.float64)
    walk = AdaptiveConformal(sigma=meta.target.sigma)
    return bands(walk, close, [len(close) - 1], n_steps)
