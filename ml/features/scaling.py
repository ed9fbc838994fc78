"""Scaling of inputs as scikit-learn does it, fitted on training rows only, and robust to a crash.

A `Scaler` holds the numbers of scikit-learn's scaler of that name, and is stored as one
(`ml.artifacts.scaler_io`). scikit-learn itself is not imported: it takes as long as torch to import, for
a product and a sum.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.config import ScalerName
from ml.errors import FeatureError
from ml.features.calendar import FloatArray

# One crash must not squeeze all ordinary days into a corner of [-1, 1]: the fit sees values cut off at
# these quantiles of each column. What lies beyond is scaled all the same, up to the bound.
_WINSOR = (0.005, 0.995)

# Scaled values stay within these bounds, whatever comes after training: for min-max, whose ordinary days
# fill [-1, 1], one and a half times that range on either side; for the others, so many deviations or
# interquartile ranges.
BOUNDS: Mapping[ScalerName, float] = {"minmax": 4.0, "standard": 8.0, "robust": 8.0}

# The range of min-max.
LOW, HIGH = -1, 1

# Inputs are around 1e-5 (one-minute currency bars) to 1. A column that moves less than this is rounding.
_LEAST_SPREAD = 1e-9

_EPSILON = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, slots=True)
class Scaler:
    """A fitted scaler.

    Attributes:
        name: its kind.
        numbers: what was fitted, by scikit-learn's names of the attributes; each ``(c,)``.
        rows: rows that it was fitted on; robust does not count them.
    """

    name: ScalerName
    numbers: Mapping[str, FloatArray]
    rows: int | None

    @property
    def n_inputs(self) -> int:
        """Columns that it was fitted on."""
        return len(self.numbers["scale_"])

    def transform(self, values: FloatArray) -> FloatArray:
        """As scikit-learn's ``transform``, to the bit."""
        factor = self.numbers["scale_"]
        match self.name:
            case "minmax":
                scaled: FloatArray = values * factor + self.numbers["min_"]
            case "standard":
                scaled = (values - self.numbers["mean_"]) / factor
            case "robust":
                scaled = (values - self.numbers["center_"]) / factor
        return scaled


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
    numbers = fit_plainly(name, ordinary)
    _silence(name, numbers, ordinary)
    return Scaler(name, numbers, None if name == "robust" else len(ordinary))


def scale(scaler: Scaler, values: FloatArray) -> NDArray[np.float32]:
    """Scale inputs (n, c) to float32 within the scaler's bound (`BOUNDS`); NaN rows stay NaN.

    Raises `FeatureError` where the scaler was fitted on another number of columns.
    """
    if values.ndim != 2 or values.shape[1] != scaler.n_inputs:
        raise FeatureError(
            f"expected {scaler.n_inputs} input columns for this {scaler.name} scaler, "
            f"found an array of shape {values.shape}",
            hint="use the features that the scaler was fitted on",
        )
    bound = BOUNDS[scaler.name]
    return np.clip(scaler.transform(values), -bound, bound).astype(np.float32)


def fit_plainly(name: ScalerName, values: FloatArray) -> dict[str, FloatArray]:
    """What scikit-learn's ``fit`` finds in finite float64 rows (n, c), to the bit, by attribute."""
    match name:
        case "minmax":
            low, high = values.min(axis=0), values.max(axis=0)
            factor = (HIGH - LOW) / _where_zero(high - low)
            return {
                "data_min_": low,
                "data_max_": high,
                "data_range_": high - low,
                "scale_": factor,
                "min_": LOW - low * factor,
            }
        case "standard":
            return _fit_standard(values)
        case "robust":
            lower, upper = np.percentile(values, (25.0, 75.0), axis=0)
            return {"center_": np.median(values, axis=0), "scale_": _where_zero(upper - lower)}


def _fit_standard(values: FloatArray) -> dict[str, FloatArray]:
    """The corrected two-pass algorithm (Chan, Golub and LeVeque, 1983), and its bound on rounding."""
    n = len(values)
    mean = values.sum(axis=0) / n
    apart = values - mean
    correction = apart.sum(axis=0)
    variance = ((apart**2).sum(axis=0) - correction**2 / n) / n
    rounding = n * _EPSILON * variance + (n * mean * _EPSILON) ** 2
    factor = np.sqrt(variance)
    factor[variance <= rounding] = 1.0
    return {"mean_": mean, "var_": variance, "scale_": factor}


def _where_zero(spread: FloatArray) -> FloatArray:
    """The spread, and 1 where it is nothing but rounding: what divides must not be 0."""
    return np.where(spread < 10 * _EPSILON, 1.0, spread)


def _silence(name: ScalerName, numbers: dict[str, FloatArray], ordinary: FloatArray) -> None:
    """Make constant columns 0. scikit-learn would map them to -1 (min-max), or not scale them at all."""
    spread = np.ptp(ordinary, axis=0)
    constant = spread <= _LEAST_SPREAD
    if name == "minmax":  # x * scale_ + min_
        numbers["scale_"][constant] = 0.0
        numbers["min_"][constant] = 0.0
        return
    if name == "robust":
        # Most rows alike, yet not all of them: no interquartile range to divide by.
        lumpy = np.subtract(*np.quantile(ordinary, (0.75, 0.25), axis=0)) <= _LEAST_SPREAD
        numbers["scale_"][lumpy] = spread[lumpy]
    numbers["scale_"][constant] = np.inf  # (x - center) / scale_
