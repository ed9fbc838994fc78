"""From stored bars to what the loop trains on: features, split, scaler, windows, targets."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import ValidationError

from ml.config import TrainConfig
from ml.errors import ConstantSeriesError, TooFewBarsError, TrainingError
from ml.features.indicators import default_features
from ml.features.inputs import Inputs, compute_inputs, warmup_bars
from ml.features.scaling import Scaler, fit_scaler, scale
from ml.features.windows import (
    MIN_TRAIN,
    MIN_VAL,
    Split,
    check_enough_bars,
    chronological_split,
    split_at,
)
from ml.forecasting.spec import Target
from ml.training.samples import Samples

_LARGEST_PRICE = 1e100  # errors are squared, and the squares must be numbers


@dataclass(frozen=True)
class Dataset:
    """One series, ready to train. Nothing in it was fitted on bars after the training bars.

    ``validation`` are the windows that stop the training and calibrate the forecasts.
    """

    features: tuple[str, ...]
    inputs: tuple[str, ...]
    split: Split
    scaler: Scaler
    target: Target
    train: Samples
    validation: Samples


@dataclass(frozen=True)
class Basis:
    """What the units of a champion's weights are: a training that goes on from them keeps it."""

    scaler: Scaler
    sigma: float


@dataclass(frozen=True)
class Refits:
    """One series in three cuts, to fit a configuration again for a known number of epochs.

    Attributes:
        probe: as `build_dataset` cuts it; what it does on validation calibrates ``proxy``.
        proxy: trains on all bars before the test, which judges it. Its ``validation`` is the probe's.
        final: trains on all bars; what the proxy does on the test, its ``validation``, calibrates it.
    """

    probe: Dataset
    proxy: Dataset
    final: Dataset

    @property
    def proxy_cut(self) -> Split:
        """What the proxy has learnt from, is calibrated on and is judged on."""
        own, cut = self.proxy.split, self.probe.split
        return replace(cut, train=own.train, train_bars=own.train_bars)

    @property
    def final_cut(self) -> Split:
        """What the final has learnt from, is calibrated on, and what its metrics were measured on."""
        own, cut = self.final.split, self.probe.split
        return replace(
            cut,
            train=own.train,
            train_bars=own.train_bars,
            val=cut.test,
            val_bars=cut.test_bars,
        )


def build_dataset(
    bars: pd.DataFrame,
    config: TrainConfig,
    test_start: int | None = None,
    basis: Basis | None = None,
) -> Dataset:
    """Prepare a series.

    Args:
        bars: normalised bars.
        config: what is trained; ``val_share`` and ``test_share`` cut the series.
        test_start: the first test bar, where it is not to follow from ``test_share``: validation then is
            the same share as otherwise of the bars before it, and the test need not have any window.
        basis: scaler and unit of earlier weights; by default they are fitted on the training bars.

    Raises:
        FeatureError: an unknown feature, or one whose column the bars do not have.
        TooFewBarsError: too few bars to train and judge; says how many there are and are needed.
        ConstantSeriesError: the training bars' closes do not move.
        TrainingError: closes, or their changes, that no price has.
    """
    material = _Material.of(bars, config, test_start)
    return material.dataset(material.split, config, basis)


def build_refits(bars: pd.DataFrame, config: TrainConfig, test_start: int | None = None) -> Refits:
    """Prepare a series to fit a configuration again; arguments and errors as `build_dataset`."""
    material = _Material.of(bars, config, test_start)
    split, n_bars = material.split, len(bars)
    test_start = split.test_bars.start

    def until(stop: int, test: range) -> Split:
        nothing = range(stop, stop)
        train = range(split.train.start, stop - config.horizon)
        return Split(train, nothing, test, range(stop), nothing, range(stop, n_bars))

    def validated(dataset: Dataset, anchors: range) -> Dataset:
        return replace(dataset, validation=replace(dataset.validation, anchors=anchors))

    before_test = material.dataset(until(test_start, split.test), config)
    everything = material.dataset(until(n_bars, range(n_bars, n_bars)), config)
    return Refits(
        probe=material.dataset(split, config),
        proxy=validated(before_test, split.val),
        final=validated(everything, split.test),
    )


def resolved_features(bars: pd.DataFrame, config: TrainConfig) -> tuple[str, ...]:
    """The features that the config names, or the default set for these bars."""
    if config.features is not None:
        return tuple(config.features)
    return tuple(default_features(bool(bars["volume"].notna().any())))


def resolved_split(bars: pd.DataFrame, config: TrainConfig) -> Split:
    """Which bars train, validate and test; raises `TooFewBarsError`."""
    first_anchor = warmup_bars(resolved_features(bars, config)) + config.seq_len - 1
    return _split(len(bars), first_anchor, config, None)


@dataclass(frozen=True)
class _Material:
    """What all cuts of one series share."""

    features: tuple[str, ...]
    inputs: Inputs
    close: NDArray[np.float64]
    split: Split

    @classmethod
    def of(cls, bars: pd.DataFrame, config: TrainConfig, test_start: int | None) -> "_Material":
        features = resolved_features(bars, config)
        warm_up = warmup_bars(features)
        split = _split(len(bars), warm_up + config.seq_len - 1, config, test_start)
        _check_warm_up(split, warm_up, config)
        inputs = compute_inputs(bars, features)
        close = bars["close"].to_numpy(dtype=np.float64)
        if not (close.min() > 1 / _LARGEST_PRICE and close.max() < _LARGEST_PRICE):
            raise _absurd(f"closes below {_LARGEST_PRICE:g}", f"{close.min():g} to {close.max():g}")
        return cls(features, inputs, close, split)

    def dataset(self, split: Split, config: TrainConfig, basis: Basis | None = None) -> Dataset:
        """Scaler and target of the split's training bars, or of the basis."""
        first, stop = warmup_bars(self.features), split.train_bars.stop
        target = fit_target(self.close[:stop])
        if basis is None:
            scaler = fit_scaler(config.scaler, self.inputs.values[first:stop], self.inputs.columns)
        else:
            scaler, target = basis.scaler, target.model_copy(update={"sigma": basis.sigma})
        scaled = scale(scaler, self.inputs.values)
        unit = target.sigma * np.sqrt(np.arange(1, config.horizon + 1))  # (horizon,)
        log_close = np.log(self.close)

        def samples(anchors: range) -> Samples:
            return Samples(scaled, log_close, unit, anchors, first=first)

        return Dataset(
            features=self.features,
            inputs=self.inputs.columns,
            split=split,
            scaler=scaler,
            target=target,
            train=samples(split.train),
            validation=samples(split.val),
        )


def _split(n_bars: int, first_anchor: int, config: TrainConfig, test_start: int | None) -> Split:
    horizon, val_share, test_share = config.horizon, config.val_share, config.test_share
    if test_start is None:
        check_enough_bars(n_bars, first_anchor, horizon, val_share, test_share)
        return chronological_split(n_bars, first_anchor, horizon, val_share, test_share)
    split = split_at(test_start, n_bars, first_anchor, horizon, val_share / (1 - test_share))
    if len(split.train) < MIN_TRAIN or len(split.val) < MIN_VAL:
        raise TooFewBarsError(
            f"expected at least {MIN_TRAIN} windows to train and {MIN_VAL} to validate before bar "
            f"{test_start + 1}, found {len(split.train)} and {len(split.val)}",
            hint="bring more history, or lower seq_len, horizon or the features' periods",
        )
    return split


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
