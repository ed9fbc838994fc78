"""From a trained network to a forecaster: its gain and its intervals, from the validation windows."""

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import nn

from ml.config import TrainConfig
from ml.evaluation.intervals import calibrate
from ml.forecasting.forecaster import Forecaster
from ml.forecasting.spec import AdaptiveConformal, ForecastSpec, baseline_target
from ml.forecasting.threads import torch_threads
from ml.training.dataset import Dataset
from ml.training.network import architecture, network_config
from ml.training.samples import Samples, Shelf, cut, steps_of

Floats = NDArray[np.float64]

_SKEW_ANCHORS = 512


def calibrated(
    dataset: Dataset, network: nn.Module, config: TrainConfig, bars: pd.DataFrame
) -> tuple[ForecastSpec, float]:
    """The network's spec, with its gain and its intervals from the validation windows, and its skew."""
    spec, served = gain_and_intervals(dataset, network, config, bars)
    if architecture(config).solve is not None:
        return spec, 0.0
    return spec, train_serve_skew(network, dataset.validation, config, served)


def gain_and_intervals(
    dataset: Dataset, network: nn.Module, config: TrainConfig, bars: pd.DataFrame
) -> tuple[ForecastSpec, Floats]:
    """The network's spec, chosen on the validation windows, and its forecasts there with a gain of 1.

    The windows are forecast as they will be served. A baseline is what it is by definition: its gain
    is 1, and it needs no bars to warm up.
    """
    is_baseline = architecture(config).solve is not None
    plain = ForecastSpec(
        model=config.model,
        config=network_config(config),
        features=dataset.features,
        inputs=dataset.inputs,
        seq_len=config.seq_len,
        warm_up=0 if is_baseline else config.warm_up,
        horizon=config.horizon,
        target=dataset.target,
        intervals=AdaptiveConformal(sigma=dataset.target.sigma),
    )
    changes = Forecaster(plain, network, dataset.scaler).changes(bars, dataset.validation.anchors)
    actual = dataset.validation.actual()
    if is_baseline:
        target = baseline_target(config.model, dataset.target)
    else:
        target = dataset.target.model_copy(update={"gain": fit_gain(changes, actual)})
    intervals = calibrate(actual - np.asarray(target.gain) * changes, actual, target.sigma)
    return plain.model_copy(update={"target": target, "intervals": intervals}), changes


def train_serve_skew(
    network: nn.Module, validation: Samples, config: TrainConfig, served: Floats
) -> float:
    """Largest difference between forecasts as trained and as served, in units of ``sigma * sqrt(step)``.

    Training reads a chunk once and is asked for a forecast at each of its last bars: at the first of
    them from as many bars as a served forecast reads, at the others from more. Here the first validation
    anchors are forecast from such chunks.

    Args:
        network: trained.
        validation: its anchors have ``warm_up + seq_len`` bars before them.
        config: that of the training.
        served: log changes forecast from each validation anchor, ``(n, horizon)``, with a gain of 1.
    """
    steps = steps_of(config)
    chunks = cut(validation.anchors[:_SKEW_ANCHORS], steps, _SKEW_ANCHORS).in_order()[:1]
    shelf = Shelf([validation], torch.device("cpu"))
    with torch.inference_mode(), torch_threads(1):
        batch = shelf.gather(torch.from_numpy(chunks), config.warm_up + config.seq_len - 1, steps)
        trained = network(batch.inputs[0], config.seq_len, steps)  # (chunks, steps, horizon)
    known = batch.weight[0].bool()
    difference = trained[known].double().numpy() - (served / validation.unit)[: int(known.sum())]
    return float(np.abs(difference).max())


def fit_gain(forecast: Floats, actual: Floats) -> tuple[float, ...]:
    """The factors in [0, 1] by which forecast changes have the least absolute error, on a grid of 0.05.

    A network that learnt noise forecasts too boldly; validation windows say by how much. 0 is the random
    walk. What can be forecast of the next bar says nothing of ten bars, so each step has its own gain;
    but steps that are alike share what they know: step ``j`` counts ``min(j / k, k / j) ** 3`` at step
    ``k``. Both arrays are ``(windows, horizon)`` log changes.
    """
    grid = np.linspace(0.0, 1.0, 21)
    errors = np.stack([np.abs(actual - gain * forecast).mean(axis=0) for gain in grid])
    step = np.arange(1, errors.shape[1] + 1)
    ratio = step[:, None] / step
    alike = np.minimum(ratio, 1 / ratio) ** 3 / np.sqrt(step)  # errors grow with the step's root
    return tuple(grid[(errors @ alike.T).argmin(axis=0)].tolist())
