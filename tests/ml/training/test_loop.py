import math
import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional
from torch.nn.utils._named_member_accessor import NamedMemberAccessor

from ml.errors import TrainingError
from ml.features.windows import windows
from ml.training.fleet import Fleet, unroll
from ml.training.loop import Epoch, Fit, fit
from ml.training.samples import Shelf
from tests.ml.training.signals import CPU, HORIZON, SEQ_LEN, config, fit_one, job, network


def test_a_signal_is_learnt_and_the_history_says_how() -> None:
    seen: list[Epoch] = []
    (result,) = fit(network(), [job()], config(epochs=12), CPU, lambda _, epoch: seen.append(epoch))
    assert isinstance(result, Fit)
    losses = [epoch.val_loss for epoch in result.history]
    assert min(losses) < 0.85 * losses[0]
    assert tuple(seen) == result.history
    assert result.history[0].train_loss is None
    assert result.history[result.best_epoch].val_loss == min(losses)


def test_the_same_seed_gives_the_same_weights_and_another_seed_gives_others() -> None:
    def weights(seed: int) -> dict[str, torch.Tensor]:
        return fit_one(job(), config(seed=seed), seed=7).weights

    first, again, other = weights(3), weights(3), weights(4)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)


def test_the_network_that_is_given_stays_as_it_is() -> None:
    given = network()
    before = {name: tensor.clone() for name, tensor in given.state_dict().items()}
    fit(given, [job()], config(), CPU)
    assert all(torch.equal(before[name], tensor) for name, tensor in given.state_dict().items())


@pytest.mark.filterwarnings("error")  # torch tells of weights that are not its own
def test_a_signal_amid_a_step_leaves_the_network_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    given = network()
    before = {name: weight.clone() for name, weight in given.state_dict().items()}
    swap, swaps = NamedMemberAccessor.swap_tensors_dict, []

    def interrupted(self: NamedMemberAccessor, *tensors: Any, **options: Any) -> Any:
        swaps.append(swap(self, *tensors, **options))
        if len(swaps) == 5:
            raise KeyboardInterrupt  # where torch could not put back what was there
        return swaps[-1]

    monkeypatch.setattr(NamedMemberAccessor, "swap_tensors_dict", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fit(given, [job()], config(), CPU)
    assert all(weight.is_leaf for weight in given.parameters())
    for name, weight in given.state_dict().items():
        assert torch.equal(weight, before[name])


def test_the_best_weights_are_kept_when_training_goes_on_to_get_worse() -> None:
    series = job()
    result = fit_one(series, config(epochs=25, learning_rate=0.1, patience=4, chunk=1))
    assert result.best_epoch < result.epochs
    trained = network().eval()
    trained.load_state_dict(result.weights)
    validation = series.validation
    assert validation is not None
    inputs = windows(validation.scaled, np.asarray(validation.anchors), SEQ_LEN)
    with torch.no_grad():
        forecast = trained(torch.from_numpy(inputs), SEQ_LEN, 1)[:, 0]
    loss = functional.smooth_l1_loss(forecast, torch.from_numpy(validation.actual()).float())
    assert float(loss) == pytest.approx(result.history[result.best_epoch].val_loss, rel=1e-5)


def test_a_chunk_of_one_window_trains_as_reading_window_after_window_does() -> None:
    """By hand: the same windows in the same order, through torch's optimiser."""
    series, settings = job(), config(chunk=1, epochs=1, batch_size=8)
    by_hand = network()
    by_hand.train()
    by_hand.get_submodule("head.dropout").share = 0.0  # type: ignore[assignment]
    optimiser = torch.optim.AdamW(by_hand.parameters(), lr=0.02, weight_decay=settings.weight_decay)
    anchors = np.asarray(series.train.anchors)
    order = np.random.default_rng([settings.seed, 1]).permutation(len(anchors))
    targets = torch.from_numpy(series.train.actual()).float()
    size = -(-len(anchors) // -(-len(anchors) // settings.batch_size))
    for rows in np.split(order, range(size, len(order), size)):
        inputs = torch.from_numpy(windows(series.train.scaled, anchors[rows], SEQ_LEN))
        loss = functional.smooth_l1_loss(by_hand(inputs, SEQ_LEN, 1)[:, 0], targets[rows])
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(by_hand.parameters(), settings.clip_norm)
        optimiser.step()

    start = network()
    start.get_submodule("head.dropout").share = 0.0  # type: ignore[assignment]
    (result,) = fit(start, [series], settings, CPU)
    assert isinstance(result, Fit)
    assert result.best_epoch == 1
    for name, tensor in by_hand.state_dict().items():
        assert torch.allclose(tensor, result.weights[name], atol=1e-6), name


def test_training_stops_after_its_patience() -> None:
    series = job()
    rng = np.random.default_rng(1)
    walk = np.cumsum(rng.normal(size=len(series.train.log_close)))
    noise = replace(series, train=replace(series.train, log_close=walk))
    result = fit_one(noise, config(epochs=200, patience=2, learning_rate=0.5))
    assert result.stopped == "early"
    assert result.epochs == result.best_epoch + 2


def test_a_deadline_before_the_first_epoch_is_an_error_that_says_so() -> None:
    (result,) = fit(network(), [job()], config(deadline_seconds=1e-9), CPU)
    assert isinstance(result, TrainingError)
    assert "deadline of 1e-09 s" in str(result)


def test_a_deadline_later_keeps_the_best_epoch_so_far(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, hours = time.monotonic, [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock() + 3600 * hours[0])

    def dawdle(_: int, epoch: Epoch) -> None:
        hours[0] += epoch.epoch == 1

    (result,) = fit(
        network(), [job()], config(epochs=5000, patience=5000, deadline_seconds=1800), CPU, dawdle
    )
    assert isinstance(result, Fit)
    assert result.stopped == "deadline"
    assert 1 <= result.epochs < 5000


def test_a_loss_that_is_not_finite_is_an_error_and_no_model() -> None:
    series = job()
    broken = replace(series.train, log_close=np.full_like(series.train.log_close, math.nan))
    (result,) = fit(network(), [replace(series, train=broken)], config(), CPU)
    assert isinstance(result, TrainingError)
    assert "not finite" in str(result)


def test_the_gradient_of_each_series_is_clipped_by_its_own_norm() -> None:
    tame = job().train
    wild = replace(tame, log_close=tame.log_close * 1e6)
    shelf = Shelf([tame, wild], CPU)
    first = torch.tensor([[10, 50], [10, 50]])

    def norms(clip_norm: float) -> list[float]:
        start = network()
        unroll(start, unrolled=True)
        fleet = Fleet(start, 2, config(loss="mse", clip_norm=clip_norm, dropout=0.0), unrolled=True)
        start.train()
        fleet.draw_dropout([0], 2)
        fleet.step(shelf.gather(first, SEQ_LEN - 1, 8))
        assert fleet.weights.grad is not None
        return [float(norm) for norm in fleet.weights.grad.norm(dim=1)]

    free = norms(1e15)
    assert free[0] > 0.25
    assert free[1] > 1e3
    assert norms(free[0] * 2) == pytest.approx([free[0], free[0] * 2], rel=1e-3)


def test_the_horizon_of_the_forecasts_is_that_of_the_targets() -> None:
    weights = fit_one(job(), config()).weights
    assert weights["head.output.bias"].shape == (HORIZON,)
