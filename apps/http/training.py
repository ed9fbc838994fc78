"""Starting a training: a run of the deployment that the service answers for and does not wait on."""

import hashlib
import json
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Response
from fastapi.concurrency import run_in_threadpool
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterId,
    FlowRunFilter,
    FlowRunFilterTags,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from apps.http.context import TheSettings
from apps.http.guard import may_write
from apps.http.names import INTERVAL, TICKER
from apps.http.prefect_api import TheOrchestrator, unavailable
from apps.http.problems import answers, refusal
from apps.http.run_view import RunView, location_of, view
from apps.http.runs import DEPLOYMENT, count_queued
from ml.config import MAX_FEATURES, Mode, Settings
from ml.data.discovery import discover
from ml.errors import FeatureError
from ml.features.indicators import feature_columns
from ml.series import SeriesKey
from models import architectures

_QUEUED_RETRY_SECONDS: Final = 30

router = APIRouter(tags=["training"])


def _parts(given: Any) -> Any:
    """Names separated by commas, or given repeatedly, or both."""
    if not isinstance(given, list):
        return given
    return [name for text in given for part in str(text).split(",") if (name := part.strip())]


class TrainRequest(BaseModel):
    """What is trained, and how; what is left out is as the settings and the tuning have it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    ticker: str = Field(
        description="Ticker, such as AAPL",
        max_length=64,
        examples=["AAPL"],
        json_schema_extra=TICKER,
    )
    interval: str = Field(
        description="Interval, such as 1d or 1h",
        max_length=16,
        examples=["1d"],
        json_schema_extra=INTERVAL,
    )
    epochs: int | None = Field(None, ge=1, le=10_000, description="Epochs at most")
    model: str | None = Field(
        None,
        max_length=64,
        description="Architecture, such as lstm",
        json_schema_extra={"enum": [*architectures(), None]},
    )
    features: Annotated[list[Annotated[str, Field(max_length=64)]] | None, BeforeValidator(_parts)] = (
        Field(
            None,
            max_length=MAX_FEATURES,
            description="Features, such as close,rsi_14: separated by commas, or repeated",
        )
    )
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
    asked: Annotated[TrainRequest, Query()],
    settings: TheSettings,
    orchestrator: TheOrchestrator,
    response: Response,
) -> RunView:
    """Start a training in Prefect and answer at once.

    The same request again, while its run has not ended, answers with that run.
    """
    key = SeriesKey.of(asked.ticker, asked.interval)
    _check_names(asked)
    await run_in_threadpool(_check_raw, settings, key)
    async with orchestrator.client() as client, orchestrator.training_turn:
        run = await _run_of(client, key, _parameters(asked, settings), settings.api.max_queued)
    response.headers["Location"] = location_of(run.id)
    response.headers["Cache-Control"] = "no-store"
    return view(run, flow=DEPLOYMENT.partition("/")[0])


def _check_names(asked: TrainRequest) -> None:
    """Raise a problem for an architecture or a feature that there is not."""
    if asked.model is not None and asked.model not in architectures():
        raise refusal(
            422,
            f"expected a model of {', '.join(architectures())}, found {asked.model!r}",
            hint="choose one of them, or leave it out",
            code="TF041",
        )
    if asked.features is not None:
        try:
            feature_columns(asked.features)
        except FeatureError as error:
            raise refusal(422, error.message, hint=error.hint, code=error.code) from error


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


async def _run_of(
    client: PrefectClient, key: SeriesKey, parameters: dict[str, Any], max_queued: int
) -> FlowRun:
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
    if latest and not _is_over(latest[0]):
        return latest[0]
    await _check_queue(client, max_queued)
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


def _is_over(run: FlowRun) -> bool:
    """Whether another request needs another run; what is being cancelled trains nothing any more."""
    return run.state is not None and (run.state.is_final() or run.state.type is StateType.CANCELLING)


async def _check_queue(client: PrefectClient, max_queued: int) -> None:
    """Refuse a training where many wait: what is asked for now would be trained on old bars."""
    queued = await count_queued(client)
    if queued >= max_queued:
        raise refusal(
            429,
            f"expected fewer than {max_queued} trainings in the queue, found {queued}",
            hint="wait for them, cancel some, or see that a worker runs: "
            "prefect worker start --pool local-process",
            headers={"Retry-After": str(_QUEUED_RETRY_SECONDS)},
        )
