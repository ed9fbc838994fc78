"""Features by name: ``rsi_14``, ``macd_12_26_9``, ``day_of_week``; raw values, as TA-Lib gives them.

The names and what they compute are the table in ml/features/registry.py; how a network sees the values
is ml/features/inputs.py. All of it is causal: row t is a function of bars up to t.
"""

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ml.config import DEFAULT_FEATURES, MAX_FEATURES
from ml.errors import FeatureError
from ml.features.calendar import FloatArray
from ml.features.registry import REGISTRY, Indicator, Parameter

Columns = Mapping[str, NDArray[Any]]

# No leading zeros and no trailing ones, so that a feature has one name only.
_NUMBER = re.compile(r"(0|[1-9][0-9]{0,9})(\.[0-9]{0,5}[1-9])?")


@dataclass(frozen=True, slots=True)
class Feature:
    """One parsed name: an indicator and its numbers."""

    name: str
    indicator: Indicator
    values: tuple[float, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """``("sma_20",)``, or ``("macd_12_26_9.macd", ...)`` where there are several outputs."""
        return tuple(f"{self.name}.{output}" for output in self.indicator.outputs) or (self.name,)


class FeatureHelp(NamedTuple):
    """A row of the help table."""

    pattern: str
    example: str
    about: str


def available_features() -> tuple[FeatureHelp, ...]:
    """All features there are: name with parameters, an example, what it is."""
    return tuple(FeatureHelp(each.pattern, each.example, each.about) for each in REGISTRY.values())


def parse_feature(name: str) -> Feature:
    """Read one feature name.

    Raises `FeatureError` with the nearest valid name, or the whole list, for an unknown name, a wrong
    count of numbers, or a number outside its limits.
    """
    base, texts = _split(name)
    indicator = REGISTRY.get(base)
    if indicator is None:
        raise FeatureError(f"expected the name of a feature, found {name!r}", hint=_suggestions(name))
    if len(texts) != len(indicator.parameters):
        raise FeatureError(
            f"expected {indicator.pattern}, such as {indicator.example}, found {name!r}",
            hint=_suggestions(name),
        )
    values = tuple(
        _number(text, parameter, name)
        for text, parameter in zip(texts, indicator.parameters, strict=True)
    )
    names = [parameter.name for parameter in indicator.parameters]
    if "fast" in names and values[names.index("fast")] >= values[names.index("slow")]:
        raise FeatureError(
            f"expected a fast period below the slow one, found {name!r}",
            hint=_suggestions(name),
        )
    return Feature(name, indicator, values)


def parse_features(features: Sequence[str]) -> tuple[Feature, ...]:
    """Read a list of names.

    Raises `FeatureError` for no name or more than `MAX_FEATURES`, for a wrong one or a repeated one.
    """
    return _parse_features(tuple(features))


@lru_cache(maxsize=256)  # a forecast asks for the same few names at every block
def _parse_features(features: tuple[str, ...]) -> tuple[Feature, ...]:
    if not features:
        raise FeatureError(
            "expected at least one feature, found none", hint="such as: close rsi_14 sma_20"
        )
    if len(features) > MAX_FEATURES:
        raise FeatureError(
            f"expected at most {MAX_FEATURES} features, found {len(features)}", hint="leave some out"
        )
    repeated = {name for name in features if features.count(name) > 1}
    if repeated:
        raise FeatureError(
            f"expected each feature once, found {', '.join(sorted(repeated))} several times",
            hint="remove the repetition",
        )
    return tuple(parse_feature(name) for name in features)


def feature_columns(features: Sequence[str]) -> tuple[str, ...]:
    """Names of the columns that these features have, in order. Raises as `parse_features`."""
    return tuple(column for feature in parse_features(features) for column in feature.columns)


def required_columns(features: Sequence[str]) -> frozenset[str]:
    """Columns of the bars that these features are computed from."""
    return frozenset(need for feature in parse_features(features) for need in feature.indicator.needs)


def default_features(has_volume: bool) -> tuple[str, ...]:
    """The default set, without what needs volume where there is none."""
    if has_volume:
        return DEFAULT_FEATURES
    return tuple(name for name in DEFAULT_FEATURES if "volume" not in required_columns([name]))


def compute_features(bars: pd.DataFrame, features: Sequence[str]) -> pd.DataFrame:
    """Raw values of the features, one row for each bar, float64, NaN while an indicator warms up.

    `bars` are normalised: ascending, prices finite and positive. A null volume amid others counts as
    none traded, for TA-Lib's running sums would not recover from it. Raises `FeatureError` for a wrong
    name, or when the bars lack a column (a volume that is null throughout is lacking).
    """
    parsed = parse_features(features)
    raw = raw_values(bar_columns(bars, parsed), parsed)
    return pd.DataFrame(raw, index=bars.index)


def bar_columns(bars: pd.DataFrame, features: Sequence[Feature]) -> dict[str, NDArray[Any]]:
    """The columns that the features need, and close, as contiguous arrays (TA-Lib wants float64).

    Raises `FeatureError` that names the first feature whose column is missing.
    """
    columns: dict[str, NDArray[Any]] = {"close": _prices(bars, "close")}
    for feature in features:
        for need in feature.indicator.needs:
            if need in columns:
                continue
            if need not in bars or (need == "volume" and len(bars) and bars[need].isna().all()):
                raise _missing(feature, need, features)
            columns[need] = _column(bars, need)
    return columns


def raw_values(columns: Columns, features: Sequence[Feature]) -> dict[str, FloatArray]:
    """Each feature's columns by name, from the arrays of `bar_columns`."""
    raw: dict[str, FloatArray] = {}
    for feature in features:
        arrays = [columns[need] for need in feature.indicator.needs]
        if not len(arrays[0]):  # TA-Lib cannot take an empty array
            outputs: Any = tuple(np.empty(0) for _ in feature.columns)
        else:
            outputs = feature.indicator.compute(*arrays, *feature.values)
        if not isinstance(outputs, tuple | list):
            outputs = (outputs,)
        raw.update(zip(feature.columns, outputs, strict=True))
    return raw


def _column(bars: pd.DataFrame, name: str) -> NDArray[Any]:
    if name == "timestamp":
        # Going through UTC keeps the instant; numpy has no zones.
        return bars[name].to_numpy(dtype="datetime64[ns]")
    values = _prices(bars, name)
    return np.nan_to_num(values) if name == "volume" and np.isnan(values).any() else values


def _prices(bars: pd.DataFrame, name: str) -> FloatArray:
    column = bars[name]
    # Normalised bars are plain float64 already; a conversion would copy the series.
    plain = column.dtype == np.float64
    values = column.to_numpy() if plain else column.to_numpy(dtype=np.float64, na_value=np.nan)
    return np.ascontiguousarray(values)


def _missing(feature: Feature, column: str, features: Sequence[Feature]) -> FeatureError:
    others = " ".join(each.name for each in features if column not in each.indicator.needs)
    return FeatureError(
        f"feature {feature.name!r} needs the column {column!r}, which these bars do not have",
        hint=f"bring the column, or use the features that do without: {others or 'close'}",
    )


def _split(name: str) -> tuple[str, list[str]]:
    """``macd_12_26_9`` -> (``macd``, [``12``, ``26``, ``9``])."""
    parts = name.split("_")
    count = 0
    while count < len(parts) - 1 and parts[-1 - count][:1].isdigit():
        count += 1
    cut = len(parts) - count
    return "_".join(parts[:cut]), parts[cut:]


def _number(text: str, parameter: Parameter, name: str) -> float:
    plain = _NUMBER.fullmatch(text) is not None and (parameter.decimal or "." not in text)
    value = float(text) if plain else float("nan")
    if not parameter.least <= value <= parameter.most:
        sort = "a number" if parameter.decimal else "a whole number"
        raise FeatureError(
            f"expected {sort} from {parameter.least:g} to {parameter.most:g} as {parameter.name} "
            f"in {name!r}, found {text!r}",
            hint=_suggestions(name),
        )
    return value if parameter.decimal else int(text)


def _suggestions(name: str) -> str:
    """The nearest name and all there are."""
    examples = {entry.example: entry.pattern for entry in REGISTRY.values()}
    wanted = name.strip().lower().replace("-", "_")
    near = difflib.get_close_matches(wanted, [*examples, *REGISTRY], n=1, cutoff=0.7)
    nearest = f"did you mean {_as_example(near[0])!r}? " if near else ""
    return f"{nearest}there are: {', '.join(examples.values())}"


def _as_example(name: str) -> str:
    return REGISTRY[name].example if name in REGISTRY else name
