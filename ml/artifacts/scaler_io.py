"""Scalers to bytes and back, by joblib's format, without ever unpickling in the ordinary sense.

A scaler file is a pickle of scikit-learn's scaler, and a pickle is a program. Here the names in it
resolve to inert stand-ins, the machine knows only the few operations that joblib's own dumps of the
three scalers use, and what comes out is a state of which only checked numbers become a `Scaler`.
"""

import math
from functools import cache
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.artifacts.scaler_pickle import ScalerState, read_state
from ml.config import ScalerName
from ml.errors import ArtifactError
from ml.features.scaling import HIGH, LOW, Scaler

MAX_SCALER_BYTES = 256 * 1024

# Bounds of what can be the scale of a price, a volume or an indicator.
_LARGEST = 1e30
_SMALLEST_SCALE = 1e-30
_LARGEST_VARIANCE = 1e60

# scikit-learn's classes, and the parameters that Tickerflow makes them with.
_CLASSES: dict[ScalerName, str] = {
    "minmax": "MinMaxScaler",
    "standard": "StandardScaler",
    "robust": "RobustScaler",
}
_NAMES = {scikit: name for name, scikit in _CLASSES.items()}
_PARAMETERS: dict[ScalerName, dict[str, Any]] = {
    "minmax": {"feature_range": (LOW, HIGH), "copy": True, "clip": False},
    "standard": {"copy": True, "with_mean": True, "with_std": True},
    "robust": {
        "with_centering": True,
        "with_scaling": True,
        "quantile_range": (25.0, 75.0),
        "copy": True,
        "unit_variance": False,
    },
}
# Those that change nothing once a scaler is fitted.
_OF_THE_FIT = {"feature_range", "quantile_range", "copy", "unit_variance"}
_ARRAYS: dict[ScalerName, set[str]] = {
    "minmax": {"scale_", "min_", "data_min_", "data_max_", "data_range_"},
    "standard": {"mean_", "var_", "scale_"},
    "robust": {"center_", "scale_"},
}
# What ml.features.scaling sets for a constant column, to map it to 0: min-max multiplies, others divide.
_SILENT: dict[ScalerName, float] = {"minmax": 0.0, "standard": math.inf, "robust": math.inf}
_COUNTING = {"minmax", "standard"}  # those with n_samples_seen_


def dump_scaler(scaler: Scaler, n_inputs: int, where: str = "") -> bytes:
    """scikit-learn's scaler of these numbers as joblib writes it, uncompressed; it loads again.

    Raises `ArtifactError` for a scaler that `load_scaler` would refuse.
    """
    from ml.artifacts.scaler_dump import dump_state  # joblib: who only loads does not need it

    fitted: dict[str, Any] = {"n_features_in_": scaler.n_inputs}
    if scaler.rows is not None:
        fitted["n_samples_seen_"] = scaler.rows
    content = dump_state(
        ScalerState(
            _CLASSES[scaler.name],
            {
                **_PARAMETERS[scaler.name],
                **fitted,
                **scaler.numbers,
                "_sklearn_version": _scikit_learn_version(),
            },
        )
    )
    load_scaler(content, n_inputs, where)
    return content


@cache
def _scikit_learn_version() -> str:
    return version("scikit-learn")


def load_scaler(content: bytes, n_inputs: int, where: str = "") -> Scaler:
    """A scaler with the numbers of a dumped one.

    Args:
        content: the file's bytes, the same that were hashed.
        n_inputs: columns that the scaler must have been fitted on.
        where: the file, for messages.

    Raises:
        ArtifactError: anything but an uncompressed dump of a sane MinMaxScaler, StandardScaler or
            RobustScaler fitted on a float array, whose transform is `Scaler.transform`. Nothing in
            ``content`` is executed.
    """
    if len(content) > MAX_SCALER_BYTES:
        raise _refused(f"expected at most {MAX_SCALER_BYTES} bytes, found {len(content)}", where)
    try:
        return _rebuild(read_state(content), n_inputs)
    except ValueError as error:
        raise _refused(str(error), where) from error


def _rebuild(state: ScalerState, n_inputs: int) -> Scaler:
    name, values = _NAMES[state.name], state.values
    fitted = {"n_features_in_"} | ({"n_samples_seen_"} if name in _COUNTING else set())
    expected = _PARAMETERS[name].keys() | _ARRAYS[name] | fitted | {"_sklearn_version"}
    if values.keys() != expected:
        raise ValueError(
            f"expected the attributes {sorted(expected)} of a {state.name}, found {sorted(values)}"
        )
    for parameter, own in _PARAMETERS[name].items():
        _check_parameter(parameter, values[parameter], own)
    numbers = {
        attribute: _array(attribute, values[attribute], n_inputs, _SILENT[name])
        for attribute in sorted(_ARRAYS[name])
    }
    rows = _count("n_samples_seen_", values["n_samples_seen_"]) if name in _COUNTING else None
    if _count("n_features_in_", values["n_features_in_"]) != n_inputs:
        raise ValueError(f"expected n_features_in_ to be {n_inputs}")
    return Scaler(name, numbers, rows)


def _check_parameter(name: str, value: object, own: object) -> None:
    if isinstance(own, tuple):
        _check_pair(name, value)
    elif type(value) is not bool:
        raise ValueError(f"expected {name} to be true or false")
    elif name not in _OF_THE_FIT and value is not own:
        raise ValueError(f"expected {name} to be {str(own).lower()}")


def _check_pair(name: str, value: object) -> None:
    if type(value) is tuple and len(value) == 2:
        low, high = value
        if type(low) in (int, float) and type(high) in (int, float) and -100 <= low < high <= 100:
            return
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
