"""The train task on both engines."""

from pathlib import Path

import pytest
import torch

from ml.artifacts.store import ModelStore
from ml.config import Settings
from ml.outcomes import Challenger, Failure, IngestOutcome
from ml.series import SeriesKey
from tasks.journal import Journal
from tasks.train import train
from tests.stored import quick_settings, store_bars
from tests.synthetic import make_bars

# Two that train together, one too short, one of another length that trains apart.
LENGTHS = {"A": 500, "B": 60, "C": 500, "D": 900}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return quick_settings(tmp_path, train={"epochs": 4, "learning_rate": 0.01})


@pytest.fixture
def shard(settings: Settings) -> list[IngestOutcome]:
    stored = [
        store_bars(settings, SeriesKey.of(ticker, "1d"), make_bars(count, seed=index))
        for index, (ticker, count) in enumerate(LENGTHS.items())
    ]
    rejected = IngestOutcome(
        ticker="E", interval="1d", status="rejected", failure=Failure(code="TF010", message="bad file")
    )
    return [*stored, rejected]


def on(
    engine: str, shard: list[IngestOutcome], settings: Settings, journal: Journal
) -> list[Challenger]:
    chosen = settings.train.model_copy(update={"engine": engine})
    changed = settings.model_copy(update={"train": chosen})
    return train.fn(shard, changed, journal, "A and 4 more")


def test_both_engines_train_the_same_networks_and_account_for_every_series_in_order(
    shard: list[IngestOutcome], settings: Settings, tmp_path: Path
) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    single = on("single", shard, settings, journal)
    fleet = on("fleet", shard, settings, journal)
    store = ModelStore(settings.models_dir)
    for alone, member in zip(single, fleet, strict=True):
        assert alone.key == member.key
        assert (alone.outcome is None) == (member.outcome is None)
        if alone.outcome is None:
            mine, _ = store.load_staged(Path(alone.staged))
            theirs, _ = store.load_staged(Path(member.staged))
            assert mine.meta.training.best_epoch == theirs.meta.training.best_epoch
            for name, tensor in mine.weights.items():
                assert torch.allclose(tensor, theirs.weights[name], atol=1e-5), name
    codes = [challenger.outcome and challenger.outcome.failure for challenger in fleet]
    assert [failure and failure.code for failure in codes] == [None, "TF021", None, None, "TF010"]


def test_a_fleet_that_is_asked_to_stop_ends_at_its_next_epoch(
    shard: list[IngestOutcome], settings: Settings, tmp_path: Path
) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    journal.stop()
    assert on("fleet", shard, settings, journal) == []
