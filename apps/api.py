"""The HTTP service: forecasts, models, series and trainings.

``python -m apps.api --host 127.0.0.1 --port 8000``; the pages /docs and /openapi.json describe it.
"""

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import uvicorn
    from fastapi import FastAPI

    from ml.config import ApiConfig, Settings

_KEEP_ALIVE_SECONDS = 5
_LAST_ANSWERS_SECONDS = 10
_HEADERS = 16_384


def create_app(settings: "Settings | None" = None) -> "FastAPI":
    """The application over the folders of the settings, by default those of environment and file."""
    from fastapi import FastAPI

    from apps.http import (
        bars,
        forecasts,
        health,
        metrics,
        models,
        options,
        overview,
        problems,
        quality,
        raw,
        runs,
        score,
        series,
        training,
    )
    from apps.http.ahead import Ahead
    from apps.http.cors import allow_origins
    from apps.http.heads import AnswersHead
    from apps.http.limits import RequestLimits
    from apps.http.metrics import Measured, Metrics
    from apps.http.rendered import RenderedAnswers
    from apps.inspecting import own_version
    from ml.config import Settings
    from ml.inference.board import Board
    from ml.inference.service import ForecastService

    app = FastAPI(
        title="Tickerflow",
        version=own_version(),
        description="Forecasts of what is promoted; failures are problem details (RFC 9457). "
        "HEAD answers as GET does, without a body.",
        # Whatever the route: its body is read before.
        responses=problems.answers(408, 413, 431),
        # A redirect would name the host that the client says, and http behind a proxy of https.
        redirect_slashes=False,
    )
    app.state.settings = settings or Settings()
    app.state.service = ForecastService.of(app.state.settings)
    app.state.rendered = RenderedAnswers()
    app.state.ahead = Ahead(app.state.settings.models_dir)
    app.state.metrics = Metrics()
    app.state.board = Board(app.state.settings)
    reading = (forecasts, overview, bars, quality, score, models, series)
    for part in (*reading, options, raw, training, runs, health, metrics):
        app.include_router(part.router)
    problems.install(app)
    # From the inside out: what is refused is measured too, and a browser may read why.
    app.add_middleware(RequestLimits, api=app.state.settings.api)
    allow_origins(app, app.state.settings.api.cors_origins)
    app.add_middleware(AnswersHead)
    app.add_middleware(Measured, metrics=app.state.metrics)
    return app


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until a signal ends it; the exit status."""
    parser = argparse.ArgumentParser("python -m apps.api", description="Serve Tickerflow over HTTP.")
    parser.add_argument("--host", help="address to listen on (TICKERFLOW_API__HOST, 127.0.0.1)")
    parser.add_argument("--port", type=int, help="0 for a free one (TICKERFLOW_API__PORT, 8000)")
    parser.add_argument("--access-log", action="store_true", help="a line for each request")
    options = parser.parse_args(arguments)
    typed = {name: getattr(options, name) for name in ("host", "port")}
    given = {name: value for name, value in typed.items() if value is not None}

    from apps.errors import exit_status

    return exit_status(lambda: _serve(given, access_log=options.access_log), debug=False)


def server_config(app: "FastAPI", *, access_log: bool = False) -> "uvicorn.Config":
    """How the application is served: one process, whose slow clients are cut off."""
    import uvicorn

    from apps.http.connections import raise_file_limit, watched_protocol

    api: ApiConfig = app.state.settings.api
    return uvicorn.Config(
        app,
        host=api.host,
        port=api.port,
        http=watched_protocol(api.header_seconds, api.body_seconds, raise_file_limit()),
        ws="none",
        h11_max_incomplete_event_size=_HEADERS,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_LAST_ANSWERS_SECONDS,
        access_log=access_log,
        # The client is who connects: a header that says otherwise could come from anyone.
        proxy_headers=False,
        server_header=False,
    )


def _serve(api: dict[str, object], *, access_log: bool) -> int:
    from ml.importing import without_collector

    with without_collector():
        import torch
        import uvicorn

        from apps.options import load_settings

        app = create_app(load_settings({"api": api} if api else {}))
    # As every forecast wants it (`ml.forecasting.threads`); to change it back and forth costs each time.
    torch.set_num_threads(1)
    uvicorn.Server(server_config(app, access_log=access_log)).run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
