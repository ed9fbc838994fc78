"""Tuned configurations on disk, and how they stand between what a user set and the defaults."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from ml.artifacts.tuned import (
    Compared,
    Tuned,
    group_path,
    remove_tuned,
    series_path,
    tuned_for,
    tuned_values,
    with_tuned,
    write_tuned,
)
from ml.config import Settings, TrainConfig
from ml.errors import ArtifactError
from ml.series import SeriesKey

AAPL, MSFT = SeriesKey.of("AAPL", "1d"), SeriesKey.of("MSFT", "1d")
VALUES: dict[str, Any] = {
    "model": "gru",
    "hidden_size": 40,
    "learning_rate": 0.002,
    "features": ["close"],
}


def tuned(*members: str, group: str = "", hours: int = 0, **values: Any) -> Tuned:
    return Tuned(
        group=group,
        members=members or ("AAPL_1d",),
        sample=members[:1] or ("AAPL_1d",),
        values=values or VALUES,
        searched=Compared(tuned=0.98, defaults=0.99),
        confirmed=Compared(tuned=0.97, defaults=1.0),
        folds=3,
        study="0" * 16,
        trials=30,
        pruned=7,
        created=datetime(2026, 11, 22, tzinfo=UTC) + timedelta(hours=hours),
        fingerprint="0" * 64,
    )


def test_what_was_written_is_read(tmp_path: Path) -> None:
    write_tuned(series_path(tmp_path, AAPL), tuned())
    assert tuned_for(tmp_path, AAPL) == tuned()
    assert tuned_values(tmp_path, AAPL) == VALUES
    assert tuned_values(tmp_path, MSFT) == {}
    remove_tuned(series_path(tmp_path, AAPL))
    assert tuned_values(tmp_path, AAPL) == {}


def test_a_series_own_stands_above_its_newest_group(tmp_path: Path) -> None:
    both = ("AAPL_1d", "MSFT_1d")
    for number, name in enumerate(("old", "new", "others")):
        members = ("XOM_1d",) if name == "others" else both
        group = tuned(*members, group=name, hours=number, num_layers=number + 1)
        write_tuned(group_path(tmp_path, SeriesKey.of(name, "1d")), group)
    write_tuned(series_path(tmp_path, AAPL), tuned())
    assert tuned_values(tmp_path, AAPL) == VALUES
    assert tuned_values(tmp_path, MSFT) == {"num_layers": 2}


def test_what_the_user_set_stands_above_what_was_tuned() -> None:
    config = with_tuned(TrainConfig(hidden_size=24, epochs=5), VALUES)
    assert (config.hidden_size, config.epochs) == (24, 5)
    assert (config.model, config.learning_rate, config.features) == ("gru", 0.002, ("close",))
    assert config.model_fields_set == {"hidden_size", "epochs"}
    assert with_tuned(config, VALUES) == config


def test_what_was_tuned_for_one_architecture_is_not_used_for_another() -> None:
    chosen = TrainConfig(model="lstm")
    assert with_tuned(chosen, VALUES) is chosen
    assert with_tuned(TrainConfig(model="gru"), VALUES).hidden_size == 40


def test_the_environment_counts_as_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TICKERFLOW_TRAIN__HIDDEN_SIZE", "24")  # the default, and chosen all the same
    settings = Settings(train={"epochs": 5})
    assert settings.train.model_fields_set == {"hidden_size", "epochs"}
    assert with_tuned(settings.train, VALUES).hidden_size == 24


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[:-20],
        lambda text: text.replace('"hidden_size":40', '"hidden_size":0'),
        lambda text: text.replace('"hidden_size":40', '"seed":40'),
        lambda text: text.replace('"tuned":0.98', '"tuned":NaN'),
        lambda text: text.replace('"format":1', '"format":2'),
        lambda text: "[]",
    ],
)
def test_a_damaged_file_is_an_error_and_not_the_defaults(tmp_path: Path, damage: Any) -> None:
    path = series_path(tmp_path, AAPL)
    path.parent.mkdir()
    text = tuned().model_dump_json()
    path.write_text(text, encoding="utf-8")
    assert tuned_for(tmp_path, AAPL) is not None
    assert damage(text) != text
    path.write_text(damage(text) + " ", encoding="utf-8")
    with pytest.raises(ArtifactError, match="expected a tuned configuration") as caught:
        tuned_for(tmp_path, AAPL)
    assert "tune again" in caught.value.hint
    assert caught.value.where == str(path)


def test_values_that_no_training_could_have_are_refused() -> None:
    with pytest.raises(ValidationError):
        tuned(dropout=2.0)
    with pytest.raises(ValidationError, match="not tuned"):
        tuned(test_share=0.1)
