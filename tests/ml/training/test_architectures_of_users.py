"""Networks that a user adds: what can be batched trains in fleets, the rest one by one or is refused."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from ml.config import Settings
from ml.outcomes import Challenger
from ml.series import SeriesKey
from ml.training import learning
from ml.training.loop import Job, OnEpoch, Outcome, fit
from ml.training.trainer import train_together
from models import registry
from models.layers import RecurrentConfig, each_window
from models.registry import Architecture, register
from tests.stored import quick_settings, store_bars
from tests.synthetic import make_bars

KEYS = [SeriesKey.of(ticker, "1d") for ticker in ("A", "B", "C")]


class Windows(nn.Module):
    """Knows windows only."""

    def __init__(self, n_inputs: int, horizon: int, config: RecurrentConfig) -> None:
        super().__init__()
        self.hidden = nn.Linear(n_inputs, config.hidden_size)
        self.output = nn.Linear(config.hidden_size, horizon)

    def forward(self, inputs: Tensor, window: int, steps: int) -> Tensor:
        states = torch.relu(self.hidden(each_window(inputs, window, steps))).mean(dim=1)
        changes: Tensor = self.output(self.odd(states))
        return changes.view(len(inputs), steps, -1)

    def odd(self, states: Tensor) -> Tensor:
        return states


class Random(Windows):
    """With torch's own dropout, which cannot be batched."""

    def odd(self, states: Tensor) -> Tensor:
        return nn.functional.dropout(states, 0.5, self.training)


class Running(Windows):
    """With running means."""

    def __init__(self, n_inputs: int, horizon: int, config: RecurrentConfig) -> None:
        super().__init__(n_inputs, horizon, config)
        self.norm = nn.BatchNorm1d(config.hidden_size)

    def odd(self, states: Tensor) -> Tensor:
        normal: Tensor = self.norm(states)
        return normal


@pytest.fixture(autouse=True)
def users_models() -> Iterator[None]:
    registry.architectures()
    before = dict(registry._registry)
    for name, network in (("windows", Windows), ("random", Random), ("running", Running)):
        register(Architecture(name, RecurrentConfig, network))
    registry.architectures.cache_clear()
    yield
    registry._registry.clear()
    registry._registry.update(before)
    registry.architectures.cache_clear()


def trained(folder: Path, model: str, monkeypatch: pytest.MonkeyPatch) -> tuple[list[int], list[object]]:
    """Sizes of the fleets, and the results."""
    settings = quick_settings(folder, train={"model": model, "engine": "fleet", "device": "cpu"})
    for seed, key in enumerate(KEYS):
        store_bars(settings, key, make_bars(500, seed=seed))
    sizes = []

    def watched(network: nn.Module, jobs: list[Job], *others: object) -> list[Outcome]:
        sizes.append(len(jobs))
        return fit(network, jobs, *others)  # type: ignore[arg-type]

    monkeypatch.setattr(learning, "fit", watched)
    return sizes, [result for _, result in train_together(KEYS, settings)]


@pytest.mark.parametrize(("model", "fleets"), [("windows", [3]), ("random", [1, 1, 1])])
def test_what_can_be_batched_trains_together_and_the_rest_one_by_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: str, fleets: list[int]
) -> None:
    sizes, results = trained(tmp_path, model, monkeypatch)
    assert sizes == fleets
    assert all(isinstance(result, Challenger) and result.staged for result in results)


def test_a_network_with_running_means_is_refused_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, results = trained(tmp_path, "running", monkeypatch)
    for result in results:
        assert isinstance(result, Challenger)
        assert result.outcome is not None
        assert result.outcome.failure is not None
        assert "nothing but parameters, found norm.running_mean" in result.outcome.failure.message


def test_a_fleet_that_fails_is_trained_in_smaller_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings: Settings = quick_settings(tmp_path, train={"engine": "fleet", "device": "cpu"})
    for seed, key in enumerate(KEYS):
        store_bars(settings, key, make_bars(500, seed=seed))

    def small(network: nn.Module, jobs: list[Job], *others: OnEpoch) -> list[Outcome]:
        if len(jobs) > 1:
            raise torch.OutOfMemoryError("no room")
        return fit(network, jobs, *others)  # type: ignore[arg-type]

    monkeypatch.setattr(learning, "fit", small)
    results = dict(train_together(KEYS, settings))
    assert all(isinstance(results[key], Challenger) for key in KEYS)

    def never(network: nn.Module, jobs: list[Job], *others: OnEpoch) -> list[Outcome]:
        raise torch.OutOfMemoryError("no room")

    monkeypatch.setattr(learning, "fit", never)
    always = settings.run.model_copy(update={"skip_unchanged": False})
    again = settings.model_copy(update={"run": always})
    results = dict(train_together(KEYS, again))
    assert all(isinstance(results[key], torch.OutOfMemoryError) for key in KEYS)
