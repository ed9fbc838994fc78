"""``/metrics``: what Prometheus asks for, with no more label values than there are routes and series."""

import asyncio
import time
from typing import Annotated, Final, cast

from fastapi import APIRouter, Depends, Request
from fastapi.concurrency import run_in_threadpool
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from apps.http.prefect_api import Orchestrator, TheOrchestrator
from apps.http.problems import ProblemError, answers
from apps.http.runs import count_queued
from ml.inference.board import Board
from ml.series import SeriesKey

router = APIRouter(tags=["health"])

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
MOST_SERIES: Final = 2_000
_SECONDS: Final = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)
_METHODS: Final = frozenset({"GET", "POST", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE"})
_PATIENCE_SECONDS: Final = 1.0
_SERIES: Final = ("ticker", "interval")


class Metrics:
    """The figures of one application; safe to use from several threads."""

    def __init__(self) -> None:
        own = self.registry = CollectorRegistry()
        ProcessCollector(registry=own)
        PlatformCollector(registry=own)
        self.seconds = Histogram(
            "tickerflow_request_seconds",
            "From the whole headers to the whole answer",
            ("method", "route", "status"),
            buckets=_SECONDS,
            registry=own,
        )
        self.forecasts = Counter(
            "tickerflow_forecasts",
            "Forecasts answered; a 304 is one too. Further series count as (other)",
            _SERIES,
            registry=own,
        )
        self._counted: set[SeriesKey] = set()

    def count_forecast(self, key: SeriesKey) -> None:
        """Count an answer of a series that has a model."""
        if key not in self._counted:
            if len(self._counted) >= MOST_SERIES:
                self.forecasts.labels("(other)", "").inc()
                return
            self._counted.add(key)
        self.forecasts.labels(key.ticker, str(key.interval)).inc()


class Measured:
    """Times each request by its route's template and the class of its status."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, and count the answer; one that was never begun was an error of the service."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status = time.perf_counter(), 500

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watched)
        finally:
            # What a client calls its method or path is no label: it could be anything.
            method = scope["method"] if scope["method"] in _METHODS else "other"
            route = getattr(scope.get("route", None), "path_format", "(none)")
            seconds = time.perf_counter() - started
            self._metrics.seconds.labels(method, route, f"{status // 100}xx").observe(seconds)


async def metrics_of(request: Request) -> Metrics:
    """The application's figures."""
    return cast(Metrics, request.app.state.metrics)


async def board_of(request: Request) -> Board:
    """The application's board of all series."""
    return cast(Board, request.app.state.board)


TheMetrics = Annotated[Metrics, Depends(metrics_of)]
TheBoard = Annotated[Board, Depends(board_of)]


@router.get(
    "/metrics",
    summary="Figures for Prometheus",
    response_class=Response,
    responses={
        200: {
            "description": "Requests, forecasts, last bars and the queue of trainings",
            "content": {"text/plain": {"schema": {"type": "string"}}},
        },
        **answers(500),
    },
)
async def metrics(board: TheBoard, figures: TheMetrics, orchestrator: TheOrchestrator) -> Response:
    """Latency and errors by route, forecasts and last bar by series, trainings that wait.

    Prefect is asked for a second at most. Where it does not say, ``tickerflow_prefect_up`` is 0 and
    the queue is left out, for an unknown queue is not an empty one.
    """
    now = CollectorRegistry()
    queued, _ = await asyncio.gather(
        _queued_trainings(orchestrator), run_in_threadpool(_add_series, now, board)
    )
    Gauge("tickerflow_prefect_up", "Whether Prefect's server answers", registry=now).set(
        queued is not None
    )
    if queued is not None:
        waiting = Gauge("tickerflow_trainings_queued", "Trainings that wait for a worker", registry=now)
        waiting.set(queued)
    body = generate_latest(figures.registry) + generate_latest(now)
    return Response(body, media_type=CONTENT_TYPE, headers={"Cache-Control": "no-store"})


async def _queued_trainings(orchestrator: Orchestrator) -> int | None:
    """Trainings that wait; None where Prefect does not say."""
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS), orchestrator.client() as client:
            return await count_queued(client)
    except (ProblemError, TimeoutError):
        return None


def _add_series(registry: CollectorRegistry, board: Board) -> None:
    """What the board shows, as of the last time that it looked at each series."""
    rows = [row for row in board.look().rows if row.promoted]
    Gauge("tickerflow_series", "Series that have a promoted model", registry=registry).set(len(rows))
    last = Gauge(
        "tickerflow_last_bar_timestamp_seconds",
        "Stamp of the last bar of a promoted series, in Unix time",
        _SERIES,
        registry=registry,
    )
    overdue = Gauge(
        "tickerflow_overdue_bars",
        "Bars of a promoted series that should have come by now",
        _SERIES,
        registry=registry,
    )
    alerts = Gauge("tickerflow_alerts", "Alerts of promoted series", ("kind",), registry=registry)
    for row in rows:
        for alert in row.alerts:
            alerts.labels(alert.kind).inc()
    for row in rows[:MOST_SERIES]:
        if row.last is not None:
            last.labels(row.ticker, row.interval).set(row.last.timestamp())
        # Its calendar is looked at with its forecast: until then none known is not none overdue.
        if row.forecast_change is not None:
            overdue.labels(row.ticker, row.interval).set(row.overdue_bars)
