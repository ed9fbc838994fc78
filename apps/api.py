"""The HTTP service: forecasts, models, series and trainings.

``python -m apps.api --host 127.0.0.1 --port 8000``; the pages /docs and /openapi.json describe it.
"""

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastapi import FastAPI

    from ml.config import Settings

_KEEP_ALIVE_SECONDS = 5


def create_app(settings: "Settings | None" = None) -> "FastAPI":
    """The application over the folders of the settings, by default those of environment and file."""
    from fastapi import FastAPI

    from apps.http import forecasts, health, models, problems, runs, series, training
    from apps.http.limits import BodyLimit
    from apps.inspecting import own_version
    from ml.config import Settings
    from ml.inference.service import ForecastService

    app = FastAPI(
        title="Tickerflow",
        version=own_version(),
        description="Forecasts of what is promoted; failures are problem details (RFC 9457).",
        # Whatever the route: its body is read before.
        responses=problems.answers(408, 413),
    )
    app.state.settings = settings or Settings()
    app.state.service = ForecastService.of(app.state.settings)
    for part in (forecasts, models, series, training, runs, health):
        app.include_router(part.router)
    problems.install(app)
    app.add_middleware(BodyLimit)
    return app


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until a signal ends it; the exit status."""
    parser = argparse.ArgumentParser("python -m apps.api", description="Serve Tickerflow over HTTP.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    parser.add_argument("--port", default=8000, type=int, help="port to listen on (%(default)s)")
    options = parser.parse_args(arguments)

    from apps.errors import exit_status

    return exit_status(lambda: _serve(options.host, options.port), debug=False)


def _serve(host: str, port: int) -> int:
    import uvicorn

    from apps.options import load_settings

    uvicorn.run(
        create_app(load_settings({})),
        host=host,
        port=port,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        # The client is who connects: a header that says otherwise could come from anyone.
        proxy_headers=False,
        server_header=False,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
