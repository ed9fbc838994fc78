"""Scalers to bytes and back, by joblib's format, without ever unpickling in the ordinary sense.

A scaler file is a pickle, and a pickle is a program. Here the names in it resolve to inert stand-ins,
the machine knows only the few operations that joblib's own dumps of the three scalers use, and what
comes out is a state of which only checked numbers are copied into a fresh scaler.
"""

import io
import math
from typing import Any

import joblib
import numpy as np
from numpy.typing import NDArray
from sklearn.preprocessing import MinMaxScaler, RobustScaler, StandardScaler

from ml.artifacts.scaler_pickle import ScalerState, read_state
from ml.errors import ArtifactError
from ml.features.scaling import Scaler

MAX_SCALER_BYTES = 256 * 1024

# Bounds of what can be the scale of a price, a volume or an indicator.
_LARGEST = 1e30
_SMALLEST_SCALE = 1e-30
_LARGEST_VARIANCE = 1e60

_CLASSES: dict[str, Any] = {
    "MinMaxScaler": MinMaxScaler,
    "StandardScaler": StandardScaler,
    "RobustScaler": RobustScaler,
}
_FLAGS = {
    "MinMaxScaler": {"clip"},
    "StandardScaler": {"with_mean", "with_std"},
    "RobustScaler": {"with_centering", "with_scaling", "unit_variance"},
}
_PAIRS = {"MinMaxScaler": {"feature_range"}, "StandardScaler": set(), "RobustScaler": {"quantile_range"}}
_ARRAYS = {
    "MinMaxScaler": {"scale_", "min_", "data_min_", "data_max_", "data_range_"},
    "StandardScaler": {"mean_", "var_", "scale_"},
    "RobustScaler": {"center_", "scale_"},
}
# What ml.features.scaling sets for a constant column, to map it to 0: min-max multiplies, others divide.
_SILENT = {"MinMaxScaler": 0.0, "StandardScaler": math.inf, "RobustScaler": math.inf}
_SAMPLES = {"MinMaxScaler", "StandardScaler"}  # those that count them in n_samples_seen_


def dump_scaler(scaler: Scaler, n_inputs: int, where: str = "") -> bytes:
    """A fitted scaler as joblib writes it, uncompressed, once it is sure that it loads again.

    Raises `ArtifactError` for a scaler that `load_scaler` would refuse.
    """
    buffer = io.BytesIO()
    joblib.dump(scaler, buffer, compress=0, protocol=4)
    content = buffer.getvalue()
    load_scaler(content, n_inputs, where)
    return content


def load_scaler(content: bytes, n_inputs: int, where: str = "") -> Scaler:
    """A fresh scaler with the numbers of a dumped one.

    Args:
        content: the file's bytes, the same that were hashed.
        n_inputs: columns that the scaler must have been fitted on.
        where: the file, for messages.

    Raises:
        ArtifactError: anything but an uncompressed dump of a sane MinMaxScaler, StandardScaler or
            RobustScaler fitted on a float array. Nothing in ``content`` is executed.
    """
    if len(content) > MAX_SCALER_BYTES:
        raise _refused(f"expected at most {MAX_SCALER_BYTES} bytes, found {len(content)}", where)
    try:
        return _rebuild(read_state(content), n_inputs)
    except ValueError as error:
        raise _refused(str(error), where) from error


def _rebuild(state: ScalerState, n_inputs: int) -> Scaler:
    name, values = state.name, state.values
    fitted = {"n_features_in_"} | ({"n_samples_seen_"} if name in _SAMPLES else set())
    expected = _FLAGS[name] | _PAIRS[name] | _ARRAYS[name] | fitted | {"copy", "_sklearn_version"}
    if values.keys() != expected:
        raise ValueError(
            f"expected the attributes {sorted(expected)} of a {name}, found {sorted(values)}"
        )
    parameters: dict[str, Any] = {flag: _flag(flag, values[flag]) for flag in _FLAGS[name]}
    parameters |= {pair: _pair(pair, values[pair]) for pair in _PAIRS[name]}
    scaler = _CLASSES[name](**parameters)
    silent = _SILENT[name]
    for attribute in sorted(_ARRAYS[name]):
        setattr(scaler, attribute, _array(attribute, values[attribute], n_inputs, silent))
    if name in _SAMPLES:
        scaler.n_samples_seen_ = _count("n_samples_seen_", values["n_samples_seen_"])
    if _count("n_features_in_", values["n_features_in_"]) != n_inputs:
        raise ValueError(f"expected n_features_in_ to be {n_inputs}")
    scaler.n_features_in_ = n_inputs
    return scaler


def _flag(name: str, value: object) -> bool:
    if type(value) is not bool:
        raise ValueError(f"expected {name} to be true or false")
    if name.startswith("with_") and not value:
        raise ValueError(f"expected {name} to be true")
    return value


def _pair(name: str, value: object) -> tuple[float, float]:
    if type(value) is tuple and len(value) == 2:
        low, high = value
        if type(low) in (int, float) and type(high) in (int, float) and -100 <= low < high <= 100:
            return low, high
    raise ValueError(f"expected {name} to be two ascending numbers from -100 to 100")


def _count(name: str, value: Any) -> int:
    if type(value) in (int, float) and 1 <= value <= 2**53 and value == int(value):
        return int(value)
    raise ValueError(f"expected {name} to be a whole number from 1 on")


def _array(name: str, value: object, n_inputs: int, silent: float) -> NDArray[np.float64]:
    if not isinstance(value, np.ndarray) or value.dtype != np.float64 or value.shape != (n_inputs,):
        raise ValueError(f"expected {name} to be {n_inputs} numbers of float64")
    largest = _LARGEST_VARIANCE if name == "var_" else _LARGEST
    checked = value[value != silent] if name == "scale_" else value
    if not (np.isfinite(checked).all() and (np.abs(checked) <= largest).all()):
        raise ValueError(f"expected {name} to be finite and at most {largest:g}")
    if name == "scale_" and not (checked >= _SMALLEST_SCALE).all():
        raise ValueError(f"expected {name} to be at least {_SMALLEST_SCALE:g}")
    return value.copy()


def _refused(problem: str, where: str) -> ArtifactError:
    return ArtifactError(
        f"not a scaler that Tickerflow wrote: {problem}",
        hint="nothing of it was executed; go back with `tickerflow models rollback`, or train again",
        where=where,
    )
