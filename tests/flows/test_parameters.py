import pytest
from pydantic import ValidationError

from flows.parameters import ForecastParams, TrainParams, TuneParams
from ml.config import Settings
from ml.errors import FeatureError, ModelError, UsageError
from models import architectures


def test_what_a_run_leaves_out_comes_from_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TICKERFLOW_TRAIN__HIDDEN_SIZE", "17")
    monkeypatch.setenv("TICKERFLOW_RAW_DIR", "elsewhere")
    settings = TrainParams.model_validate({"train": {"epochs": 3}}).settings()
    assert (settings.train.epochs, settings.train.hidden_size) == (3, 17)
    assert str(settings.raw_dir) == "elsewhere"


def test_settings_pass_through_unchanged() -> None:
    settings = Settings(train={"epochs": 4, "features": ("close",)}, run={"workers": 3})
    assert TrainParams.of(settings).settings() == settings


def test_the_form_offers_every_architecture_and_bounds() -> None:
    schema = TrainParams.model_json_schema()
    form = schema["$defs"]["TrainForm"]["properties"]
    assert form["model"]["enum"] == list(architectures())
    assert form["epochs"]["minimum"] == 1
    assert all("description" in field for field in form.values())
    assert ForecastParams.model_json_schema()["properties"]["n_steps"]["maximum"] == 500


def test_the_form_has_an_order() -> None:
    for params in (TrainParams, ForecastParams):
        fields = params.model_json_schema()["properties"].values()
        positions = [field["position"] for field in fields]
        assert len(set(positions)) == len(positions)


def test_unknown_names_are_refused_before_anything_runs() -> None:
    with pytest.raises(ModelError, match="expected"):
        TrainParams.model_validate({"train": {"model": "oracle"}}).check_names()
    with pytest.raises(FeatureError):
        TrainParams.model_validate({"train": {"features": ["moonphase"]}}).check_names()
    with pytest.raises(UsageError, match="1 to 10, found 20"):
        TrainParams.model_validate({"promote": {"over": [1, 20]}}).check_names()
    with pytest.raises(ValidationError):
        TrainParams.model_validate({"train": {"epocs": 3}})


def test_what_was_set_stays_known_as_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TICKERFLOW_TRAIN__DROPOUT", "0.3")
    typed = Settings(train={"hidden_size": 24})  # the default, and typed all the same
    expected = {"dropout", "hidden_size"}
    assert typed.train.model_fields_set == expected
    for params in (TrainParams.of(typed), TuneParams.of(typed)):
        assert params.settings().train.model_fields_set == expected
        assert params.settings() == typed


def test_a_form_that_is_sent_back_as_it_was_sets_nothing() -> None:
    form = TrainParams().model_dump(mode="json")
    assert TrainParams.model_validate(form).settings().train.model_fields_set == set()
    form["train"] |= {"epochs": 7, "features": ["close"]}
    assert TrainParams.model_validate(form).settings().train.model_fields_set == {"epochs", "features"}
