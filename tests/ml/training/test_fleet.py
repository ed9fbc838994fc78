"""Series that train together learn what each learns alone."""

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from ml.errors import TrainingError
from ml.training.loop import Epoch, Fit, Job, fit
from tests.ml.training.signals import CPU, config, job, network

# Different lengths: the last chunk of each is filled up.
JOBS = [job(295, seed=0), job(290, seed=1), job(287, seed=2)]


def alone(jobs: list[Job], name: str, layers: int, **settings: object) -> list[Fit]:
    fits = []
    for series in jobs:
        (result,) = fit(network(name, layers=layers), [series], config(**settings), CPU)
        assert isinstance(result, Fit)
        fits.append(result)
    return fits


def together(jobs: list[Job], name: str, layers: int, **settings: object) -> list[Fit]:
    results = fit(network(name, layers=layers), jobs, config(**settings), CPU)
    return [result for result in results if isinstance(result, Fit)]


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("name", ["lstm", "gru", "cnn_lstm"])
def test_after_twenty_steps_the_weights_are_those_of_one_by_one(name: str, layers: int) -> None:
    settings = {"epochs": 4, "batch_size": 40, "learning_rate": 0.005}
    jobs = [replace(series, validation=series.train) for series in JOBS]  # its loss falls at each epoch
    one_by_one, fleet = alone(jobs, name, layers, **settings), together(jobs, name, layers, **settings)
    assert [result.steps for result in fleet] == [20, 20, 20]
    for single, member in zip(one_by_one, fleet, strict=True):
        assert member.best_epoch == single.best_epoch == 4
        for name_of, tensor in single.weights.items():
            assert torch.allclose(tensor, member.weights[name_of], rtol=1e-4, atol=1e-5), name_of
        losses = [[epoch.val_loss for epoch in result.history] for result in (single, member)]
        assert losses[0] == pytest.approx(losses[1], rel=1e-4)


def test_series_stop_on_their_own_and_the_others_go_on_without_them() -> None:
    rng = np.random.default_rng(5)
    hopeless = [
        replace(series, train=replace(series.train, log_close=np.cumsum(rng.normal(size=295))))
        for series in [job(295, seed=seed) for seed in (3, 4, 5)]
    ]
    jobs = [hopeless[0], JOBS[0], hopeless[1], JOBS[1], hopeless[2]]
    settings = {"epochs": 25, "patience": 3, "learning_rate": 0.02}
    one_by_one, fleet = alone(jobs, "lstm", 1, **settings), together(jobs, "lstm", 1, **settings)
    lengths = [result.epochs for result in fleet]
    assert lengths == [result.epochs for result in one_by_one]
    assert len(set(lengths)) > 1
    assert [result.stopped for result in fleet] == [result.stopped for result in one_by_one]
    for single, member in zip(one_by_one, fleet, strict=True):
        for name, tensor in single.weights.items():
            assert torch.allclose(tensor, member.weights[name], rtol=1e-3, atol=1e-4), name


def test_a_series_that_diverges_takes_no_other_with_it() -> None:
    broken = replace(JOBS[1].train, log_close=np.full(290, math.nan))
    jobs = [JOBS[0], Job(broken, JOBS[1].validation), JOBS[2]]
    first, failed, last = fit(network(), jobs, config(), CPU)
    assert isinstance(failed, TrainingError)
    for result, single in zip((first, last), alone([JOBS[0], JOBS[2]], "lstm", 1), strict=True):
        assert isinstance(result, Fit)
        for name, tensor in single.weights.items():
            assert torch.allclose(tensor, result.weights[name], rtol=1e-4, atol=1e-5), name


def test_each_epoch_is_told_with_the_series_it_belongs_to() -> None:
    seen: list[tuple[int, Epoch]] = []
    results = fit(network(), JOBS, config(epochs=2), CPU, lambda *told: seen.append(told))
    for index, result in enumerate(results):
        assert isinstance(result, Fit)
        assert [epoch for of, epoch in seen if of == index] == list(result.history)


def test_the_clock_is_shared_by_the_series_of_a_fleet(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = itertools.count()
    monkeypatch.setattr("ml.training.loop.time.monotonic", lambda: float(next(ticks)))
    fleet = together(JOBS, "lstm", 1, epochs=4)
    passed = next(ticks)
    assert len({result.seconds for result in fleet}) == 1
    assert 0.7 * passed < len(JOBS) * fleet[0].seconds < passed


@pytest.mark.parametrize("name", ["lstm", "gru"])
def test_a_shorter_series_has_the_same_dropout_in_the_company_of_a_longer_one(name: str) -> None:
    """All chunks in one batch: the fleet has as many slots as its longest member has chunks."""
    settings = {"epochs": 20, "batch_size": 512, "learning_rate": 0.005, "patience": 99}
    jobs = [replace(series, validation=series.train) for series in (job(240), job(295, seed=1))]
    one_by_one, fleet = alone(jobs, name, 2, **settings), together(jobs, name, 2, **settings)
    for single, member in zip(one_by_one, fleet, strict=True):
        assert member.best_epoch == single.best_epoch > 10
        for name_of, tensor in single.weights.items():
            assert torch.allclose(tensor, member.weights[name_of], rtol=1e-3, atol=1e-4), name_of


def test_series_with_another_number_of_steps_in_an_epoch_are_refused() -> None:
    with pytest.raises(ValueError, match="as many batches"):
        fit(network(), [JOBS[0], job(600)], config(), CPU)
