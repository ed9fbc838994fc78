"""What is served is what was trained and judged."""

import numpy as np
import pytest
import torch
from torch import nn

from ml.config import TrainConfig
from ml.forecasting.forecaster import Forecaster
from ml.forecasting.spec import ForecastSpec
from ml.forecasting.threads import torch_seed
from ml.training.calibration import calibrated, fit_gain
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
    plain = spec.model_copy(update={"target": spec.target.model_copy(update={"gain": (1.0,)})})
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


def test_the_gain_is_one_for_a_true_forecast_and_zero_for_noise() -> None:
    rng = np.random.default_rng(0)
    actual = rng.normal(0, 0.01, (200, 4))
    assert fit_gain(actual, actual) == (1.0,) * 4
    assert fit_gain(-actual, actual) == (0.0,) * 4
    assert fit_gain(2 * actual, actual) == pytest.approx((0.5,) * 4)


def test_the_next_bar_can_be_forecast_boldly_and_ten_bars_not_at_all() -> None:
    rng = np.random.default_rng(0)
    actual = rng.normal(0, 0.01, (400, 10)) * np.sqrt(np.arange(1, 11))
    forecast = np.where(np.arange(1, 11) <= 2, actual, -actual)
    gain = fit_gain(forecast, actual)
    assert gain[0] == 1.0
    assert gain[4:] == (0.0,) * 6
    assert list(gain) == sorted(gain, reverse=True)


def test_a_forecaster_applies_each_steps_own_gain() -> None:
    settings = TrainConfig(epochs=2)
    dataset, network = trained(settings)
    spec, _ = calibrated(dataset, network, settings, BARS)

    def changes(*gain: float) -> np.ndarray:
        target = spec.target.model_copy(update={"gain": gain})
        forecaster = Forecaster(spec.model_copy(update={"target": target}), network, dataset.scaler)
        return forecaster.changes(BARS, [800, 850])

    by_step = tuple(np.linspace(1.0, 0.0, spec.horizon).tolist())
    assert np.abs(changes(1.0)).max() > 0
    np.testing.assert_allclose(changes(*by_step), changes(1.0) * by_step)


def test_a_file_with_gains_for_other_steps_than_the_horizon_is_refused() -> None:
    settings = TrainConfig(epochs=1)
    dataset, network = trained(settings)
    spec, _ = calibrated(dataset, network, settings, BARS)
    document = spec.model_dump(mode="json")
    document["target"]["gain"] = [0.5] * 3
    with pytest.raises(ValueError, match="one for each of 10 steps, found 3"):
        ForecastSpec.model_validate(document)
