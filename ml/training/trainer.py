"""Train one series: from stored bars to a challenger that waits for its verdict."""

import platform
import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version as library_version
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from torch import nn

import models
from ml.artifacts.meta import MAX_FILES, Data, Meta, Split, SplitPart, Training
from ml.artifacts.store import Bundle, ModelStore
from ml.config import Settings, TrainConfig
from ml.data.store import bars_fingerprint, read_bars, read_outcome
from ml.errors import (
    ModelError,
    StoreError,
    TickerflowError,
    TrainingError,
)
from ml.evaluation.intervals import calibrate
from ml.evaluation.promotion import failed, unchanged
from ml.forecasting.forecaster import Forecaster
from ml.forecasting.spec import ForecastSpec, Intervals, baseline_target
from ml.forecasting.threads import torch_seed, torch_threads
from ml.outcomes import Challenger, Failure, IngestOutcome
from ml.series import SeriesKey
from ml.training.dataset import Dataset, build_dataset
from ml.training.device import choose_device
from ml.training.fit_id import fit_id
from ml.training.loop import Epoch, Fit, fit

Floats = NDArray[np.float64]
OnEpoch = Callable[[Epoch], None]


def train_series(key: SeriesKey, settings: Settings, on_epoch: OnEpoch | None = None) -> Challenger:
    """Train a challenger for a series, and stage it for `ml.evaluation.promotion.promote_series`.

    An expected failure (too few bars, constant prices, an unknown feature) does not raise: it is the
    returned challenger's outcome. So is a training that would repeat the last one on the same bars, with
    ``settings.run.skip_unchanged``.
    """
    started = time.monotonic()
    try:
        return _train(key, settings, on_epoch, started)
    except TickerflowError as error:
        outcome = failed(key, error, seconds=time.monotonic() - started)
        return Challenger(ticker=key.ticker, interval=str(key.interval), outcome=outcome)


def _train(key: SeriesKey, settings: Settings, on_epoch: OnEpoch | None, started: float) -> Challenger:
    config = settings.train
    architecture(config)
    store = ModelStore(settings.models_dir)
    bars = read_bars(settings.store_dir, key)
    ingested = _outcome(settings, key)
    _check_same_bars(key, bars, ingested)
    identity = fit_id(ingested.fingerprint, config, settings.promote)
    if settings.run.skip_unchanged and not settings.promote.force:
        record = store.find_fit(key, identity)
        if record is not None and not _cut_short(record, config) and store.serves(key):
            outcome = unchanged(key, record, store, seconds=time.monotonic() - started)
            return Challenger(ticker=key.ticker, interval=str(key.interval), outcome=outcome)

    dataset = build_dataset(bars, config)
    failure = None
    try:
        network, result = train_network(dataset, config, on_epoch)
    except TrainingError as error:
        if store.serves(key):
            raise
        # A series with enough bars always has a forecast. Without the identity of what failed: that is
        # to be trained again.
        failure, identity = Failure.of(error), ""
        config = config.model_copy(update={"model": "naive"})
        network, result = train_network(dataset, config)
    spec = calibrated_spec(dataset, network, config, bars)
    meta = _meta(spec, dataset, ingested, bars, config, result, identity)
    weights = {name: tensor.detach().cpu() for name, tensor in network.state_dict().items()}
    staged = store.stage(Bundle(meta, weights, dataset.scaler), {"history": _history(result)})
    return Challenger(
        ticker=key.ticker,
        interval=str(key.interval),
        staged=str(staged),
        failure=failure,
        epochs=result.epochs,
        seconds=time.monotonic() - started,
    )


def _cut_short(record: Meta, config: TrainConfig) -> bool:
    """Whether the earlier training ran into its deadline, and this one has more time."""
    allowed = record.training.config.get("deadline_seconds")
    return (
        record.training.stopped == "deadline"
        and isinstance(allowed, int | float)
        and allowed < config.deadline_seconds
    )


def _outcome(settings: Settings, key: SeriesKey) -> IngestOutcome:
    outcome = read_outcome(settings.store_dir, key)
    if outcome is None:
        raise StoreError(
            f"expected an account of the ingest of {key} in {settings.store_dir}, found none",
            hint=f"tickerflow ingest --ticker {key.ticker} --interval {key.interval}",
            where=str(key),
        )
    return outcome


def _check_same_bars(key: SeriesKey, bars: pd.DataFrame, ingested: IngestOutcome) -> None:
    """An ingest between the two readings would have the model say that it knows bars it never saw."""
    if bars_fingerprint(bars) != ingested.fingerprint:
        raise StoreError(
            f"expected the bars of {key} to stay, found that they were ingested again in between",
            hint="train again",
            where=str(key),
        )


def architecture(config: TrainConfig) -> models.Architecture:
    """The config's architecture; raises `ModelError` that lists what there is."""
    known = models.architectures()
    if config.model not in known:
        raise ModelError(
            f"expected an architecture, found {config.model!r}", hint=f"one of {', '.join(known)}"
        )
    return known[config.model]


def train_network(
    dataset: Dataset, config: TrainConfig, on_epoch: OnEpoch | None = None
) -> tuple[nn.Module, Fit]:
    """Build and train the config's network; returned on the CPU, holding its best weights.

    Raises:
        ModelError: no such architecture, or sizes that do not fit it.
        TrainingError: as `ml.training.loop.fit`.
    """
    chosen = architecture(config)
    sizes = network_config(config)
    device = choose_device(config.device)
    with torch_seed(config.seed), torch_threads(config.threads):
        network = models.build(chosen.name, len(dataset.inputs), config.horizon, sizes)
        if chosen.solve is not None:
            began = time.monotonic()
            chosen.solve(network, dataset.target.mean / dataset.target.sigma)
            return network, Fit((), 0, "solved", time.monotonic() - began)
        result = fit(network.to(device), dataset.train, dataset.validation, config, device, on_epoch)
    return network.cpu(), result


def network_config(config: TrainConfig) -> dict[str, int | float]:
    """The architecture's whole config: from the training's settings, else as the architecture has it.

    Whole, so that a stored model stays what it is when a default changes. Raises `ModelError`.
    """
    chosen, named = architecture(config), config.model_dump()
    try:
        sizes = chosen.config(**{name: named[name] for name in chosen.settings if name in named})
    except ValueError as error:
        raise ModelError(str(error), hint="see --help for the sizes' bounds") from error
    return asdict(sizes)


def calibrated_spec(
    dataset: Dataset, network: nn.Module, config: TrainConfig, bars: pd.DataFrame
) -> ForecastSpec:
    """The network's spec, with its gain and its intervals from the validation windows.

    A baseline is what it is by definition: its gain is 1.
    """
    uncalibrated = ForecastSpec(
        model=config.model,
        config=network_config(config),
        features=dataset.features,
        inputs=dataset.inputs,
        seq_len=config.seq_len,
        horizon=config.horizon,
        target=dataset.target,
        intervals=Intervals(radius_80=(0.0,), radius_95=(0.0,), windows=1),
    )
    changes = Forecaster(uncalibrated, network, dataset.scaler).changes(bars, dataset.validation.anchors)
    unit = dataset.target.sigma * np.sqrt(np.arange(1, config.horizon + 1))
    actual = dataset.validation.targets.numpy().astype(np.float64) * unit
    if architecture(config).solve is not None:
        target = baseline_target(config.model, dataset.target)
    else:
        target = dataset.target.model_copy(update={"gain": fit_gain(changes, actual)})
    return uncalibrated.model_copy(
        update={"target": target, "intervals": calibrate(actual - target.gain * changes)}
    )


def fit_gain(forecast: Floats, actual: Floats) -> float:
    """The factor in [0, 1] by which forecast changes have the least absolute error, on a grid of 0.05.

    A network that learnt noise forecasts too boldly; validation windows say by how much. 0 is the random
    walk. Both arrays are ``(windows, horizon)`` log changes.
    """
    grid = np.linspace(0.0, 1.0, 21)
    errors = [float(np.abs(actual - gain * forecast).mean()) for gain in grid]
    return float(grid[int(np.argmin(errors))])


def _history(result: Fit) -> list[dict[str, float | int | bool | None]]:
    return [epoch.as_dict() for epoch in result.history]


def _meta(
    spec: ForecastSpec,
    dataset: Dataset,
    ingested: IngestOutcome,
    bars: pd.DataFrame,
    config: TrainConfig,
    result: Fit,
    identity: str,
) -> Meta:
    stamps = bars["timestamp"]

    def part(segment: range, anchors: range) -> SplitPart:
        first, last = stamps.iloc[segment.start], stamps.iloc[segment.stop - 1]
        return SplitPart(first=first, last=last, windows=len(anchors))

    split = dataset.split
    return Meta(
        **spec.model_dump(),
        ticker=ingested.ticker,
        interval=ingested.interval,
        created_at=datetime.now(UTC),
        data=Data(
            fingerprint=ingested.fingerprint,
            rows=len(bars),
            first=stamps.iloc[0],
            last=stamps.iloc[-1],
            files=tuple(Path(file).name for file in ingested.files[:MAX_FILES]),
            calendar=ingested.calendar,
        ),
        split=Split(
            train=part(split.train_bars, split.train),
            validation=part(split.val_bars, split.val),
            test=part(split.test_bars, split.test),
            gap=config.horizon,
        ),
        training=Training(
            config=config.model_dump(mode="json"),
            seed=config.seed,
            epochs_run=result.epochs,
            best_epoch=result.best_epoch,
            stopped=result.stopped,
            seconds=result.seconds,
            device=str(choose_device(config.device)),
            fit_id=identity,
        ),
        libraries=_libraries(),
        metrics={},
        baselines={},
    )


def _libraries() -> dict[str, str]:
    """Versions of what a model's numbers depend on."""
    names = ("torch", "numpy", "pandas", "scikit-learn", "TA-Lib", "joblib")
    return {"python": platform.python_version()} | {name: library_version(name) for name in names}
