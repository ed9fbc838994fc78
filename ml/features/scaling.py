"""Scaling of inputs: scikit-learn scalers, fitted on training rows only, and robust to a crash."""

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from sklearn.preprocessing import MinMaxScaler, RobustScaler, StandardScaler

from ml.config import ScalerName
from ml.errors import FeatureError
from ml.features.calendar import FloatArray

Scaler: TypeAlias = MinMaxScaler | StandardScaler | RobustScaler

# One crash must not squeeze all ordinary days into a corner of [-1, 1]: the fit sees values cut off at
# these quantiles of each column. What lies beyond is scaled all the same, up to the bound.
_WINSOR = (0.005, 0.995)

# Scaled values stay within these bounds, whatever comes after training: for min-max, whose ordinary days
# fill [-1, 1], one and a half times that range on either side; for the others, so many deviations or
# interquartile ranges.
BOUNDS: dict[type[Any], float] = {MinMaxScaler: 4.0, StandardScaler: 8.0, RobustScaler: 8.0}

# Inputs are around 1e-5 (one-minute currency bars) to 1. A column that moves less than this is rounding.
_LEAST_SPREAD = 1e-9


def fit_scaler(name: ScalerName, train_values: FloatArray, columns: Sequence[str] = ()) -> Scaler:
    """Fit a scaler on training rows.

    A column that is constant in training carries nothing: it is scaled to 0, then and later.

    Args:
        name: minmax (to [-1, 1]), standard or robust.
        train_values: (n, c), finite: no warm-up rows.
        columns: names of the columns, for errors.

    Raises:
        FeatureError: no row, or a value that is not finite.
    """
    if train_values.ndim != 2 or not train_values.size:
        raise FeatureError(
            f"expected rows of inputs to fit the scaler on, found an array of shape {train_values.shape}"
        )
    finite = [bool(np.isfinite(column).all()) for column in train_values.T]
    if not all(finite):
        names = columns or [f"column {index}" for index in range(train_values.shape[1])]
        bad = ", ".join(name for name, good in zip(names, finite, strict=True) if not good)
        raise FeatureError(
            f"expected finite training inputs, found others in {bad}", hint="leave the warm-up rows out"
        )
    low, high = np.quantile(train_values, _WINSOR, axis=0)
    ordinary = np.clip(train_values, low, high)
    scaler = _make(name).fit(ordinary)
    _silence(scaler, ordinary)
    return scaler


def scale(scaler: Scaler, values: FloatArray) -> NDArray[np.float32]:
    """Scale inputs (n, c) to float32 within the scaler's bound (`BOUNDS`); NaN rows stay NaN.

    Raises `FeatureError` where the scaler was fitted on another number of columns.
    """
    if values.ndim != 2 or values.shape[1] != scaler.n_features_in_:
        raise FeatureError(
            f"expected {scaler.n_features_in_} input columns for this {type(scaler).__name__}, "
            f"found an array of shape {values.shape}",
            hint="use the features that the scaler was fitted on",
        )
    bound = BOUNDS[type(scaler)]
    return np.clip(_transform(scaler, values), -bound, bound).astype(np.float32)


def _transform(scaler: Scaler, values: FloatArray) -> FloatArray:
    """As ``scaler.transform``, to the bit, without the checks that take it a hundred times as long."""
    if isinstance(scaler, MinMaxScaler):
        scaled: FloatArray = values * scaler.scale_ + scaler.min_
    elif isinstance(scaler, StandardScaler):
        scaled = (values - scaler.mean_) / scaler.scale_
    else:
        scaled = (values - scaler.center_) / scaler.scale_
    return scaled


def _make(name: ScalerName) -> Scaler:
    match name:
        case "minmax":
            return MinMaxScaler(feature_range=(-1, 1))
        case "standard":
            return StandardScaler()
        case "robust":
            return RobustScaler()


def _silence(scaler: Scaler, ordinary: FloatArray) -> None:
    """Make constant columns 0. scikit-learn would map them to -1 (min-max), or not scale them at all."""
    spread = np.ptp(ordinary, axis=0)
    constant = spread <= _LEAST_SPREAD
    if isinstance(scaler, MinMaxScaler):  # x * scale_ + min_
        scaler.scale_[constant] = 0.0
        scaler.min_[constant] = 0.0
        return
    if isinstance(scaler, RobustScaler):
        # Most rows alike, yet not all of them: no interquartile range to divide by.
        lumpy = np.subtract(*np.quantile(ordinary, (0.75, 0.25), axis=0)) <= _LEAST_SPREAD
        scaler.scale_[lumpy] = spread[lumpy]
    scaler.scale_[constant] = np.inf  # (x - center) / scale_
