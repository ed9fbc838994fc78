"""From stored bars to what the loop trains on: features, split, scaler, windows, targets."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import ValidationError

from ml.config import TrainConfig
from ml.errors import ConstantSeriesError, TooFewBarsError, TrainingError
from ml.features.indicators import default_features
from ml.features.inputs import compute_inputs, warmup_bars
from ml.features.scaling import Scaler, fit_scaler, scale
from ml.features.windows import Split, check_enough_bars, chronological_split
from ml.forecasting.spec import Target
from ml.training.samples import Samples

_LARGEST_PRICE = 1e100  # errors are squared, and the squares must be numbers


@dataclass(frozen=True)
class Dataset:
    """One series, ready to train. Nothing in it was fitted on bars after the training bars."""

    features: tuple[str, ...]
    inputs: tuple[str, ...]
    split: Split
    scaler: Scaler
    target: Target
    train: Samples
    validation: Samples


def build_dataset(bars: pd.DataFrame, config: TrainConfig) -> Dataset:
    """Prepare a series.

    Raises:
        FeatureError: an unknown feature, or one whose column the bars do not have.
        TooFewBarsError: too few bars to train and judge; says how many there are and are needed.
        ConstantSeriesError: the training bars' closes do not move.
        TrainingError: closes, or their changes, that no price has.
    """
    has_volume = bool(bars["volume"].notna().any())
    features = config.features if config.features is not None else default_features(has_volume)
    first_anchor = warmup_bars(features) + config.seq_len - 1
    check_enough_bars(len(bars), first_anchor, config.horizon, config.val_share, config.test_share)
    split = chronological_split(
        len(bars), first_anchor, config.horizon, config.val_share, config.test_share
    )

    _check_warm_up(split, warmup_bars(features), config)

    inputs = compute_inputs(bars, features)
    train_bars = slice(warmup_bars(features), split.train_bars.stop)
    scaler = fit_scaler(config.scaler, inputs.values[train_bars], inputs.columns)
    scaled = scale(scaler, inputs.values)

    close = bars["close"].to_numpy(dtype=np.float64)
    if not (close.min() > 1 / _LARGEST_PRICE and close.max() < _LARGEST_PRICE):
        raise _absurd(f"closes below {_LARGEST_PRICE:g}", f"{close.min():g} to {close.max():g}")
    target = fit_target(close[: split.train_bars.stop])
    unit = target.sigma * np.sqrt(np.arange(1, config.horizon + 1))  # (horizon,)

    log_close = np.log(close)

    def samples(anchors: range) -> Samples:
        return Samples(scaled, log_close, unit, anchors, first=warmup_bars(features))

    return Dataset(
        features=tuple(features),
        inputs=inputs.columns,
        split=split,
        scaler=scaler,
        target=target,
        train=samples(split.train),
        validation=samples(split.val),
    )


def _check_warm_up(split: Split, first_bar: int, config: TrainConfig) -> None:
    """Validation is forecast as it will be served, from ``warm_up`` bars before each window."""
    found = split.val.start - first_bar + 1
    needed = config.warm_up + config.seq_len
    if found < needed:
        raise TooFewBarsError(
            f"expected at least {needed} bars with inputs up to the first validation window (warm-up "
            f"{config.warm_up} and window {config.seq_len}), found {found}",
            hint="bring more history, or lower --warm-up",
        )


def fit_target(train_close: NDArray[np.float64]) -> Target:
    """Volatility and drift of the training closes ``(n,)``, per bar, in log price.

    The drift's uncertainty is ``sigma / sqrt(n)``, often larger than the drift: it is shrunk by the
    positive-part James-Stein factor ``max(0, 1 - 1 / t ** 2)`` (James and Stein 1961).

    Raises:
        ConstantSeriesError: the closes do not move.
        TrainingError: they change by factors of thousands from bar to bar, up and down.
    """
    changes = np.diff(np.log(train_close))
    sigma, mean = float(changes.std()), float(changes.mean())
    if not sigma > 1e-9:
        raise ConstantSeriesError(
            f"expected prices that move, found {len(train_close)} training bars with the same close "
            f"({train_close[0]:g})",
            hint="there is nothing to learn; check the file, or leave the series out",
        )
    t_squared = (mean / sigma) ** 2 * len(changes)
    shrinkage = max(0.0, 1.0 - 1.0 / t_squared) if t_squared > 0 else 0.0
    try:
        return Target(sigma=sigma, mean=mean, drift=mean * shrinkage)
    except ValidationError as error:
        raise _absurd(
            "log changes of a deviation up to 10 and a mean within -1 to 1", f"{sigma:g} and {mean:g}"
        ) from error


def _absurd(expected: str, found: str) -> TrainingError:
    return TrainingError(
        f"expected {expected}, found {found}", hint="look at the series' suspect bars in its file"
    )
