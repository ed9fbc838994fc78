"""The noticer over a real Prefect server, whose runs nobody works off."""

import time
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun, State
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import Cancelled, Completed, Crashed

from apps.up.noticed import read_record
from apps.up.noticer import Noticer
from ml.config import Settings
from tests.apps.http.serving import KEY, train
from tests.stored import quick_settings
from tests.synthetic import make_bars


@flow(name="train-universe")
def _training(params: dict[str, object]) -> None:
    """Never run: its deployment is asked for."""


@flow(name="forecast-universe")
def _forecasting(params: dict[str, object]) -> None:
    """Never run: its deployment is asked for."""


@pytest.fixture
def deployed(prefect_server: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    # A server that is busy with other tests is not away.
    monkeypatch.setattr("apps.up.noticer._PATIENCE", httpx.Timeout(120.0))
    with get_client(sync_client=True) as client:
        made = [
            client.create_deployment(client.create_flow(function), name)
            for function, name in ((_training, "ad-hoc"), (_forecasting, "at-the-close"))
        ]
        yield
        for identity in made:  # and with each its runs that wait, which other tests would count
            client.delete_deployment(identity)


def _settings(tmp_path: Path, **up: object) -> Settings:
    settings = quick_settings(tmp_path, up={"settle_seconds": 0.01, **up})
    settings.raw_dir.mkdir()
    return settings


def _drop(settings: Settings, name: str, rows: int = 300) -> None:
    make_bars(rows).to_csv(settings.raw_dir / name, index=False)


def _run(settings: Settings, stem: str) -> FlowRun:
    with get_client(sync_client=True) as client:
        return client.read_flow_run(UUID(read_record(settings.store_dir)[stem].run))


def _end(run: FlowRun, state: State[None]) -> None:
    with get_client(sync_client=True) as client:
        client.set_flow_run_state(run.id, state, force=True)


def _look(noticer: Noticer) -> None:
    time.sleep(0.05)  # what was dropped is complete
    noticer.look()
    time.sleep(0.05)  # what was replaced is seen by the first look, and complete at the second
    noticer.look()


@pytest.mark.usefixtures("deployed")
def test_new_series_of_one_interval_are_one_training_and_only_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = _settings(tmp_path)
    _drop(settings, "AAPL_1d.csv")
    _drop(settings, "MSFT_1d.csv", 310)
    noticer = Noticer(settings)
    _look(noticer)
    run = _run(settings, "AAPL_1d")
    assert run.parameters["params"]["tickers"] == ["AAPL", "MSFT"]
    assert run.parameters["params"]["intervals"] == ["1d"]
    assert run.parameters["params"]["folders"]["raw_dir"] == str(settings.raw_dir.absolute())
    assert run.name == "train AAPL, MSFT 1d, noticed"
    (settings.raw_dir / "AAPL_1d.csv").touch()
    _look(noticer)
    _look(Noticer(settings))
    assert _run(settings, "AAPL_1d").id == run.id
    assert "AAPL, MSFT 1d, without a model: asked Prefect for" in capsys.readouterr().out


@pytest.mark.usefixtures("deployed")
def test_new_bars_of_a_series_with_a_model_are_forecast(tmp_path: Path) -> None:
    settings = _settings(tmp_path)
    train(settings, 1)
    _drop(settings, f"{KEY.stem}.csv")
    _look(Noticer(settings))
    assert _run(settings, KEY.stem).name == f"forecast {KEY.ticker} 1d, noticed"


@pytest.mark.usefixtures("deployed")
def test_a_drop_while_prefect_is_away_is_asked_for_when_it_is_back(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = _settings(tmp_path)
    noticer = Noticer(settings)
    _drop(settings, "AAPL_1d.csv")
    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}):
        _look(noticer)
        assert read_record(settings.store_dir) == {}
    _look(noticer)
    assert _run(settings, "AAPL_1d").name == "train AAPL 1d, noticed"
    told = capsys.readouterr().out
    assert told.count("Prefect does not answer yet") == 1
    assert "Prefect answers again" in told


@pytest.mark.usefixtures("deployed")
def test_an_interrupted_run_is_asked_for_again_and_a_finished_or_cancelled_one_is_not(
    tmp_path: Path,
) -> None:
    settings = _settings(tmp_path)
    _drop(settings, "AAPL_1d.csv")
    noticer = Noticer(settings)
    _look(noticer)
    first = _run(settings, "AAPL_1d")
    _end(first, Crashed())
    _look(noticer)
    second = _run(settings, "AAPL_1d")
    assert second.id != first.id
    _end(second, Cancelled())
    _look(noticer)
    assert _run(settings, "AAPL_1d").id == second.id
    _drop(settings, "AAPL_1d.csv", 310)
    _look(noticer)
    third = _run(settings, "AAPL_1d")
    assert third.id != second.id
    _end(third, Completed())
    _look(noticer)
    _look(Noticer(settings))
    assert _run(settings, "AAPL_1d").id == third.id


@pytest.mark.usefixtures("deployed")
def test_what_is_there_at_the_start_is_left_alone_where_that_is_wanted(tmp_path: Path) -> None:
    settings = _settings(tmp_path, catch_up=False)
    _drop(settings, "AAPL_1d.csv")
    noticer = Noticer(settings)
    _look(noticer)
    assert read_record(settings.store_dir)["AAPL_1d"].run == ""
    _drop(settings, "MSFT_1d.csv", 310)
    _look(noticer)
    assert _run(settings, "MSFT_1d").name == "train MSFT 1d, noticed"


@pytest.mark.usefixtures("deployed")
def test_a_name_that_says_no_series_is_told_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = _settings(tmp_path)
    _drop(settings, "bars.csv")
    noticer = Noticer(settings)
    _look(noticer)
    _look(noticer)
    told = capsys.readouterr().out
    assert told.count("bars.csv takes no part") == 1
    assert "0 series, 1 not readable" in told
