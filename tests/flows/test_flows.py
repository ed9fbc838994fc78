"""The two flows on a real Prefect server, with real training, on series of 260 bars."""

from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterFlowRunId,
    FlowRunFilter,
    FlowRunFilterId,
)
from prefect.client.schemas.objects import State

from flows.forecasting import forecast_universe
from flows.parameters import ForecastParams, TrainParams
from flows.training import train_universe
from flows.watching import watcher
from ml.artifacts.store import ModelStore
from ml.outcomes import TrainOutcome
from ml.series import SeriesKey
from tests.flows.watchers import Recorder
from tests.universe import QUICK, write_series
from tests.waiting import until

pytestmark = pytest.mark.usefixtures("prefect_server")


def params(root: Path, **more: Any) -> dict[str, Any]:
    folders = {f"{name}_dir": str(root / name) for name in ("raw", "store", "models", "predictions")}
    return {"folders": folders, "run": {"runner": "threads", "workers": 2}, **more}


def train(root: Path, **more: Any) -> State[Any]:
    given = TrainParams.model_validate(params(root, train=dict(QUICK), **more))
    return train_universe(given, return_state=True)


def artifacts(state: State[Any]) -> dict[str, str]:
    run_id = state.state_details.flow_run_id
    assert isinstance(run_id, UUID)
    with get_client(sync_client=True) as client:
        found = client.read_artifacts(
            artifact_filter=ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[run_id]))
        )
    return {str(artifact.key): str(artifact.data) for artifact in found}


def test_a_universe_is_trained_then_forecast_and_one_bad_series_is_listed(tmp_path: Path) -> None:
    for ticker in ("AAPL", "BRK.B"):
        write_series(tmp_path / "raw", ticker)
    (tmp_path / "raw" / "BAD_1d.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    recorder = Recorder()
    token = watcher.set(recorder)
    try:
        state = train(tmp_path, run={"runner": "threads", "workers": 1})
    finally:
        watcher.reset(token)

    assert state.is_completed()
    assert state.message is not None
    assert "ERROR=1" in state.message
    assert "BAD 1d: TF011" in state.message
    outcomes = {o.ticker: o for o in recorder.outcomes if isinstance(o, TrainOutcome)}
    assert set(outcomes) == {"AAPL", "BAD", "BRK.B"}
    assert outcomes["BAD"].grade == "ERROR"
    # The first is promoted before the last begins: an interruption costs one training.
    assert recorder.events == [
        "training AAPL 1d",
        "promoted AAPL 1d",
        "failed BAD 1d",
        "training BRK.B 1d",
        "promoted BRK.B 1d",
    ]
    store = ModelStore(tmp_path / "models")
    assert store.series() == (SeriesKey.of("AAPL", "1d"), SeriesKey.of("BRK.B", "1d"))

    left = artifacts(state)
    assert {"progress", "training-series", "training-aapl-1d"} <= set(left)
    assert "random walk" in left["training-aapl-1d"]
    assert "BAD 1d" in left["training-series"]

    given = ForecastParams.model_validate(params(tmp_path, n_steps=5))
    forecast: State[Any] = forecast_universe(given, return_state=True)
    assert forecast.is_completed()
    assert len(list((tmp_path / "predictions").glob("*.csv"))) == 2
    assert "data:image/png;base64," in artifacts(forecast)["forecast-aapl-1d"]


def test_a_run_fails_when_too_large_a_share_of_its_series_failed(tmp_path: Path) -> None:
    for ticker in ("BAD", "WORSE"):
        (tmp_path / "raw").mkdir(exist_ok=True)
        (tmp_path / "raw" / f"{ticker}_1d.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    state = train(tmp_path)
    assert state.is_failed()
    assert state.message is not None
    assert state.message.startswith("100% of the series failed, 50% may")


def test_runs_on_processes_end_as_runs_on_threads_do(tmp_path: Path) -> None:
    for ticker in ("AAA", "BBB"):
        write_series(tmp_path / "raw", ticker)
    state = train(tmp_path, run={"runner": "processes", "workers": 2})
    assert state.is_completed()
    assert len(ModelStore(tmp_path / "models").series()) == 2
    run_id = state.state_details.flow_run_id
    assert isinstance(run_id, UUID)
    of_it = FlowRunFilter(id=FlowRunFilterId(any_=[run_id]))
    with get_client(sync_client=True) as client:

        def named() -> set[str]:  # the server hears of task runs by events, and so late
            return {run.name for run in client.read_task_runs(flow_run_filter=of_it)}

        until(lambda: {"train AAA 1d", "promote BBB 1d"} <= named())


def test_series_whose_model_is_expired_are_trained_first(tmp_path: Path) -> None:
    for ticker in ("A", "B", "C"):
        write_series(tmp_path / "raw", ticker)
    chosen = {**QUICK, "model": "naive"}
    given = params(tmp_path, train=chosen, tickers=("C",))
    assert train_universe(TrainParams.model_validate(given), return_state=True).is_completed()
    recorder = Recorder()
    token = watcher.set(recorder)
    try:
        one_by_one = {"runner": "threads", "workers": 1}
        watched = params(
            tmp_path, train={**chosen, "horizon": 3}, watch={"max_age_days": 1e-9}, run=one_by_one
        )
        train_universe(TrainParams.model_validate(watched), return_state=True)
    finally:
        watcher.reset(token)
    trained = [event for event in recorder.events if event.startswith("training")]
    assert trained == ["training C 1d", "training A 1d", "training B 1d"]
