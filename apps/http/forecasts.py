"""``GET /ml/forecast``: the bars to come of one series, by what is promoted at this moment."""

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, FastAPI, Header, Query
from pydantic import AwareDatetime, BaseModel, Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from apps.http.context import TheAhead, TheRendered, TheService
from apps.http.metrics import TheMetrics
from apps.http.names import BarInterval, Ticker
from apps.http.negotiation import CSV, JSON, headers_of, not_modified, prefers_csv, two_media
from apps.http.problems import answers
from apps.http.rendered import Rendered, RenderedAnswers
from apps.http.served import told_of
from ml.artifacts.expiry import expired
from ml.config import Settings
from ml.data.discovery import discover
from ml.data.store import bars_path
from ml.errors import NotPromotedError
from ml.forecasting.spec import MAX_STEPS
from ml.inference.service import Basis, ForecastService, Prediction, forecast_from
from ml.inference.writing import to_csv
from ml.series import SeriesKey


@asynccontextmanager
async def _ending(app: FastAPI) -> AsyncIterator[None]:
    """Nothing is made ahead any more once the service ends."""
    try:
        yield
    finally:
        await run_in_threadpool(app.state.ahead.stop)


router = APIRouter(tags=["forecasts"], lifespan=_ending)

Steps = Annotated[int, Query(ge=1, le=MAX_STEPS, description="How many bars to forecast")]


class Step(BaseModel):
    """One bar to come, in price units."""

    step: int = Field(description="From 1")
    timestamp: AwareDatetime = Field(description="UTC; a real future bar of the series' calendar")
    forecast: float
    lower_80: float
    upper_80: float
    lower_95: float
    upper_95: float


class Walk(BaseModel):
    """The random walk's bands, by step, around the last close: what a model has to be narrower than."""

    lower_80: list[float]
    upper_80: list[float]
    lower_95: list[float]
    upper_95: list[float]


class Forecast(BaseModel):
    """A forecast, and what it takes to judge it."""

    ticker: str
    interval: str
    asof: AwareDatetime = Field(description="The last bar that was known")
    last_close: float
    model: str
    version: str = Field(description="The one version that all of this is of")
    generation: int = Field(description="One more at each promotion or rollback of the series")
    skill: float | None = Field(description="1 - MAE / MAE of the random walk, on test bars")
    proven: bool = Field(description="Significantly better than the random walk")
    verdict: str = Field(description="promoted, forced, rolled_back or demoted")
    reason: str = Field(description="Of the verdict, in words")
    expired: str = Field(description="Why the model is too old; empty where it is not")
    bars_since_training: int = Field(description="Bars that came after the last one the model knew")
    overdue_bars: int = Field(
        description="Staleness: bars after the last one that should have come by now, counted up to 500"
    )
    steps: list[Step]
    walk: Walk


@router.get(
    "/ml/forecast",
    summary="Forecast one series",
    response_model=Forecast,
    responses={**two_media("Forecast"), **answers(404, 409, 422, 500, 503)},
)
def forecast(
    service: TheService,
    rendered: TheRendered,
    ahead: TheAhead,
    figures: TheMetrics,
    ticker: Ticker,
    interval: BarInterval,
    n_steps: Steps = 10,
    accept: Annotated[str, Header(description="application/json or text/csv")] = JSON,
    if_none_match: Annotated[str, Header(description="ETags of forecasts that are at hand")] = "",
) -> Response:
    """The next bars of a series with bands of 80% and 95%, by the model that is promoted now.

    Model, bands and figures are of one version, whatever is promoted meanwhile.
    """
    key = SeriesKey.of(ticker, interval)
    media = CSV if prefers_csv(accept) else JSON
    try:
        answer = _made(service, rendered, key, n_steps, media)
    except NotPromotedError as error:
        raise _not_promoted(key, service.settings, error) from error
    ahead.note((key, n_steps, media), lambda: _made(service, rendered, key, n_steps, media))
    figures.count_forecast(key)
    headers = headers_of(answer.digest)
    if not_modified(if_none_match, headers):
        return Response(status_code=304, headers=headers)
    if media == CSV:
        headers["Content-Disposition"] = f'attachment; filename="{answer.file_name}"'
    return Response(answer.body, headers=headers, media_type=media)


def _made(
    service: ForecastService, rendered: RenderedAnswers, key: SeriesKey, n_steps: int, media: str
) -> Rendered:
    """The answer by what serves at this moment; made where the one of before does not hold any more."""
    basis = service.basis(key)
    age = _age(basis, service.settings, datetime.now(UTC))
    return rendered.get(
        (key, n_steps, media),
        (*basis.identity, age),
        lambda: _render(forecast_from(basis, n_steps), age, media),
    )


@dataclass(frozen=True, slots=True)
class _Age:
    """What time alone changes of an answer."""

    bars_since_training: int
    overdue_bars: int
    expired: str


def _age(basis: Basis, settings: Settings, now: datetime) -> _Age:
    meta, series = basis.champion.meta, basis.series
    since = series.since_training(meta)
    return _Age(since, series.overdue(now), expired(meta, since, now, settings.watch))


def _render(prediction: Prediction, age: _Age, media: str) -> Rendered:
    """The answer as it is sent; its ETag is of all that is in it, so it changes where anything does."""
    answer = _answer(prediction, age)
    body = to_csv(prediction.frame) if media == CSV else answer.model_dump_json().encode()
    told = (answer.version, answer.generation, prediction.meta.digests.meta, age, media)
    digest = hashlib.sha256(repr(told).encode() + body).hexdigest()
    name = f"{prediction.series.key.stem}_{answer.asof:%Y%m%dT%H%M%SZ}.csv"
    return Rendered(body, digest, file_name=name)


def _answer(prediction: Prediction, age: _Age) -> Forecast:
    meta, series, fan = prediction.meta, prediction.series, prediction.fan
    prices = (fan.point, fan.lower_80, fan.upper_80, fan.lower_95, fan.upper_95)
    rows = zip(prediction.future.to_pydatetime(), *(each.tolist() for each in prices), strict=True)
    walk = series.walk(meta, len(prediction.future))
    return Forecast(
        ticker=series.key.ticker,
        interval=str(series.key.interval),
        asof=series.asof,
        last_close=float(series.bars["close"].iloc[-1]),
        **told_of(meta),
        expired=age.expired,
        bars_since_training=age.bars_since_training,
        overdue_bars=age.overdue_bars,
        walk=Walk(**{name: getattr(walk, name).tolist() for name in Walk.model_fields}),
        steps=[
            Step(
                step=step,
                timestamp=stamp,
                forecast=point,
                lower_80=lower_80,
                upper_80=upper_80,
                lower_95=lower_95,
                upper_95=upper_95,
            )
            for step, (stamp, point, lower_80, upper_80, lower_95, upper_95) in enumerate(rows, 1)
        ],
    )


def _not_promoted(key: SeriesKey, settings: Settings, error: NotPromotedError) -> NotPromotedError:
    """How to train the series; where there is no data of it, `NoDataError` that has near names."""
    if not bars_path(settings.store_dir, key).is_file():
        discover(settings.raw_dir, [key.ticker], [str(key.interval)])
    hint = f"{error.hint}; over HTTP: POST /ml/train?ticker={key.ticker}&interval={key.interval}"
    return NotPromotedError(error.message, hint=hint, where=error.where)
