"""Runs of Tickerflow in Prefect: how far they are, what came of them, and their end before time."""

import json
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Response
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterFlowRunId,
    ArtifactFilterType,
)
from prefect.client.schemas.objects import Artifact, FlowRun, StateType
from prefect.exceptions import ObjectNotFound
from prefect.states import Cancelling
from prefect.utilities.urls import url_for
from pydantic import BaseModel, Field

from apps.http.guard import may_write
from apps.http.prefect_api import TAG, orchestrator
from apps.http.problems import ProblemError, answers, refusal

RunState = Literal[
    "scheduled",
    "pending",
    "running",
    "paused",
    "cancelling",
    "completed",
    "failed",
    "crashed",
    "cancelled",
]
_UNSUCCESSFUL: Final = (StateType.FAILED, StateType.CRASHED, StateType.CANCELLED)
_CANCELLED: Final = (StateType.CANCELLING, StateType.CANCELLED)

router = APIRouter(tags=["runs"])


class RunResult(BaseModel):
    """What came of a run, as its table in Prefect's UI shows it."""

    summary: str = Field(description="The run in one line")
    series: list[dict[str, Any]] = Field(description="Each series: how it ended, and its figures")


class RunView(BaseModel):
    """A run of one of Tickerflow's deployments."""

    id: UUID
    name: str
    state: RunState
    state_name: str = Field(description="Prefect's finer name, such as Late or AwaitingConcurrencySlot")
    ended: bool = Field(description="Whether nothing will change any more")
    progress: float | None = Field(None, ge=0, le=1, description="Share of the series that are done")
    progress_text: str = Field("", description="The progress in words")
    reason: str = Field("", description="Why the run failed, crashed or was cancelled")
    hint: str = Field("", description="What to do about a run that does not go on")
    result: RunResult | None = Field(None, description="What came of it; none before its end")
    started_at: datetime | None = None
    ended_at: datetime | None = None
    url: str = Field(description="Where the run is followed: GET it")
    ui: str | None = Field(None, description="The run in Prefect's UI")


@router.get("/ml/runs/{run_id}", responses=answers(404, 422, 503))
async def read_run(run_id: UUID, response: Response) -> RunView:
    """State, progress, result and reason of failure of a run."""
    response.headers["Cache-Control"] = "no-store"
    async with orchestrator() as client:
        run = await _read(client, run_id)
        return view(run, await _artifacts(client, run_id))


@router.post(
    "/ml/runs/{run_id}/cancel",
    status_code=202,
    dependencies=[Depends(may_write)],
    responses=answers(401, 403, 404, 409, 422, 503),
)
async def cancel_run(run_id: UUID, response: Response) -> RunView:
    """Cancel a run: at once where it has not started, else as soon as its worker has stopped it.

    A run that is being cancelled, or was, is answered as it is; one that ended otherwise is a conflict.
    """
    response.headers["Cache-Control"] = "no-store"
    async with orchestrator() as client:
        run = await _read(client, run_id)
        if not run.state or not (run.state.is_final() or run.state.type in _CANCELLED):
            await client.set_flow_run_state(run_id, Cancelling())
            run = await _read(client, run_id)  # the server may know better: not started is cancelled
        if run.state and run.state.type not in _CANCELLED:
            raise refusal(
                409,
                f"expected a run that goes on, found {run.name!r} {run.state.type.value.lower()}",
                hint="what has ended cannot be cancelled"
                if run.state.is_final()
                else "Prefect's server did not take it: ask again",
            )
        return view(run)


def location_of(run_id: UUID) -> str:
    """The path of a run in this service."""
    return f"/ml/runs/{run_id}"


def view(run: FlowRun, artifacts: list[Artifact] | None = None) -> RunView:
    """A run as the service shows it; ``artifacts`` are its progress and its table, newest first."""
    state = run.state
    kind = state.type if state else StateType.SCHEDULED
    progress = _newest(artifacts, "progress")
    table = _newest(artifacts, "table")
    ended = state is not None and state.is_final()
    late = state is not None and state.name == "Late"
    return RunView(
        id=run.id,
        name=run.name,
        state=kind.value.lower(),
        state_name=state.name or "" if state else "",
        ended=ended,
        progress=float(progress.data) / 100
        if progress and isinstance(progress.data, int | float)
        else None,
        progress_text=progress.description or "" if progress else "",
        reason=state.message or "" if state and kind in _UNSUCCESSFUL else "",
        hint="no worker has taken it: prefect worker start --pool local-process" if late else "",
        result=_result(table) if ended and table else None,
        started_at=run.start_time,
        ended_at=run.end_time,
        url=location_of(run.id),
        ui=url_for("flow-run", obj_id=run.id),
    )


async def _read(client: PrefectClient, run_id: UUID) -> FlowRun:
    """The run, if it is one of Tickerflow's: others of its server are not ours to show."""
    try:
        run = await client.read_flow_run(run_id)
    except ObjectNotFound as error:
        raise _unknown(run_id) from error
    if TAG not in run.tags:
        raise _unknown(run_id)
    return run


def _unknown(run_id: UUID) -> ProblemError:
    return refusal(
        404,
        f"expected a run of Tickerflow, found none with the id {run_id}",
        hint="POST /ml/train answers with the id of the run that it starts",
    )


async def _artifacts(client: PrefectClient, run_id: UUID) -> list[Artifact]:
    found = await client.read_artifacts(
        artifact_filter=ArtifactFilter(
            flow_run_id=ArtifactFilterFlowRunId(any_=[run_id]),
            type=ArtifactFilterType(any_=["progress", "table"]),
        )
    )
    return sorted(found, key=lambda artifact: str(artifact.updated), reverse=True)


def _newest(artifacts: list[Artifact] | None, kind: str) -> Artifact | None:
    return next((artifact for artifact in artifacts or [] if artifact.type == kind), None)


def _result(table: Artifact) -> RunResult:
    series = json.loads(table.data) if isinstance(table.data, str) else table.data
    return RunResult.model_validate({"summary": table.description or "", "series": series})
