"""Jobs with weights of their own to start from, and with a number of epochs of their own."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from ml.errors import TrainingError
from ml.training.loop import Fit, Job, fit
from tests.ml.training.signals import CPU, config, fit_one, job, network

JOBS = [job(295, seed=0), job(290, seed=1), job(287, seed=2)]


def fixed(series: Job, epochs: int) -> Job:
    return replace(series, validation=None, epochs=epochs)


def fits(jobs: list[Job], **settings: object) -> list[Fit]:
    results = fit(network(), jobs, config(**settings), CPU)
    return [result for result in results if isinstance(result, Fit)]


def close(one: Fit, other: Fit) -> bool:
    return all(
        torch.allclose(tensor, other.weights[name], rtol=1e-3, atol=1e-5)
        for name, tensor in one.weights.items()
    )


def test_a_number_of_epochs_is_trained_to_its_end_whatever_patience_and_most_epochs_are() -> None:
    (result,) = fits([fixed(JOBS[0], 9)], epochs=2, patience=1, learning_rate=0.3)
    assert (result.epochs, result.best_epoch, result.stopped) == (9, 9, "epochs")
    losses = [epoch.val_loss for epoch in result.history]
    assert all(math.isnan(loss) for loss in losses)
    assert json.loads(json.dumps(result.history[3].as_dict()))["val_loss"] is None


def test_the_weights_after_a_number_of_epochs_are_those_of_that_epoch_with_validation() -> None:
    series = replace(JOBS[0], validation=JOBS[0].train)  # its loss falls at each epoch
    validated = fit_one(series, config(epochs=5, learning_rate=0.005))
    assert validated.best_epoch == 5
    (result,) = fits([fixed(JOBS[0], 5)], learning_rate=0.005)
    assert all(torch.equal(validated.weights[name], part) for name, part in result.weights.items())


def test_no_epoch_at_all_leaves_the_weights_as_they_were() -> None:
    (result,) = fits([fixed(JOBS[0], 0)])
    assert result.epochs == 0
    for name, tensor in network().state_dict().items():
        assert torch.equal(tensor, result.weights[name]), name


def test_a_job_goes_on_from_its_own_weights_and_keeps_them_where_nothing_is_better() -> None:
    before = fit_one(JOBS[0], config(epochs=6, learning_rate=0.01))
    (again,) = fits([replace(JOBS[0], weights=before.weights)], epochs=1, learning_rate=1e-12)
    best = before.history[before.best_epoch].val_loss
    assert again.history[0].val_loss == pytest.approx(best, rel=1e-6)
    (better,) = fits([replace(JOBS[0], weights=before.weights)], epochs=6, learning_rate=0.01)
    assert better.history[better.best_epoch].val_loss <= best
    (spoilt,) = fits([replace(JOBS[0], weights=before.weights)], epochs=2, learning_rate=1.0)
    assert spoilt.best_epoch == 0
    assert close(before, spoilt)


@pytest.mark.parametrize("name", ["lstm", "gru", "cnn_lstm"])
def test_each_row_of_a_fleet_starts_from_its_own_weights(name: str) -> None:
    starts = [dict(network(name, seed=seed).state_dict()) for seed in (11, 12)]
    jobs = [replace(JOBS[0], weights=starts[0]), JOBS[1], replace(JOBS[2], weights=starts[1])]
    settings = config(epochs=4, learning_rate=0.005)
    together = fit(network(name), jobs, settings, CPU)
    for series, member in zip(jobs, together, strict=True):
        (single,) = fit(network(name), [series], settings, CPU)
        assert isinstance(single, Fit)
        assert isinstance(member, Fit)
        assert single.best_epoch == member.best_epoch
        assert close(single, member)


def test_each_row_of_a_fleet_trains_its_own_number_of_epochs() -> None:
    counts = (6, 0, 3, 1)
    jobs = [fixed(series, count) for series, count in zip([*JOBS, JOBS[0]], counts, strict=True)]
    together = fits(jobs, learning_rate=0.005)
    assert [result.epochs for result in together] == list(counts)
    for series, member in zip(jobs, together, strict=True):
        (single,) = fits([series], learning_rate=0.005)
        assert close(single, member)


def test_a_fixed_training_that_diverges_in_its_first_epoch_is_an_error() -> None:
    broken = replace(JOBS[0].train, log_close=np.full(295, math.nan))
    (result,) = fit(network(), [fixed(replace(JOBS[0], train=broken), 3)], config(), CPU)
    assert isinstance(result, TrainingError)


def test_fewer_epochs_than_were_asked_for_are_an_error_and_not_another_model() -> None:
    long = fixed(JOBS[0], 10_000)
    (late,) = fit(network(), [long], config(deadline_seconds=0.3), CPU)
    assert isinstance(late, TrainingError)
    assert "expected 10000 epochs within the deadline of 0.3 s" in str(late)


def test_jobs_with_and_without_validation_are_refused_together() -> None:
    with pytest.raises(ValueError, match="all validated"):
        fit(network(), [JOBS[0], fixed(JOBS[1], 3)], config(), CPU)
