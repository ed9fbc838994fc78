"""The train task on both engines, and that neither it nor the promotion leaves anything staged."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

from ml.artifacts.store import ModelStore
from ml.config import Settings
from ml.outcomes import Challenger, Failure, IngestOutcome, TrainOutcome
from ml.series import SeriesKey
from tasks.journal import Journal
from tasks.promote import promote
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


def staged_in(settings: Settings) -> list[Path]:
    return [path for path in (settings.models_dir / ".staging").glob("*/*") if path.is_dir()]


def test_a_stopped_training_leaves_nothing_staged(
    shard: list[IngestOutcome], settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal, began = Journal(tmp_path / "journal.jsonl"), Journal.append

    def stop_at_the_third(self: Journal, event: str, **fields: object) -> None:
        began(self, event, **fields)
        if fields.get("ticker") == "C":
            assert len(staged_in(settings)) == 1  # that of A
            self.stop()

    monkeypatch.setattr(Journal, "append", stop_at_the_third)
    assert on("single", shard, settings, journal) == []
    assert staged_in(settings) == []


def test_what_is_not_judged_is_not_left_staged(
    shard: list[IngestOutcome], settings: Settings, tmp_path: Path
) -> None:
    challengers = on("single", shard, settings, Journal(tmp_path / "journal.jsonl"))
    assert len(staged_in(settings)) == 3
    stopped = Journal(tmp_path / "stopped.jsonl")
    stopped.stop()
    assert promote.fn(challengers, settings, stopped, "A and 4 more") == []
    assert staged_in(settings) == []


def test_a_series_that_stays_busy_leaves_nothing_staged_after_the_last_attempt(
    shard: list[IngestOutcome], settings: Settings, tmp_path: Path
) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    (challenger, *_) = on("single", shard, settings, journal)
    impatient = settings.model_copy(
        update={"promote": settings.promote.model_copy(update={"lock_seconds": 0.0})}
    )

    def judge() -> list[TrainOutcome]:
        with ThreadPoolExecutor(1) as other, ModelStore(settings.models_dir).lock(challenger.key, 0):
            return other.submit(promote.fn, [challenger], impatient, journal, "A").result()

    (outcome,) = judge()
    assert outcome.failure is not None
    assert outcome.failure.code == "TF051"
    assert not Path(challenger.staged).exists()
