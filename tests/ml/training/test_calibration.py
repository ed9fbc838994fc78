"""What is served is what was trained and judged."""

import numpy as np
import pytest
import torch
from torch import nn

from ml.config import TrainConfig
from ml.forecasting.forecaster import Forecaster
from ml.forecasting.threads import torch_seed
from ml.training.calibration import calibrated
from ml.training.dataset import Dataset, build_dataset
from ml.training.loop import Fit, Job, fit
from ml.training.network import build_network
from tests.synthetic import make_bars

BARS = make_bars(900, seed=4)


def trained(settings: TrainConfig) -> tuple[Dataset, nn.Module]:
    """A network that has learnt all it could: it keeps its last epoch, not its most modest one."""
    dataset = build_dataset(BARS, settings)
    with torch_seed(settings.seed):
        network = build_network(dataset, settings)
        job = Job(dataset.train, dataset.train)
        (result,) = fit(network, [job], settings, torch.device("cpu"))
    assert isinstance(result, Fit)
    network.load_state_dict(result.weights)
    return dataset, network.eval()


@pytest.mark.parametrize("name", ["lstm", "gru", "cnn_lstm"])
def test_a_served_forecast_is_what_the_chunk_that_was_trained_says(name: str) -> None:
    settings = TrainConfig(model=name, engine="single")
    dataset, network = trained(settings)
    spec, skew = calibrated(dataset, network, settings, BARS)
    assert skew < 1e-3

    # By hand, on test bars: a chunk as in training, against the windows as the service reads them.
    anchors = dataset.split.test[: settings.chunk]
    plain = spec.model_copy(update={"target": spec.target.model_copy(update={"gain": 1.0})})
    served = Forecaster(plain, network, dataset.scaler).changes(BARS, anchors) / dataset.train.unit
    chunk = dataset.train.scaled[anchors[0] - spec.context + 1 : anchors[-1] + 1]
    with torch.no_grad():
        as_trained = network(torch.from_numpy(chunk)[None], settings.seq_len, len(anchors))[0].numpy()
    assert np.abs(served).max() > 0.01
    assert np.abs(served - as_trained).max() < 1e-3
    assert np.allclose(served[0], as_trained[0], atol=1e-6)  # from the very same bars


def test_the_state_that_served_bars_leave_cold_is_measured() -> None:
    settings = TrainConfig(seq_len=8, warm_up=0, epochs=25, patience=25, learning_rate=5e-3)
    dataset, network = trained(settings)
    cold = calibrated(dataset, network, settings, BARS)[1]
    warm = calibrated(dataset, network, settings.model_copy(update={"warm_up": 60}), BARS)[1]
    assert cold > 10 * warm
