"""Learn from bars in memory, without a store: what walk-forward folds, tuning and refits share."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import pandas as pd
import torch
from torch import Tensor, nn

from ml.config import TrainConfig
from ml.errors import TrainingError
from ml.features.windows import Split
from ml.forecasting.forecaster import Forecaster
from ml.forecasting.spec import ForecastSpec
from ml.forecasting.threads import torch_seed, torch_threads
from ml.training.calibration import calibrated
from ml.training.dataset import Dataset, Refits, build_dataset
from ml.training.device import choose_device
from ml.training.engine import fleets
from ml.training.loop import Epoch, Fit, Job, Outcome, fit
from ml.training.network import architecture, build_network
from ml.training.slopes import with_slopes


@dataclass(frozen=True)
class Learnt:
    """A trained and calibrated model of one stretch of bars.

    Attributes:
        spec: all that forecasting needs beside weights and scaler.
        dataset: what it learnt from; its ``validation`` are the windows that calibrated it.
        network: trained.
        fit: how the training went.
        skew: difference of forecasts as trained and as served.
        cut: training, calibration and test, where they are not ``dataset.split``.
    """

    spec: ForecastSpec
    dataset: Dataset
    network: nn.Module
    fit: Fit
    skew: float
    cut: Split | None = None

    @property
    def forecaster(self) -> Forecaster:
        """Ready to forecast."""
        return Forecaster(self.spec, self.network, self.dataset.scaler)


@dataclass(frozen=True)
class Start:
    """What a training starts from, and how far it goes.

    Attributes:
        weights: by name; by default the network's own, fresh from the seed.
        epochs: exactly that many, without validation; by default until it stops early.
    """

    weights: Mapping[str, Tensor] | None = field(default=None, repr=False)
    epochs: int | None = None


FRESH = Start()


def learn(
    bars: pd.DataFrame,
    config: TrainConfig,
    test_start: int | None = None,
    on_epoch: Callable[[Epoch], None] | None = None,
) -> Learnt:
    """Train on the bars before the test, and calibrate on validation, both before ``test_start``.

    Args:
        bars: normalised bars.
        config: what is trained, and how.
        test_start: the first bar of the test; by default as ``config.test_share`` cuts it.
        on_epoch: told each epoch.

    Raises:
        FeatureError, TooFewBarsError, ConstantSeriesError, TrainingError: as `build_dataset` and `fit`.
    """
    dataset = build_dataset(bars, config, test_start)
    told = None if on_epoch is None else lambda _index, epoch: on_epoch(epoch)
    (result,) = train_datasets([dataset], config, told)
    if isinstance(result, TrainingError):
        raise result
    return finish(dataset, result, config, bars)


def learn_together(
    problems: Sequence[tuple[pd.DataFrame, int | None]], config: TrainConfig
) -> list[Learnt | TrainingError]:
    """`learn` for several (bars, test_start), in fleets where that is faster.

    Raises for the first problem that no dataset can be built of: check them with `build_dataset`.
    """
    datasets = [build_dataset(bars, config, test_start) for bars, test_start in problems]
    learnt: dict[int, Learnt | TrainingError] = {}
    for group in fleets(datasets, config):
        results = train_datasets([datasets[index] for index in group], config)
        for index, result in zip(group, results, strict=True):
            if isinstance(result, TrainingError):
                learnt[index] = result
            else:
                learnt[index] = finish(datasets[index], result, config, problems[index][0])
    return [learnt[index] for index in range(len(problems))]


def train_datasets(
    datasets: Sequence[Dataset],
    config: TrainConfig,
    on_epoch: Callable[[int, Epoch], None] | None = None,
    starts: Sequence[Start] | None = None,
) -> list[Outcome]:
    """Train what belongs together (`fleets`), each from its start; a baseline needs no training."""
    if architecture(config).solve is not None:
        return [solved()] * len(datasets)
    jobs = [
        Job(
            train=dataset.train,
            validation=dataset.validation if start.epochs is None else None,
            weights=start.weights,
            epochs=start.epochs,
        )
        for dataset, start in zip(datasets, starts or [FRESH] * len(datasets), strict=True)
    ]
    with torch_seed(config.seed), torch_threads(config.threads):
        network = build_network(datasets[0], config)
        jobs = [
            replace(job, weights=with_slopes(network, job.train)) if job.weights is None else job
            for job in jobs  # weights that have learnt have their slopes
        ]
        return fit(network, jobs, config, choose_device(config.device), on_epoch)


def solved() -> Fit:
    """How a baseline's training went."""
    return Fit((), 0, "solved", 0.0)


def finish(dataset: Dataset, result: Fit, config: TrainConfig, bars: pd.DataFrame) -> Learnt:
    """The network with its trained weights, calibrated on the validation windows."""
    network = _with_weights(dataset, config, result)
    spec, skew = calibrated(dataset, network.eval(), config, bars)
    return Learnt(spec, dataset, network, result, skew)


@dataclass(frozen=True)
class Refit:
    """A configuration that was fitted again.

    Attributes:
        probe: chose the proxy's gain and intervals.
        proxy: has learnt from all bars before the test, which it can be judged on.
        final: has learnt from all bars; None where it was not asked for.
    """

    probe: Learnt
    proxy: Learnt
    final: Learnt | None = None


def finish_refit(cuts: Refits, fits: Sequence[Fit], config: TrainConfig, bars: pd.DataFrame) -> Refit:
    """The networks of the fits of ``cuts.probe``, ``cuts.proxy`` and, where it is one, ``cuts.final``.

    A model that has learnt from all bars has none to be calibrated on. So its gain and intervals are
    those of the same configuration trained up to the windows that come before: the proxy's from the
    probe on validation, the final's from the proxy on the test.
    """
    probe = finish(cuts.probe, fits[0], config, bars)
    proxy = _carried(cuts.proxy, fits[1], config, probe, cuts.proxy_cut)
    if len(fits) == len((probe, proxy)):
        return Refit(probe, proxy)
    test = replace(cuts.proxy.validation, anchors=cuts.final.validation.anchors)
    spec, skew = calibrated(replace(cuts.proxy, validation=test), proxy.network, config, bars)
    tested = replace(proxy, spec=spec, skew=skew)
    return Refit(
        probe, replace(proxy, skew=skew), _carried(cuts.final, fits[2], config, tested, cuts.final_cut)
    )


def _carried(dataset: Dataset, result: Fit, config: TrainConfig, earlier: Learnt, cut: Split) -> Learnt:
    """The network in its own units, with the gain and the intervals of an earlier one."""
    target = dataset.target.model_copy(update={"gain": earlier.spec.target.gain})
    spec = earlier.spec.model_copy(update={"target": target})
    network = _with_weights(dataset, config, result).eval()
    return Learnt(spec, dataset, network, result, earlier.skew, cut)


def _with_weights(dataset: Dataset, config: TrainConfig, result: Fit) -> nn.Module:
    if not result.weights:
        return build_network(dataset, config)
    with torch.device("meta"):  # draws no random numbers, which others may be drawing
        network = build_network(dataset, config)
    network.load_state_dict(result.weights, assign=True)
    return network
