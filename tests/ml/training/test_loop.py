import math
import time

import numpy as np
import pytest
import torch
from torch import nn

import models
from ml.config import TrainConfig
from ml.errors import TrainingError
from ml.training.loop import Epoch, Samples, fit

CPU = torch.device("cpu")
HORIZON, INPUTS, SEQ_LEN = 3, 2, 5


def signal(count: int = 300, seed: int = 0) -> tuple[Samples, Samples]:
    """Targets that follow from the last input: half of them can be learnt."""
    rng = np.random.default_rng(seed)
    scaled = rng.normal(size=(count, INPUTS)).astype(np.float32)
    known = np.repeat(scaled[:, :1], HORIZON, axis=1)
    targets = torch.from_numpy(known + 0.3 * rng.normal(size=(count, HORIZON)).astype(np.float32))
    cut = int(0.7 * count)

    def part(first: int, last: int) -> Samples:
        return Samples(scaled, np.arange(first, last), targets[first:last], SEQ_LEN)

    return part(SEQ_LEN - 1, cut), part(cut, count)


def config(**changes: object) -> TrainConfig:
    return TrainConfig.model_validate(
        {"epochs": 5, "batch_size": 32, "hidden_size": 8, "learning_rate": 0.02, "seed": 3, **changes}
    )


def network(seed: int = 3) -> nn.Module:
    torch.manual_seed(seed)
    return models.build("lstm", INPUTS, HORIZON, {"hidden_size": 8})


def test_a_signal_is_learnt_and_the_history_says_how() -> None:
    train, validation = signal()
    seen: list[Epoch] = []
    result = fit(network(), train, validation, config(epochs=12), CPU, seen.append)
    losses = [epoch.val_loss for epoch in result.history]
    assert min(losses) < 0.5 * losses[0]
    assert tuple(seen) == result.history
    assert result.history[0].train_loss is None
    assert result.history[result.best_epoch].val_loss == min(losses)


def test_the_same_seed_gives_the_same_weights_and_another_seed_gives_others() -> None:
    train, validation = signal()

    def weights(seed: int) -> dict[str, torch.Tensor]:
        trained = network(seed)
        fit(trained, train, validation, config(seed=seed), CPU)
        return trained.state_dict()

    first, again, other = weights(3), weights(3), weights(4)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)


def test_the_best_weights_are_kept_when_training_goes_on_to_get_worse() -> None:
    train, validation = signal()
    trained = network()
    result = fit(trained, train, validation, config(epochs=25, learning_rate=0.1, patience=4), CPU)
    assert result.best_epoch < result.epochs
    rows = torch.arange(len(validation))
    inputs, targets = validation.batch(rows, CPU)
    with torch.no_grad():
        loss = nn.SmoothL1Loss()(trained(inputs), targets)
    assert float(loss) == pytest.approx(result.history[result.best_epoch].val_loss, rel=1e-5)


def test_training_stops_after_its_patience() -> None:
    train, validation = signal()
    noise = Samples(train.scaled, train.anchors, torch.randn(len(train), HORIZON), SEQ_LEN)
    result = fit(network(), noise, validation, config(epochs=200, patience=2, learning_rate=0.5), CPU)
    assert result.stopped == "early"
    assert result.epochs == result.best_epoch + 2


def test_a_deadline_before_the_first_epoch_is_an_error_that_says_so() -> None:
    train, validation = signal()
    with pytest.raises(TrainingError, match="deadline of 1e-09 s"):
        fit(network(), train, validation, config(deadline_seconds=1e-9), CPU)


def test_a_deadline_later_keeps_the_best_epoch_so_far() -> None:
    train, validation = signal()

    def dawdle(epoch: Epoch) -> None:
        if epoch.epoch == 1:
            time.sleep(4.0)

    result = fit(network(), train, validation, config(epochs=50, deadline_seconds=4), CPU, dawdle)
    assert result.stopped == "deadline"
    assert result.epochs == 1


def test_a_loss_that_is_not_finite_is_an_error_and_no_model() -> None:
    train, validation = signal()
    broken = Samples(train.scaled, train.anchors, torch.full((len(train), HORIZON), math.nan), SEQ_LEN)
    with pytest.raises(TrainingError, match="not finite"):
        fit(network(), broken, validation, config(), CPU)


def test_gradients_are_clipped() -> None:
    train, validation = signal()
    wild = Samples(train.scaled, train.anchors, train.targets * 1e6, SEQ_LEN)

    def last_norm(clip_norm: float) -> float:
        """Of the last step, whose gradients are still there."""
        trained = network()
        fit(trained, wild, validation, config(epochs=1, loss="mse", clip_norm=clip_norm), CPU)
        gradients = [weight.grad for weight in trained.parameters() if weight.grad is not None]
        return float(torch.stack([gradient.norm() for gradient in gradients]).norm())

    assert last_norm(0.25) == pytest.approx(0.25, rel=1e-3)
    assert last_norm(1e12) > 1e3
