"""The tuning flow on a real Prefect server, and what the next training makes of its result."""

from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId
from prefect.client.schemas.objects import State

from flows.parameters import TuneParams
from flows.tuning import tune_universe
from flows.watching import watcher
from ml.outcomes import TuneOutcome
from tests.flows.watchers import Recorder
from tests.ml.tuning.houses import house
from tests.universe import write_series

pytestmark = pytest.mark.usefixtures("prefect_server")


def test_a_study_runs_under_prefect_and_leaves_its_table_and_pictures(tmp_path: Path) -> None:
    settings = house(tmp_path, "A", trials=9)
    write_series(settings.raw_dir, "SHORT", 60)
    settings = settings.model_copy(
        update={"run": settings.run.model_copy(update={"plots": "auto", "runner": "threads"})}
    )
    recorder = Recorder()
    token = watcher.set(recorder)
    try:
        state: State[Any] = tune_universe(TuneParams.of(settings), return_state=True)
    finally:
        watcher.reset(token)

    assert state.is_completed()
    outcomes = {one.ticker: one for one in recorder.outcomes if isinstance(one, TuneOutcome)}
    assert outcomes["SHORT"].failure is not None
    assert outcomes["SHORT"].failure.code == "TF021"
    done = outcomes["A"]
    assert len(done.trials) == 9
    assert [counted for _, counted, total, _ in recorder.trials if total == 9] == list(range(10))
    assert all(Path(path).exists() for path in done.plots)

    run_id = state.state_details.flow_run_id
    assert isinstance(run_id, UUID)
    with get_client(sync_client=True) as client:
        found = client.read_artifacts(
            artifact_filter=ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[run_id]))
        )
    left = {str(artifact.key): str(artifact.data) for artifact in found}
    assert {"tuning-series", "tuning-a-1d"} <= set(left)
    assert "| trial |" in left["tuning-a-1d"]
    assert "data:image/png;base64," in left["tuning-a-1d"]
