import numpy as np
import pytest
import torch
from torch import nn

import models
from benchmarks import signals
from ml.config import DEFAULT_FEATURES, TrainConfig
from ml.training.dataset import build_dataset
from ml.training.learning import Start, learn, learn_together, train_datasets
from ml.training.loop import Fit
from ml.training.samples import Samples
from ml.training.slopes import fit_slopes, with_slopes


def samples(scaled: np.ndarray, changes: np.ndarray, horizon: int = 4) -> Samples:
    anchors = range(0, len(changes) - horizon)
    unit = np.sqrt(np.arange(1, horizon + 1))
    return Samples(scaled.astype(np.float32), np.cumsum(changes), unit, anchors)


def known(count: int = 1500, slope: float = 0.5, seed: int = 0) -> Samples:
    """The next change is the first input's, times the slope; the second input is noise, the third 1."""
    rng = np.random.default_rng(seed)
    scaled = np.column_stack([rng.normal(1.0, 1.0, (count, 2)), np.ones(count)])
    changes = rng.normal(size=count)
    changes[1:] += slope * (scaled[:-1, 0] - 1.0)
    return samples(scaled, changes)


def test_a_known_slope_is_found_at_its_step_and_a_little_less_bold() -> None:
    slopes = fit_slopes(known())
    assert 0.35 < slopes.weight[0, 0] < 0.5
    assert abs(slopes.weight[0, 1]) < 0.05
    assert slopes.weight[0, 2] == 0  # an input that stands still
    # At the inputs' mean, 1, the forecast is no change.
    assert slopes.bias[0] == pytest.approx(-slopes.weight[0] @ [1.0, 1.0, 1.0], abs=0.05)


def test_without_evidence_there_are_no_slopes() -> None:
    passed = [fit_slopes(known(slope=0.0, seed=seed)).weight.any() for seed in range(20)]
    assert sum(passed) <= 2


def test_one_crash_is_no_evidence() -> None:
    rng = np.random.default_rng(1)
    scaled, changes = rng.normal(size=(600, 2)), rng.normal(size=600)
    scaled[300], changes[301] = 4.0, -500.0
    assert not fit_slopes(samples(scaled, changes)).weight.any()


def test_too_few_windows_for_a_step_leave_it_without_slopes() -> None:
    few = known(count=64)  # 60 windows: enough for steps 1 to 3
    assert not fit_slopes(few).weight[3].any()
    assert not fit_slopes(known(count=20)).weight.any()


def test_slopes_know_only_what_is_trained_on() -> None:
    whole = known()
    changed = whole.log_close.copy()
    changed[1000:] *= -3.0
    part = range(0, 990)
    before = Samples(whole.scaled, whole.log_close, whole.unit, part)
    after = Samples(whole.scaled, changed, whole.unit, part)
    assert np.array_equal(fit_slopes(before).weight, fit_slopes(after).weight)


def test_weights_start_with_the_slopes_and_keep_the_rest() -> None:
    torch.manual_seed(0)
    network = models.build("lstm", 3, 4, {})
    start = with_slopes(network, known())
    assert start is not None
    assert set(start) == set(network.state_dict())
    assert start["shortcut.weight"][0, 0] > 0.3
    assert torch.equal(start["head.query.weight"], network.state_dict()["head.query.weight"])
    assert not network.state_dict()["shortcut.weight"].any()  # the network is left as it is


def test_a_network_without_a_shortcut_starts_as_it_would() -> None:
    assert with_slopes(nn.Linear(3, 4), known()) is None


def test_training_keeps_the_slopes_while_all_else_decays() -> None:
    settings = TrainConfig(weight_decay=1.0, learning_rate=0.05)
    dataset = build_dataset(signals.autoregression(1500, 10, 5).bars, settings)
    slopes = fit_slopes(dataset.train).weight
    assert slopes[0].any()
    (result,) = train_datasets([dataset], settings, starts=[Start(epochs=3)])
    assert isinstance(result, Fit)
    assert np.array_equal(result.weights["shortcut.weight"].numpy(), slopes.astype(np.float32))


def test_a_random_walk_has_no_slopes() -> None:
    nothing = learn(signals.random_walk(1250, 10, 5).bars, TrainConfig(epochs=1))
    assert not nothing.network.state_dict()["shortcut.weight"].any()


def test_series_that_train_together_have_slopes_of_their_own() -> None:
    settings = TrainConfig(epochs=1, engine="fleet")
    problems = [(signals.autoregression(1500, 10, seed).bars, None) for seed in (5, 6)]
    together = learn_together(problems, settings)
    for (bars, _), found in zip(problems, together, strict=True):
        alone = learn(bars, TrainConfig(epochs=1))
        assert not isinstance(found, Exception)
        ours, theirs = found.network.state_dict(), alone.network.state_dict()
        assert ours["shortcut.weight"].any()
        assert torch.allclose(ours["shortcut.weight"], theirs["shortcut.weight"], atol=1e-6)


def test_a_weekday_effect_is_found_where_the_calendar_is_a_feature() -> None:
    bars = signals.weekday(3000, 10, 5).bars
    with_calendar = build_dataset(bars, TrainConfig(features=(*DEFAULT_FEATURES, "day_of_week")))
    assert fit_slopes(with_calendar.train).weight[0].any()
