import json
from pathlib import Path

import pytest

from ml.config import TrainConfig
from tests.apps.conftest import House, Run
from tests.universe import write_series


def sources(out: str) -> dict[str, tuple[object, str]]:
    return {row["name"]: (row["value"], row["source"]) for row in json.loads(out)["result"]}


def test_config_show_names_where_each_value_comes_from(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tickerflow.toml").write_text(
        "[train]\nepochs = 5\nhorizon = 7\nseq_len = 40\n", encoding="utf-8"
    )
    monkeypatch.setenv("TICKERFLOW_TRAIN__HORIZON", "8")
    monkeypatch.setenv("TICKERFLOW_TRAIN__SEQ_LEN", "41")
    found = sources(run("config", "show", "--json", "--seq-len", "42").out)
    assert found["train.epochs"] == (5, "tickerflow.toml")
    assert found["train.horizon"] == (8, "TICKERFLOW_TRAIN__HORIZON")
    assert found["train.seq_len"] == (42, "--seq-len")
    assert found["train.patience"] == (TrainConfig().patience, "default")
    assert found["raw_dir"][1] == "--raw-dir"


def test_a_bad_value_in_the_file_is_wrong_use(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tickerflow.toml").write_text("[train]\nepochs = 0\n", encoding="utf-8")
    called = run("config", "show")
    assert called.status == 2
    assert "TICKERFLOW_TRAIN__EPOCHS or tickerflow.toml" in called.err


def test_features_can_be_listed_by_commas_and_repeated(run: Run) -> None:
    called = run("config", "show", "--json", "--features", "close,rsi_14", "--features", "obv")
    assert sources(called.out)["train.features"][0] == ["close", "rsi_14", "obv"]


def test_retrain_turns_skipping_off(run: Run) -> None:
    assert sources(run("config", "show", "--json").out)["run.skip_unchanged"][0] is True
    assert sources(run("config", "show", "--json", "--retrain").out)["run.skip_unchanged"][0] is False


def test_features_lists_what_there_is(run: Run) -> None:
    called = run("features")
    assert called.status == 0
    assert "rsi_14" in called.out


def test_version_names_the_libraries(run: Run) -> None:
    versions = json.loads(run("version", "--json").out)["result"]
    assert {"tickerflow", "torch", "prefect"} <= set(versions)


@pytest.mark.usefixtures("prefect_server")
def test_doctor_fails_where_the_raw_folder_is_missing_and_passes_where_it_is_not(
    house: House, run: Run
) -> None:
    called = run("doctor")
    assert called.status == 1
    assert "no folder at" in called.out
    write_series(house.raw, "GOOD", 40)
    assert run("doctor").status == 0


def test_models_of_an_empty_folder(run: Run) -> None:
    assert json.loads(run("models", "list", "--json").out)["result"] == []
    listed = run("models", "list")
    assert (listed.status, listed.out) == (0, "")
    assert "nothing is promoted yet" in listed.err
    assert "tickerflow train" in listed.err
    shown = run("models", "show", "--ticker", "AAPL", "--interval", "1d")
    assert shown.status == 1
    assert "TF062" in shown.err
    assert run("models", "show", "AAPL", "1d").err == shown.err
    assert run("models", "show", "AAPL", "--ticker", "MSFT", "--interval", "1d").status == 2
    assert run("models", "rollback").status == 2


def test_the_history_of_a_series_that_never_was_is_said_as_in_other_commands(run: Run) -> None:
    called = run("models", "history", "AAPL", "1d")
    assert called.status == 1
    assert "TF062" in called.err
    assert "train one: tickerflow train --ticker AAPL --interval 1d" in called.err


@pytest.mark.parametrize("value", ["0", "1,x"])
def test_a_bad_item_of_a_list_that_was_typed_names_its_option(value: str, run: Run) -> None:
    called = run("config", "show", "--over", value)
    assert called.status == 2
    assert called.err.startswith("TF001: --over: ")


@pytest.mark.parametrize(
    ("command", "without"),
    [
        ("forecast", ["--retrain", "--use-tuned"]),
        ("score", ["--retrain", "--use-tuned", "--plots"]),
        ("evaluate", ["--retrain", "--use-tuned", "--mode"]),
        ("ingest", ["--retrain", "--use-tuned", "--plots", "--fleet-size"]),
    ],
)
def test_help_lists_no_option_that_has_no_effect(command: str, without: list[str], run: Run) -> None:
    for option in without:
        assert run(command, option).status == 2, option
        assert "No such option" in run(command, option).err


def test_a_variable_that_sets_nothing_is_a_warning(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TICKERFLOW_TRAN__EPOCHS", "3")
    called = run("version")
    assert called.status == 0
    assert called.err.count("TICKERFLOW_TRAN__EPOCHS") == 1


def test_forecasting_without_a_model_says_what_to_do(run: Run) -> None:
    called = run("forecast")
    assert called.status == 2
    assert "tickerflow train" in called.err
