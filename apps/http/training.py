"""Starting a training: a run of the deployment that the service answers for and does not wait on."""

import asyncio
import hashlib
import json
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterId,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
    FlowRunFilterTags,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError
from pydantic import BaseModel, ConfigDict, Field

from apps.http.guard import may_write
from apps.http.prefect_api import orchestrator, unavailable
from apps.http.problems import answers, refusal
from apps.http.runs import RunView, location_of, view
from ml.config import Mode, Settings
from ml.data.discovery import discover
from ml.series import SeriesKey
from models import architectures

DEPLOYMENT: Final = "train-universe/ad-hoc"
MAX_QUEUED: Final = 32
_QUEUED = [StateType.SCHEDULED, StateType.PENDING]
_QUEUED_RETRY_SECONDS = 30

router = APIRouter(tags=["training"])


class TrainRequest(BaseModel):
    """What is trained, and how; what is left out is as the settings and the tuning have it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    ticker: str = Field(description="Ticker, such as AAPL", max_length=64)
    interval: str = Field(description="Interval, such as 1d or 1h", max_length=16)
    epochs: int | None = Field(None, ge=1, le=10_000, description="Epochs at most")
    model: str | None = Field(None, max_length=64, description="Architecture, such as lstm")
    mode: Mode | None = Field(
        None,
        description="scratch trains anew, warm goes on from the champion, refit fits it on all bars",
    )


@router.post(
    "/ml/train",
    status_code=202,
    dependencies=[Depends(may_write)],
    responses={
        202: {
            "description": "The run that trains, new or already under way",
            "headers": {
                "Location": {"description": "Where the run is followed", "schema": {"type": "string"}}
            },
        },
        **answers(401, 403, 404, 409, 422, 429, 503),
    },
)
async def start_training(
    asked: Annotated[TrainRequest, Query()], request: Request, response: Response
) -> RunView:
    """Start a training in Prefect and answer at once.

    The same request again, while its run has not ended, answers with that run.
    """
    settings: Settings = request.app.state.settings
    key = SeriesKey.of(asked.ticker, asked.interval)
    if asked.model is not None and asked.model not in architectures():
        raise refusal(
            422,
            f"expected a model of {', '.join(architectures())}, found {asked.model!r}",
            hint="choose one of them, or leave it out",
            code="TF041",
        )
    await run_in_threadpool(_check_raw, settings, key)
    async with orchestrator() as client, _turn(request):
        run = await _run_of(client, key, _parameters(asked, settings))
    response.headers["Location"] = location_of(run.id)
    response.headers["Cache-Control"] = "no-store"
    return view(run)


def _check_raw(settings: Settings, key: SeriesKey) -> None:
    """Raise for a series without a raw file: a run would only find the same, later."""
    found = discover(settings.raw_dir, [key.ticker], [str(key.interval)])
    if not found.series:
        failure = found.problems[0].failure
        raise refusal(409, failure.message, hint=failure.hint, code=failure.code)


def _parameters(asked: TrainRequest, settings: Settings) -> dict[str, Any]:
    """The flow's parameters; its folders are those of the service, which serves what is promoted."""
    folders = ("raw_dir", "store_dir", "models_dir", "predictions_dir")
    return {
        "params": {
            "tickers": [asked.ticker],
            "intervals": [asked.interval],
            "train": asked.model_dump(exclude={"ticker", "interval"}, exclude_none=True),
            "folders": {name: str(getattr(settings, name)) for name in folders},
        }
    }


async def _run_of(client: PrefectClient, key: SeriesKey, parameters: dict[str, Any]) -> FlowRun:
    """The run of these parameters that has not ended, or a new one.

    Prefect's idempotency key holds for ever, so it names the request and the last run of it: two
    requests at once are one run, and a request after that run's end is another.
    """
    try:
        deployment = await client.read_deployment_by_name(DEPLOYMENT)
    except ObjectNotFound as error:
        raise unavailable(
            f"expected the deployment {DEPLOYMENT} on Prefect's server, found none",
            "deploy it from the repository: prefect work-pool create local-process --type process; "
            "prefect --no-prompt deploy --all",
        ) from error
    digest = hashlib.sha256(json.dumps(parameters, sort_keys=True).encode()).hexdigest()[:16]
    tag = f"request-{digest}"
    of_deployment = DeploymentFilter(id=DeploymentFilterId(any_=[deployment.id]))
    latest = await client.read_flow_runs(
        deployment_filter=of_deployment,
        flow_run_filter=FlowRunFilter(tags=FlowRunFilterTags(all_=[tag])),
        sort=FlowRunSort.EXPECTED_START_TIME_DESC,
        limit=1,
    )
    if latest and not (latest[0].state and latest[0].state.is_final()):
        return latest[0]
    await _check_queue(client, of_deployment)
    before = latest[0].id if latest else "none"
    try:
        return await client.create_flow_run_from_deployment(
            deployment.id,
            parameters=parameters,
            name=f"train {key}",
            tags=[tag],
            idempotency_key=f"{deployment.id}-{digest}-after-{before}",
        )
    except PrefectHTTPStatusError as error:
        if error.response.status_code not in (409, 422):
            raise
        raise refusal(
            409,
            f"expected the deployment {DEPLOYMENT} to take these parameters, found that it refuses them",
            hint="it is of another version: deploy again with prefect --no-prompt deploy --all",
        ) from error


async def _check_queue(client: PrefectClient, of_deployment: DeploymentFilter) -> None:
    """Refuse a training where many wait: what is asked for now would be trained on old bars."""
    queued = await client.count_flow_runs(
        deployment_filter=of_deployment,
        flow_run_filter=FlowRunFilter(
            state=FlowRunFilterState(type=FlowRunFilterStateType(any_=_QUEUED))
        ),
    )
    if queued >= MAX_QUEUED:
        raise refusal(
            429,
            f"expected fewer than {MAX_QUEUED} trainings in the queue, found {queued}",
            hint="wait for them, cancel some, or see that a worker runs: "
            "prefect worker start --pool local-process",
            headers={"Retry-After": str(_QUEUED_RETRY_SECONDS)},
        )


def _turn(request: Request) -> asyncio.Lock:
    """One request at a time counts the queue and adds to it: otherwise many at once pass its limit."""
    state = request.app.state
    if not hasattr(state, "training_turn"):
        state.training_turn = asyncio.Lock()
    turn: asyncio.Lock = state.training_turn
    return turn
