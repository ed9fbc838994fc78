"""A run of Prefect as the service shows it."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

from prefect.client.schemas.objects import Artifact, FlowRun, StateType
from prefect.utilities.urls import url_for
from pydantic import BaseModel, Field

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
_MOST_NAMES: Final = 100


class RunResult(BaseModel):
    """What came of a run, as its table in Prefect's UI shows it."""

    summary: str = Field(description="The run in one line")
    series: list[dict[str, Any]] = Field(description="Each series: how it ended, and its figures")


class RunView(BaseModel):
    """A run of one of Tickerflow's deployments."""

    id: UUID
    name: str
    flow: str = Field("", description="What it runs: train-universe, forecast-universe, ...")
    tickers: list[str] = Field([], description="What it was asked for; none means all. 100 at most")
    intervals: list[str] = Field([], description="What it was asked for; none means all")
    state: RunState
    state_name: str = Field(description="Prefect's finer name, such as Late or AwaitingConcurrencySlot")
    ended: bool = Field(description="Whether nothing will change any more")
    progress: float | None = Field(None, ge=0, le=1, description="Share of the series that are done")
    progress_text: str = Field("", description="The progress in words")
    reason: str = Field("", description="Why the run failed, crashed or was cancelled")
    summary: str = Field("", description="What came of it in words, once it is completed")
    hint: str = Field("", description="What to do about a run that does not go on")
    result: RunResult | None = Field(None, description="What came of it; none before its end")
    expected_at: datetime | None = Field(None, description="When it was, or is, to start")
    started_at: datetime | None = None
    ended_at: datetime | None = None
    url: str = Field(description="Where the run is followed: GET it")
    ui: str | None = Field(None, description="The run in Prefect's UI")


def location_of(run_id: UUID) -> str:
    """The path of a run in this service."""
    return f"/ml/runs/{run_id}"


def view(run: FlowRun, artifacts: Sequence[Artifact] = (), flow: str = "") -> RunView:
    """A run as the service shows it; ``artifacts`` are its progress and its table, newest first."""
    state = run.state
    kind = state.type if state else StateType.SCHEDULED
    message = state.message or "" if state else ""
    progress = _newest(artifacts, "progress")
    table = _newest(artifacts, "table")
    ended = state is not None and state.is_final()
    return RunView(
        id=run.id,
        name=run.name,
        flow=flow,
        tickers=_asked_for(run, "tickers"),
        intervals=_asked_for(run, "intervals"),
        state=kind.value.lower(),
        state_name=state.name or "" if state else "",
        ended=ended,
        progress=float(progress.data) / 100
        if progress and isinstance(progress.data, int | float)
        else None,
        progress_text=progress.description or "" if progress else "",
        reason=message if kind in _UNSUCCESSFUL else "",
        summary=message if kind is StateType.COMPLETED else "",
        hint=_HINTS.get(state.name or "", "") if state else "",
        result=_result(table) if ended and table else None,
        expected_at=run.expected_start_time,
        started_at=run.start_time,
        ended_at=run.end_time,
        url=location_of(run.id),
        ui=url_for("flow-run", obj_id=run.id),
    )


_HINTS: Final = {
    "Late": "no worker has taken it: prefect worker start --pool local-process",
    "Cancelling": "its worker stops it; if it is still so in a minute, cancel it again",
    "AwaitingConcurrencySlot": "another run of its deployment goes on: it waits for that one's end",
}


def _asked_for(run: FlowRun, name: str) -> list[str]:
    """A list of names in the parameters, which on the server may be anything."""
    params = run.parameters.get("params")
    names = params.get(name) if isinstance(params, dict) else None
    return [str(one) for one in names[:_MOST_NAMES]] if isinstance(names, list | tuple) else []


def _newest(artifacts: Sequence[Artifact], kind: str) -> Artifact | None:
    return next((artifact for artifact in artifacts if artifact.type == kind), None)


def _result(table: Artifact) -> RunResult:
    result = RunResult.model_validate(
        {
            "summary": table.description or "",
            "series": json.loads(table.data) if isinstance(table.data, str) else table.data,
        }
    )
    for row in result.series:
        row.pop("card", None)  # a path of the server's; over HTTP it is a route of the model
    return result
