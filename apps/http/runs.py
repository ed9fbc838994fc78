"""Runs of Tickerflow in Prefect: how far they are, what came of them, and their end before time."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterFlowRunId,
    ArtifactFilterType,
    DeploymentFilter,
    DeploymentFilterName,
    FlowFilter,
    FlowFilterId,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterExpectedStartTime,
    FlowRunFilterState,
    FlowRunFilterStateType,
    FlowRunFilterTags,
)
from prefect.client.schemas.objects import Artifact, FlowRun, State, StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.exceptions import ObjectNotFound
from prefect.settings import get_current_settings
from prefect.states import Cancelled, Cancelling
from pydantic import BaseModel, Field

from apps.http.guard import may_write
from apps.http.prefect_api import TAG, Orchestrator, TheOrchestrator, lifespan
from apps.http.problems import ProblemError, answers, refusal
from apps.http.run_view import RunState, RunView, view

DEPLOYMENT: Final = "train-universe/ad-hoc"
_CANCELLED: Final = (StateType.CANCELLING, StateType.CANCELLED)
_QUEUED: Final = [StateType.SCHEDULED, StateType.PENDING]
# Schedules make their runs days ahead; those that are due soon are worth a line.
_SOON: Final = timedelta(minutes=15)
_STOPPING: Final = timedelta(seconds=60)

router = APIRouter(tags=["runs"], lifespan=lifespan)


class RunPage(BaseModel):
    """Runs of Tickerflow's deployments, the latest first."""

    runs: list[RunView]
    queued: int = Field(description="Trainings asked for that wait for a worker")
    ui: str | None = Field(None, description="All runs in Prefect's UI")


@router.get("/ml/runs", summary="List runs", responses=answers(422, 503))
async def list_runs(
    orchestrator: TheOrchestrator,
    response: Response,
    limit: Annotated[int, Query(ge=1, le=100, description="How many, the latest first")] = 20,
    state: Annotated[
        list[RunState] | None, Query(max_length=9, description="Only runs in this state; repeatable")
    ] = None,
    planned: Annotated[bool, Query(description="Also what schedules have made for later")] = False,
) -> RunPage:
    """What runs, what ran and what came of it: trainings, forecasts, scorings, tunings, evaluations.

    The figures of each series are in ``/ml/runs/{id}``.
    """
    response.headers["Cache-Control"] = "no-store"
    types = [StateType(name.upper()) for name in state or ()]
    soon = FlowRunFilterExpectedStartTime(before_=datetime.now(UTC) + _SOON)
    wanted = FlowRunFilter(
        tags=FlowRunFilterTags(all_=[TAG]),
        state=FlowRunFilterState(type=FlowRunFilterStateType(any_=types)) if types else None,
        expected_start_time=None if planned else soon,
    )
    async with orchestrator.client() as client:
        runs = await client.read_flow_runs(
            flow_run_filter=wanted, sort=FlowRunSort.EXPECTED_START_TIME_DESC, limit=limit
        )
        names = await _flow_names(orchestrator, client, runs)
        artifacts = await _artifacts(client, [run.id for run in runs], ["progress"])
        queued = await count_queued(client)
    ui = get_current_settings().ui_url
    return RunPage(
        runs=[view(run, artifacts[run.id], names.get(run.flow_id, "")) for run in runs],
        queued=queued,
        ui=f"{ui.rstrip('/')}/runs" if ui else None,
    )


@router.get("/ml/runs/{run_id}", summary="Follow a run", responses=answers(404, 422, 503))
async def read_run(orchestrator: TheOrchestrator, run_id: UUID, response: Response) -> RunView:
    """State, progress, result and reason of failure of a run."""
    response.headers["Cache-Control"] = "no-store"
    async with orchestrator.client() as client:
        run = await _read(client, run_id)
        names = await _flow_names(orchestrator, client, [run])
        artifacts = await _artifacts(client, [run_id], ["progress", "table"])
        return view(run, artifacts[run_id], names.get(run.flow_id, ""))


@router.post(
    "/ml/runs/{run_id}/cancel",
    status_code=202,
    summary="Cancel a run",
    dependencies=[Depends(may_write)],
    responses=answers(401, 403, 404, 409, 422, 503),
)
async def cancel_run(orchestrator: TheOrchestrator, run_id: UUID, response: Response) -> RunView:
    """Cancel a run: at once where it has not started, else as soon as its worker has stopped it.

    A run that is being cancelled, or was, is answered as it is; one that ended otherwise is a conflict.
    Asked again after a minute in which no worker has stopped it, it counts as cancelled: its worker is
    gone.
    """
    response.headers["Cache-Control"] = "no-store"
    async with orchestrator.client() as client:
        run = await _read(client, run_id)
        if not run.state or not (run.state.is_final() or run.state.type in _CANCELLED):
            await client.set_flow_run_state(run_id, Cancelling())
            run = await _read(client, run_id)  # the server may know better: not started is cancelled
        elif _is_given_up(run.state):
            lost: State[None] = Cancelled(
                message="It was being cancelled, and no worker said that it had stopped it."
            )
            await client.set_flow_run_state(run_id, lost, force=True)
            run = await _read(client, run_id)
        if run.state and run.state.type not in _CANCELLED:
            raise refusal(
                409,
                f"expected a run that goes on, found {run.name!r} {run.state.type.value.lower()}",
                hint="what has ended cannot be cancelled"
                if run.state.is_final()
                else "Prefect's server did not take it: ask again",
            )
        names = await _flow_names(orchestrator, client, [run])
        return view(run, flow=names.get(run.flow_id, ""))


def _is_given_up(state: State) -> bool:
    """Whether a worker would have stopped it by now: what does not stop in half a minute is killed."""
    return state.type is StateType.CANCELLING and datetime.now(UTC) - state.timestamp > _STOPPING


async def count_queued(client: PrefectClient) -> int:
    """Trainings that were asked for and wait for a worker."""
    flow, deployment = DEPLOYMENT.split("/")
    return await client.count_flow_runs(
        flow_filter=FlowFilter(name=FlowFilterName(any_=[flow])),
        deployment_filter=DeploymentFilter(name=DeploymentFilterName(any_=[deployment])),
        flow_run_filter=FlowRunFilter(
            state=FlowRunFilterState(type=FlowRunFilterStateType(any_=_QUEUED))
        ),
    )


async def _flow_names(
    orchestrator: Orchestrator, client: PrefectClient, runs: Sequence[FlowRun]
) -> dict[UUID, str]:
    """The names of the runs' flows; a flow keeps its name, so each is asked for once."""
    unknown = {run.flow_id for run in runs} - orchestrator.flow_names.keys()
    if unknown:
        flows = await client.read_flows(flow_filter=FlowFilter(id=FlowFilterId(any_=list(unknown))))
        orchestrator.flow_names.update({flow.id: flow.name for flow in flows})
    return orchestrator.flow_names


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


async def _artifacts(
    client: PrefectClient, run_ids: Sequence[UUID], types: list[str]
) -> dict[UUID, list[Artifact]]:
    """The artifacts of each run, newest first."""
    by_run: dict[UUID, list[Artifact]] = defaultdict(list)
    if run_ids:
        found = await client.read_artifacts(
            artifact_filter=ArtifactFilter(
                flow_run_id=ArtifactFilterFlowRunId(any_=list(run_ids)),
                type=ArtifactFilterType(any_=types),
            )
        )
        for artifact in sorted(found, key=lambda artifact: str(artifact.updated), reverse=True):
            if artifact.flow_run_id is not None:
                by_run[artifact.flow_run_id].append(artifact)
    return by_run
