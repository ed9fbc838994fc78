"""Which other sites' pages may read the service: none, unless ``api.cors_origins`` names them."""

from collections.abc import Sequence

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

_KEPT_SECONDS = 600


def allow_origins(app: FastAPI, origins: Sequence[str]) -> None:
    """Let pages of these origins read; ``*`` means every page.

    Reading only: a page that may write would need the API key, and so would tell it to its visitors.
    """
    if origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(origins),
            allow_methods=["GET"],
            allow_headers=["If-None-Match"],
            expose_headers=["ETag", "Content-Disposition", "Retry-After", "Location"],
            max_age=_KEPT_SECONDS,
        )
