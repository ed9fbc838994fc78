"""How a run ends: the account of each series, and what is said last."""

import signal
from pathlib import Path

import pytest

from apps.console import print_summary
from apps.demo import print_demo
from apps.environment import unknown_variables
from apps.interrupting import Terminated
from apps.options import Call
from apps.report import Kind, series_rows
from apps.runs import Run
from ml.config import Settings
from ml.outcomes import ForecastOutcome, TrainOutcome
from ml.series import SeriesKey
from ml.summary import Summary


def terminate() -> None:
    raise Terminated(signal.SIGTERM)


def trained(ticker: str, *, version: str = "v1", grade: str = "WARN") -> TrainOutcome:
    return TrainOutcome.model_validate(
        {
            "ticker": ticker,
            "interval": "1d",
            "status": "promoted" if version else "kept",
            "reason": "a sentence with numbers",
            "grade": grade,
            "version": version,
            "skill": -0.01,
        }
    )


@pytest.mark.parametrize(
    ("kind", "status"), [("ingest", "rejected"), ("train", "failed"), ("forecast", "failed")]
)
def test_an_interrupted_run_accounts_for_what_it_did_not_get_to(kind: Kind, status: str) -> None:
    run = Run(Call(Settings(), {}, quiet=True), kind, "running")
    with run.showing() as display:
        display.found([SeriesKey.of("A", "1d"), SeriesKey.of("B", "1d")], [])
        display.finished(trained("A"))
        terminate()
    assert run.status == 143
    by_ticker = {row["ticker"]: row for row in series_rows(kind, run.summary)}
    assert by_ticker["A"]["status"] == "promoted"
    assert by_ticker["B"]["status"] == status
    assert by_ticker["B"]["reason"] == "TF000 interrupted"
    assert by_ticker["B"]["hint"]


@pytest.mark.parametrize(
    ("version", "said"),
    [("v1", "next: tickerflow forecast --steps 10 --models-dir 'my models'"), ("", "bring more bars")],
)
def test_a_forecast_is_proposed_only_where_something_is_promoted(
    version: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run = Run(Call(Settings(), {"models_dir": Path("my models")}), "train", "running")
    with run.showing() as display:
        display.found([SeriesKey.of("A", "1d")], [])
        display.finished(trained("A", version=version))
    assert run.finish() == 0
    (last,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("next: ")]
    assert said in last
    assert bool(version) == ("forecast" in last)


@pytest.mark.parametrize(("n", "lines"), [(10, 10), (11, 1)])
def test_series_without_skill_are_named_in_short_and_counted_where_they_are_many(
    n: int, lines: int, capsys: pytest.CaptureFixture[str]
) -> None:
    print_summary(Summary([trained(f"T{number}") for number in range(n)]), to_stderr=False)
    out = capsys.readouterr().out
    warned = [line for line in out.splitlines() if line.startswith("WARN")]
    assert len(warned) == lines
    assert all("not proven better than the random walk" in line for line in warned)
    assert ("tickerflow models list" in out) == (lines == 1)
    assert out.count("hint: ") == 1


def test_a_proven_model_that_is_expired_is_said_to_be_expired_and_no_more(
    capsys: pytest.CaptureFixture[str],
) -> None:
    old = ForecastOutcome(
        ticker="A", interval="1d", status="ok", model="gru", proven=True, expired="expired: 9 bars old"
    )
    print_summary(Summary([old]), to_stderr=False)
    out = capsys.readouterr().out
    assert "WARN  A 1d: expired: 9 bars old" in out
    assert "not proven" not in out
    assert out.count("hint: ") == 1
    assert "tickerflow train" in out


def test_the_demos_table_fits_80_columns(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    forecasts = [
        ForecastOutcome(
            ticker=ticker,
            interval="15m",
            status="ok",
            model="cnn_lstm",
            skill=-0.1234,
            steps=10,
            last_close=123456.0,
            forecast=100123.4,
        )
        for ticker in ("AAPL", "BTCUSD")
    ]
    outcomes = [trained("AAPL"), trained("BTCUSD")]
    print_demo(Summary(outcomes), Summary(forecasts), as_json=False)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert max(map(len, lines)) <= 80
    assert lines[1].endswith("100123 (-18.90%)")


def test_a_variable_that_sets_nothing_is_told_with_the_name_it_is_near_to() -> None:
    environment = {
        "TICKERFLOW_TRAN__EPOCHS": "3",
        "tickerflow_train__epochs": "3",
        "TICKERFLOW_TRAIN": "{}",
        "TICKERFLOW_RAW_DIR": "x",
        "TICKERFLOW_API_KEY": "secret",
        "OTHER": "1",
    }
    (warning,) = unknown_variables(environment)
    assert warning == ("TICKERFLOW_TRAN__EPOCHS sets nothing: did you mean TICKERFLOW_TRAIN__EPOCHS?")
