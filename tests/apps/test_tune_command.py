"""``tickerflow tune``, and what ``tickerflow train`` makes of its result."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from ml.artifacts.store import ModelStore
from ml.artifacts.tuned import Compared, Tuned, series_path, write_tuned
from ml.series import SeriesKey
from tests.apps.conftest import House, Run
from tests.universe import write_series

pytestmark = pytest.mark.usefixtures("prefect_server")

SMALL = ("--horizon", "2", "--epochs", "2", "--seq-len", "8", "--features", "close,rsi_5")
KEY = SeriesKey.of("A", "1d")


def write_found(house: House) -> None:
    """A tuned configuration as a study leaves it."""
    pair = Compared(tuned=0.98, defaults=0.99)
    found = Tuned(
        members=(KEY.stem,),
        sample=(KEY.stem,),
        values={"hidden_size": 5, "dropout": 0.35},
        searched=pair,
        confirmed=pair,
        folds=3,
        study="0123456789abcdef",
        trials=30,
        pruned=0,
        created=datetime(2026, 11, 22, tzinfo=UTC),
        fingerprint="0" * 64,
    )
    write_tuned(series_path(house.root / "models", KEY), found)


def test_tune_shows_the_best_trials_and_goes_on_from_there(house: House, run: Run) -> None:
    write_series(house.raw, "A", 500)
    search = ("--search", "hidden_size,dropout", "--folds", "2")
    first = run("tune", *SMALL, *search, "--trials", "2")
    assert first.status == 0
    assert "defaults" in first.out
    assert "Done." in first.out
    again = run("tune", *SMALL, *search, "--trials", "3", "--json")
    document = json.loads(again.out)
    assert document["schema"] == "tickerflow.tune"
    (row,) = document["series"]
    assert (row["resumed"], len(row["trials"])) == (2, 3)
    assert set(row["values"]) == {"hidden_size", "dropout"}
    assert row["status"] == ("tuned" if row["path"] else "kept")


def test_what_cannot_be_searched_is_said_at_once(house: House, run: Run) -> None:
    write_series(house.raw, "A", 500)
    called = run("tune", "--models", "naive")
    assert called.status != 0
    assert "expected architectures that are trained" in called.err
    assert run("tune", "--search", "epochs").status == 2


def test_the_next_training_uses_what_was_tuned_below_what_is_typed(house: House, run: Run) -> None:
    write_series(house.raw, "A", 500)
    write_found(house)

    def config(*options: str) -> tuple[dict[str, Any], str]:
        assert run("train", *SMALL, *options, "--force").status == 0
        meta = ModelStore(house.root / "models").champion(KEY).meta
        return meta.training.config, meta.training.tuned

    values, note = config()
    assert (values["hidden_size"], values["dropout"]) == (5, 0.35)
    assert "study 0123456789abcdef of 2026-11-22" in note
    values, note = config("--hidden-size", "6")
    assert (values["hidden_size"], values["dropout"]) == (6, 0.35)
    values, note = config("--no-use-tuned")
    assert values["hidden_size"] not in (5, 6)
    assert note == ""
