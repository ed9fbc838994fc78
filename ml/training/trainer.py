"""Train series: from stored bars to challengers that wait for their verdict."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import pandas as pd
import torch
from torch import nn

from ml.artifacts.meta import Meta
from ml.artifacts.store import Bundle, ModelStore
from ml.config import Settings, TrainConfig
from ml.data.store import bars_fingerprint, read_bars, read_outcome
from ml.errors import StoreError, TickerflowError, TrainingError
from ml.evaluation.promotion import failed, unchanged
from ml.forecasting.threads import torch_seed, torch_threads
from ml.outcomes import Challenger, Failure, IngestOutcome
from ml.series import SeriesKey
from ml.training.calibration import calibrated
from ml.training.dataset import Dataset, build_dataset
from ml.training.device import choose_device
from ml.training.engine import fleets, is_fleet
from ml.training.fit_id import fit_id
from ml.training.loop import Epoch, Fit, Job, Outcome, fit
from ml.training.network import architecture, build_network, network_config
from ml.training.record import history, make_meta

OnEpoch = Callable[[SeriesKey, Epoch], None]


@dataclass(frozen=True)
class _Series:
    """A series that is to be trained."""

    key: SeriesKey
    bars: pd.DataFrame
    ingested: IngestOutcome
    identity: str
    dataset: Dataset
    seconds: float  # spent on it so far


def train_series(
    key: SeriesKey, settings: Settings, on_epoch: Callable[[Epoch], None] | None = None
) -> Challenger:
    """Train a challenger for a series, and stage it for `ml.evaluation.promotion.promote_series`.

    An expected failure (too few bars, constant prices, an unknown feature) does not raise: it is the
    returned challenger's outcome. So is a training that would repeat the last one on the same bars, with
    ``settings.run.skip_unchanged``.
    """
    told = None if on_epoch is None else lambda _key, epoch: on_epoch(epoch)
    ((_, result),) = train_together([key], settings, told)
    if isinstance(result, Exception):
        raise result
    return result


def train_together(
    keys: Sequence[SeriesKey], settings: Settings, on_epoch: OnEpoch | None = None
) -> Iterator[tuple[SeriesKey, Challenger | Exception]]:
    """Train several series on the settings' engine; yields each as `train_series` would return it.

    What a series learns does not depend on the others. An exception that `train_series` would raise is
    yielded instead: it concerns one series, and not those that train beside it.
    """
    config = settings.train
    waiting: list[_Series] = []
    for key in keys:
        try:
            prepared = _prepare(key, settings)
        except Exception as error:  # noqa: BLE001  # it is handed on with the series it is about
            yield key, error
            continue
        if isinstance(prepared, Challenger):
            yield key, prepared
        else:
            waiting.append(prepared)
    groups = fleets([series.dataset for series in waiting], config, settings.run.fleet_size)
    lots = [[waiting[index] for index in group] for group in groups]
    del waiting
    while lots:
        members = lots.pop(0)
        for series, result in zip(members, _fit_all(members, config, on_epoch), strict=True):
            try:
                yield series.key, _finish(series, result, settings)
            except Exception as error:  # noqa: BLE001  # as above
                yield series.key, error


def _prepare(key: SeriesKey, settings: Settings) -> _Series | Challenger:
    """The series with its dataset, or its outcome where there is nothing to train."""
    began = time.monotonic()
    config = settings.train
    try:
        network_config(config)
        is_fleet(config)
        store = ModelStore(settings.models_dir)
        bars = read_bars(settings.store_dir, key)
        ingested = _outcome(settings, key)
        _check_same_bars(key, bars, ingested)
        identity = fit_id(ingested.fingerprint, config, settings.promote)
        if settings.run.skip_unchanged and not settings.promote.force:
            record = store.find_fit(key, identity)
            if record is not None and not _cut_short(record, config) and store.serves(key):
                outcome = unchanged(key, record, store, seconds=time.monotonic() - began)
                return _challenger(key, outcome=outcome)
        dataset = build_dataset(bars, config)
    except TickerflowError as error:
        return _challenger(key, outcome=failed(key, error, seconds=time.monotonic() - began))
    return _Series(key, bars, ingested, identity, dataset, time.monotonic() - began)


def _fit_all(
    members: Sequence[_Series], config: TrainConfig, on_epoch: OnEpoch | None
) -> Sequence[Outcome | Exception]:
    """Train what belongs together; where that fails (memory, one odd series), in ever smaller parts."""
    try:
        return _fit(members, config, on_epoch)
    except Exception as error:  # noqa: BLE001  # it is handed on with the series it is about
        if len(members) == 1:
            return [error]
    half = len(members) // 2
    return [
        *_fit_all(members[:half], config, on_epoch),
        *_fit_all(members[half:], config, on_epoch),
    ]


def _fit(members: Sequence[_Series], config: TrainConfig, on_epoch: OnEpoch | None) -> list[Outcome]:
    """Train what belongs together."""
    if architecture(config).solve is not None:
        return [_solved()] * len(members)

    def told(index: int, epoch: Epoch) -> None:
        if on_epoch is not None:
            on_epoch(members[index].key, epoch)

    jobs = [Job(series.dataset.train, series.dataset.validation) for series in members]
    with torch_seed(config.seed), torch_threads(config.threads):
        network = build_network(members[0].dataset, config)
        return fit(network, jobs, config, choose_device(config.device), told)


def _solved() -> Fit:
    return Fit((), 0, "solved", 0.0)


def _finish(series: _Series, result: Outcome | Exception, settings: Settings) -> Challenger:
    """Calibrate and stage what was trained; where that failed and nothing serves, a baseline."""
    began = time.monotonic()
    config, failure, identity = settings.train, None, series.identity
    store = ModelStore(settings.models_dir)
    try:
        if isinstance(result, TrainingError):
            if store.serves(series.key):
                raise result
            # A series with enough bars always has a forecast. Without the identity of what failed: that
            # is to be trained again.
            failure, identity = Failure.of(result), ""
            config, result = config.model_copy(update={"model": "naive"}), _solved()
        if isinstance(result, Exception):
            raise result
        network = _with_weights(series.dataset, config, result)
        spec, skew = calibrated(series.dataset, network.eval(), config, series.bars)
        meta = make_meta(
            spec, series.dataset, series.ingested, series.bars, config, result, identity, skew
        )
        weights = {name: tensor.detach() for name, tensor in network.state_dict().items()}
        bundle = Bundle(meta, weights, series.dataset.scaler)
        staged = store.stage(bundle, {"history": history(result)})
    except TickerflowError as error:
        seconds = series.seconds + time.monotonic() - began
        return _challenger(series.key, outcome=failed(series.key, error, seconds=seconds))
    return _challenger(
        series.key,
        staged=str(staged),
        failure=failure,
        epochs=result.epochs,
        seconds=series.seconds + result.seconds + time.monotonic() - began,
    )


def _with_weights(dataset: Dataset, config: TrainConfig, result: Fit) -> nn.Module:
    if not result.weights:
        return build_network(dataset, config)
    with torch.device("meta"):  # draws no random numbers, which others may be drawing
        network = build_network(dataset, config)
    network.load_state_dict(result.weights, assign=True)
    return network


def _challenger(key: SeriesKey, **fields: object) -> Challenger:
    return Challenger.model_validate({"ticker": key.ticker, "interval": str(key.interval), **fields})


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
