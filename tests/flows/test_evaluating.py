"""The evaluation flow on a real Prefect server, with real training, on series of 260 bars."""

import csv
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId
from prefect.client.schemas.objects import State

from flows.evaluating import evaluate_universe
from flows.parameters import EvaluateParams
from flows.watching import watcher
from ml.outcomes import EvaluateOutcome
from tests.flows.watchers import Recorder
from tests.universe import QUICK, write_series

pytestmark = pytest.mark.usefixtures("prefect_server")


def evaluate(root: Path, **plan: Any) -> State[Any]:
    folders = {f"{name}_dir": str(root / name) for name in ("raw", "store", "models", "predictions")}
    given = EvaluateParams.model_validate(
        {
            "folders": folders,
            "run": {"runner": "threads", "workers": 1},
            "train": dict(QUICK),
            "evaluate": {
                "models": ("lstm", "gru", "naive"),
                "feature_sets": {"close": ("close",)},
                "folds": 2,
                "output": str(root / "evaluation"),
                **plan,
            },
        }
    )
    return evaluate_universe(given, return_state=True)


def artifacts(state: State[Any]) -> dict[str, str]:
    run_id = state.state_details.flow_run_id
    assert isinstance(run_id, UUID)
    with get_client(sync_client=True) as client:
        found = client.read_artifacts(
            artifact_filter=ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[run_id]))
        )
    return {str(artifact.key): str(artifact.data) for artifact in found}


def test_a_universe_is_evaluated_once_and_one_bad_series_is_listed(tmp_path: Path) -> None:
    for ticker in ("AAPL", "BRK.B"):
        write_series(tmp_path / "raw", ticker)
    (tmp_path / "raw" / "BAD_1d.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    state = evaluate(tmp_path)
    assert state.is_completed()
    assert state.message is not None
    assert "BAD 1d: TF011" in state.message

    left = artifacts(state)
    assert {"progress", "evaluation-leaderboard", "evaluation"} <= set(left)
    assert "gru-close" in left["evaluation-leaderboard"]
    assert "What it says" in left["evaluation"]
    assert "data:image/png;base64," in left["evaluation"]
    with (tmp_path / "evaluation" / "leaderboard.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {row["contender"] for row in rows} == {"lstm-close", "gru-close", "naive"}
    assert {row["series"] for row in rows} == {"2"}
    assert not (tmp_path / "models").exists()

    recorder = Recorder()
    token = watcher.set(recorder)
    try:
        evaluate(tmp_path)
    finally:
        watcher.reset(token)
    again = {o.ticker: o for o in recorder.outcomes if isinstance(o, EvaluateOutcome)}
    assert (again["AAPL"].kept, again["AAPL"].fits) == (6, 6)
    assert again["BAD"].failure is not None
