"""A search for leaks: change the future, and see whether a feature of the past moves."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ml.features.indicators import compute_features
from ml.features.inputs import compute_inputs

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
    if "volume" in bars and bars["volume"].notna().any():
        # As the features see it; else a volume that begins after a cut would count as lacking before it.
        bars = bars.fillna({"volume": 0.0})
    before = compute(bars, features)
    leaks: set[str] = set()
    for cut in cuts:
        for changed in (_other_future(bars, cut, rng), bars.iloc[: cut + 1]):
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


def _other_future(bars: pd.DataFrame, cut: int, rng: np.random.Generator) -> pd.DataFrame:
    """Bars that agree up to `cut` and go elsewhere after it: still valid bars, at later stamps."""
    changed = bars.copy()
    count = len(bars) - cut - 1
    future = bars.index[cut + 1 :]
    factor = np.exp(rng.normal(0, rng.choice([1e-6, 0.1, 5.0]), count))
    prices = ["open", "high", "low", "close"]
    changed.loc[future, prices] = bars.loc[future, prices].mul(pd.Series(factor, index=future), axis=0)
    if "volume" in bars:
        changed.loc[future, "volume"] = rng.choice([0.0, 1.0, 1e9]) * rng.random(count)
    if "timestamp" in bars:
        changed.loc[future, "timestamp"] = bars.loc[future, "timestamp"] + pd.Timedelta(days=9, hours=5)
    return changed
