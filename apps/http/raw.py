"""``POST /ml/raw/{name}``: a CSV file into the raw folder, as if it had been dropped there."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import urlencode

import anyio
from fastapi import APIRouter, Depends, Header, Request, Response
from fastapi import Path as PathPart
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, Field
from starlette.requests import ClientDisconnect

from apps.http.context import TheSettings
from apps.http.guard import may_write
from apps.http.problems import answers, refusal
from ml.artifacts.store import ModelStore
from ml.config import Settings
from ml.data.atomic import sweep, temporary
from ml.data.incoming import Arrived, check_name, free_name, take_in
from ml.errors import StoreError
from ml.series import SeriesKey

router = APIRouter(tags=["series"])

# What programs call a CSV; a form, which wraps the file in more text, is none of them.
_TYPES: Final = ("text/csv", "application/octet-stream", "text/plain", "application/vnd.ms-excel", "")
_ABOUT_NAME: Final = "Such as AAPL_1d.csv or AAPL_1d_2024.csv; of BTC/USD: BTC%252FUSD_1h.csv"
_NAME: Final[dict[str, Any]] = {
    "pattern": r"^[A-Za-z0-9][A-Za-z0-9^=+-]*_[1-9][0-9]{0,4}(m|h|d|wk|mo)(_[A-Za-z0-9-]+)*\.csv$",
    "maxLength": 200,
}
# Any bytes: whether they are bars, ingest says.
_BYTES: Final = {"schema": {"type": "string", "format": "binary", "minLength": 1}}
_BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "description": "The file as it is",
        "content": {
            "text/csv": _BYTES,
            "application/octet-stream": _BYTES,
        },
    }
}


class Uploaded(BaseModel):
    """A file that lies in the raw folder now."""

    ticker: str
    interval: str
    file: str = Field(description="Its name there")
    bytes: int
    next: str = Field(description="What happens to it, and what to do, in words")


@router.post(
    "/ml/raw/{name}",
    status_code=201,
    summary="Upload a CSV",
    dependencies=[Depends(may_write)],
    responses={
        200: {"model": Uploaded, "description": "The same file is there already"},
        201: {
            "description": "The file is in the raw folder",
            "headers": {
                "Location": {"description": "What ingest says of it", "schema": {"type": "string"}}
            },
        },
        **answers(401, 403, 404, 409, 415, 422, 503),
    },
    openapi_extra=_BODY,
)
async def upload(
    name: Annotated[str, PathPart(description=_ABOUT_NAME, json_schema_extra=_NAME)],
    request: Request,
    settings: TheSettings,
    response: Response,
    content_type: Annotated[str, Header(description="text/csv or application/octet-stream")] = "",
    content_encoding: Annotated[str, Header(include_in_schema=False)] = "",
) -> Uploaded:
    """Put a file of bars into the raw folder; whether they are bars, the next ingest says.

    Several files of one series are merged, so a file of another name adds to what is there. A file that
    is there is never replaced.
    """
    key = check_name(name)
    _check_type(content_type, content_encoding)
    async with _receiving(settings.raw_dir) as part:
        size = await _write(part, request)
        arrived = await run_in_threadpool(take_in, part, name)
    if arrived.how in ("taken", "twin"):
        raise await run_in_threadpool(_conflict, arrived, key, settings)
    if arrived.how == "same":
        response.status_code = 200
    query = urlencode({"ticker": key.ticker, "interval": str(key.interval)})
    response.headers["Location"] = f"/ml/quality?{query}"
    response.headers["Cache-Control"] = "no-store"
    promoted = await run_in_threadpool(ModelStore(settings.models_dir).series)
    return Uploaded(
        ticker=key.ticker,
        interval=str(key.interval),
        file=name,
        bytes=size,
        next=_next(key, key in promoted, noticed=settings.up.notice != "off"),
    )


def _check_type(content_type: str, content_encoding: str) -> None:
    media = content_type.partition(";")[0].strip().lower()
    if media not in _TYPES or content_encoding.strip().lower() not in ("", "identity"):
        found = media if media not in _TYPES else f"{media or 'one'} in {content_encoding}"
        raise refusal(
            415,
            f"expected a body of text/csv or application/octet-stream, found {found[:80]}",
            hint="send the file as it is: curl -H 'Content-Type: text/csv' --data-binary @FILE URL",
        )


@asynccontextmanager
async def _receiving(raw_dir: Path) -> AsyncIterator[Path]:
    """A temporary name in the raw folder, which is made where there is none; nothing stays there."""
    part = temporary(raw_dir, "upload")
    try:
        await run_in_threadpool(raw_dir.mkdir, parents=True, exist_ok=True)
        await run_in_threadpool(sweep, raw_dir)
        try:
            yield part
        finally:
            with anyio.CancelScope(shield=True):
                await run_in_threadpool(part.unlink, missing_ok=True)
    except OSError as error:
        raise StoreError(
            f"expected the raw folder to take a file, found: {error.strerror}",
            hint="see that its disk has room and that the service may write there",
        ) from error


async def _write(part: Path, request: Request) -> int:
    """Write the body as it comes, and see that it is on the disk; its size in bytes."""
    size = 0
    async with await anyio.open_file(part, "xb") as file:
        try:
            async for chunk in request.stream():
                size += len(chunk)
                await file.write(chunk)
        except ClientDisconnect as error:
            raise refusal(400, "expected a whole file, found its sender gone") from error
        await file.flush()
        await run_in_threadpool(os.fsync, file.wrapped.fileno())
    if not size:
        raise refusal(
            422,
            "expected a CSV file in the body, found an empty one",
            hint="send the file as it is: curl -H 'Content-Type: text/csv' --data-binary @FILE URL",
        )
    return size


def _conflict(arrived: Arrived, key: SeriesKey, settings: Settings) -> Exception:
    if arrived.how == "twin":
        return refusal(
            409,
            f"expected a name that differs from others in more than case, found {arrived.other} there",
            hint="use the ticker's letters as they are there: both are one file on macOS and Windows",
            code="TF003",
        )
    return refusal(
        409,
        f"expected a name that is free, found {arrived.other} there with other content",
        hint=f"upload it as {free_name(settings.raw_dir, key)}: files of one series are merged",
    )


def _next(key: SeriesKey, promoted: bool, *, noticed: bool) -> str:
    """What becomes of the file; ``noticed``: a `tickerflow up` with these settings notices it."""
    if promoted:
        now = "Its bars join the series at the next forecast or training."
        return f"{now} `tickerflow up` notices it by itself and forecasts." if noticed else now
    query = urlencode({"ticker": key.ticker, "interval": str(key.interval)})
    if not noticed:
        now = "The series has no model yet. The next nightly training has it"
        return f"{now}; at once: POST /ml/train?{query}"
    return (
        "The series has no model yet. `tickerflow up` notices the file by itself and trains; otherwise: "
        f"POST /ml/train?{query}"
    )
