"""A search for leaks: change the future, and see whether a feature of the past moves."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ml.features.indicators import Columns, compute_features
from ml.features.inputs import compute_inputs

_PRICES = ("open", "high", "low", "close")
_NUMBERS = (*_PRICES, "volume")

Compute = Callable[[pd.DataFrame, Sequence[str]], pd.DataFrame]


def find_leak(
    features: Sequence[str],
    bars: pd.DataFrame,
    cuts: Iterable[int],
    rng: np.random.Generator,
    compute: Compute | None = None,
) -> list[str]:
    """Columns whose values up to a bar change, by as little as a bit, when later bars do.

    For each cut t, bars after t get other prices, volumes and stamps, and in a second trial are missing;
    every value in rows 0 .. t must keep its bytes.

    Args:
        features: names of features.
        bars: normalised bars.
        cuts: indices t, 0 <= t < len(bars) - 1.
        rng: source of the changes.
        compute: gives a column for each name to check, with a row for each bar; by default raw values
            and networks' inputs.

    Returns:
        Names of the leaking columns, in order; empty if there is none.
    """
    compute = compute or _raw_and_inputs
    # As the features see them; else a volume that begins after a cut would count as lacking before it.
    columns = columns_of(bars)
    bars = frame_of(columns)
    before = compute(bars, features)
    leaks: set[str] = set()
    for cut in cuts:
        spread = float(rng.choice([1e-6, 0.1, 5.0]))
        other = frame_of(other_future(columns, cut, rng, spread))
        for changed in (other, bars.iloc[: cut + 1]):
            after = compute(changed, features)
            leaks.update(
                name
                for name in before.columns
                if _past_bytes(before, name, cut) != _past_bytes(after, name, cut)
            )
    return [name for name in before.columns if name in leaks]


def inputs_frame(bars: pd.DataFrame, features: Sequence[str]) -> pd.DataFrame:
    """`compute_inputs` as a frame."""
    inputs = compute_inputs(bars, features)
    return pd.DataFrame(inputs.values, index=bars.index, columns=list(inputs.columns))


def _raw_and_inputs(bars: pd.DataFrame, features: Sequence[str]) -> pd.DataFrame:
    inputs = inputs_frame(bars, features).add_prefix("input ")
    return pd.concat([compute_features(bars, features), inputs], axis=1)


def _past_bytes(values: pd.DataFrame, name: str, cut: int) -> bytes:
    past: NDArray[np.float64] = values[name].to_numpy()[: cut + 1]
    return past.tobytes()


def columns_of(bars: pd.DataFrame) -> dict[str, NDArray[Any]]:
    """A frame's columns as the features read them: stamps without a zone, no volume as 0."""
    columns: dict[str, NDArray[Any]] = {
        name: bars[name].to_numpy(dtype=np.float64) for name in _NUMBERS if name in bars
    }
    if "volume" in columns and not np.isnan(columns["volume"]).all():
        columns["volume"] = np.nan_to_num(columns["volume"])
    if "timestamp" in bars:
        columns["timestamp"] = bars["timestamp"].to_numpy(dtype="datetime64[ns]")
    return columns


def frame_of(columns: Columns) -> pd.DataFrame:
    """The bars of `columns_of`, their stamps in UTC."""
    stamps = {
        name: pd.DatetimeIndex(values).tz_localize("UTC")
        for name, values in columns.items()
        if name == "timestamp"
    }
    return pd.DataFrame({**columns, **stamps}, copy=False)


def other_future(
    columns: Columns, cut: int, rng: np.random.Generator, spread: float
) -> dict[str, NDArray[Any]]:
    """Bars that agree up to `cut` and go elsewhere after it: still valid bars, at later stamps.

    Args:
        columns: of normalised bars, as `columns_of` gives them.
        cut: position of the last bar that stays.
        rng: source of the changes.
        spread: deviation of the factors, in log price, by which each of the later prices is multiplied.
    """
    changed = {name: values.copy() for name, values in columns.items()}
    count = len(columns["close"]) - cut - 1
    # Each price by a factor of its own: what is read off a bar alone, such as close / open, changes too.
    for name in _PRICES:
        if name in changed:
            changed[name][cut + 1 :] *= np.exp(rng.normal(0, spread, count))
    for name, furthest in (("high", np.maximum), ("low", np.minimum)):
        if name in changed:
            prices = [changed[price][cut + 1 :] for price in ("open", "close") if price in changed]
            changed[name][cut + 1 :] = furthest.reduce([changed[name][cut + 1 :], *prices])
    # Where no bar has a volume, none gets one: which features there are would change with it.
    if "volume" in changed and not np.isnan(changed["volume"]).all():
        changed["volume"][cut + 1 :] = rng.choice([0.0, 1.0, 1e9]) * rng.random(count)
    if "timestamp" in changed:
        changed["timestamp"][cut + 1 :] += np.timedelta64(9 * 24 + 5, "h")
    return changed
