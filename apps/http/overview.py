"""``GET /ml/overview``: every series at a glance, for a page that shows them all."""

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any, Final, cast

from fastapi import APIRouter, FastAPI, Header, Request
from prefect.settings import PREFECT_UI_URL, get_current_settings
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from apps.http.negotiation import conditional, headers_of, not_modified
from apps.http.problems import answers
from apps.http.series import Trouble
from apps.http.wording import without_folders
from ml.config import Settings
from ml.inference.board import Board, View
from ml.inference.glance import Row

# A change is seen at once where few have changed; many, or a first look, are read beside the answers.
_PATIENCE_SECONDS: Final = 0.3


class Overview(BaseModel):
    """Every series at a glance."""

    rows: list[Row] = Field(description="By ticker and interval")
    pending: int = Field(description="Series whose files or forecast have not been looked at yet")
    problems: list[Trouble] = Field(description="What could not become a series")
    prefect_ui: str | None = Field(description="Prefect's pages, where its server is known")


@asynccontextmanager
async def _watching(app: FastAPI) -> AsyncIterator[None]:
    """The board reads from the start on, so that the first page has something to show."""
    board: Board = app.state.board
    await run_in_threadpool(board.look)
    try:
        yield
    finally:
        await run_in_threadpool(board.stop)


router = APIRouter(tags=["series"], lifespan=_watching)


@router.get(
    "/ml/overview",
    summary="Every series at a glance",
    response_model=Overview,
    responses={**conditional(), **answers(422, 500, 503)},
)
def overview(
    request: Request,
    if_none_match: Annotated[str, Header(description="ETags of answers that are at hand")] = "",
) -> Response:
    """Last bars, what serves each series and forecasts, how that does, and what wants a look.

    Answered from memory: files are looked at, and read in the background where they have changed.
    """
    state = request.app.state
    view = cast(Board, state.board).look(_PATIENCE_SECONDS)
    kept: tuple[View, bytes, dict[str, str]] | None = getattr(state, "overview", None)
    if kept is None or kept[0] is not view:
        body = _document(view, state.settings)
        kept = view, body, headers_of(hashlib.sha256(body).hexdigest())
        state.overview = kept
    _, body, headers = kept
    if not_modified(if_none_match, headers):
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type="application/json")


def _document(view: View, settings: Settings) -> bytes:
    """An `Overview` as JSON; rows are rendered once, not once for each look."""
    problems = [
        Trouble(
            name=one.name,
            detail=without_folders(one.failure.message, settings),
            hint=without_folders(one.failure.hint, settings),
        )
        for one in view.problems
    ]
    frame = Overview(rows=[], pending=view.pending, problems=problems, prefect_ui=_prefect_ui())
    rest = frame.model_dump_json(exclude={"rows"}).encode()
    rows = without_folders(b",".join(row.document for row in view.rows).decode(), settings)
    return b'{"rows":[%b],%b' % (rows.encode(), rest[1:])


def _prefect_ui() -> str | None:
    settings: Any = get_current_settings()
    return cast("str | None", PREFECT_UI_URL.value()) if settings.api.url else None
