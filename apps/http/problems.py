"""Every failure as RFC 9457 problem details: what was expected, what was found, what to do about it.

A response says what is in a `TickerflowError` and nothing of an exception that was not expected: its
trace goes into the log of the server.
"""

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from apps.http.wording import without_folders
from ml.errors import (
    ArtifactError,
    ArtifactWriteError,
    BadSeriesError,
    BusySeriesError,
    CalendarError,
    ConstantSeriesError,
    FeatureError,
    LedgerError,
    NoDataError,
    NotPromotedError,
    SeriesNameError,
    StoreError,
    TickerflowError,
    TooFewBarsError,
    UnreadableArtifactError,
    UnreadableFileError,
    UsageError,
)

_log = logging.getLogger(__name__)

MEDIA_TYPE: Final = "application/problem+json"
RETRY_SECONDS: Final = 5

# The first class that an error is an instance of decides; what is not named here is a conflict with the
# state of the data, which the client can mend by other files or another training.
_STATUS: Final[tuple[tuple[type[TickerflowError], int], ...]] = (
    (UsageError, 422),
    (SeriesNameError, 422),
    (NoDataError, 404),
    (NotPromotedError, 404),
    (UnreadableArtifactError, 503),
    (BusySeriesError, 409),
    (StoreError, 503),
    (ArtifactWriteError, 503),
    (LedgerError, 503),
    (ArtifactError, 409),
    (TooFewBarsError, 409),
    (BadSeriesError, 409),
    (ConstantSeriesError, 409),
    (CalendarError, 409),
    (FeatureError, 409),
    (UnreadableFileError, 409),
)


class Problem(BaseModel):
    """Problem details (RFC 9457), with Tickerflow's code and hint beside the members of the standard."""

    type: str = Field(description="The kind of problem: urn:tickerflow:problem:CODE, or about:blank")
    title: str = Field(description="The same words for every problem of its status")
    status: int
    detail: str = Field(description="What was expected and what was found")
    code: str = Field("", description="TF and three digits: the guide of errors lists them")
    hint: str = Field("", description="What to do about it")
    where: str = Field("", description="Series or parameter that it is about")


class ProblemError(Exception):
    """A problem that no error of `ml` stands for: refused by the service itself."""

    def __init__(self, problem: Problem, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(problem.detail)
        self.problem = problem
        self.headers = dict(headers or {})


def refusal(
    status: int, detail: str, *, hint: str = "", code: str = "", headers: Mapping[str, str] | None = None
) -> ProblemError:
    """What a route raises to answer with a problem of its own."""
    return ProblemError(_problem(status, detail, code=code, hint=hint), headers)


def problem_of(error: TickerflowError) -> Problem:
    """The problem that an expected failure is."""
    return _problem(status_of(error), error.message, code=error.code, hint=error.hint, where=error.where)


def status_of(error: TickerflowError) -> int:
    """The HTTP status of an expected failure."""
    return next((status for kind, status in _STATUS if isinstance(error, kind)), 409)


def answers(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What a route's ``responses`` say of its problems, for OpenAPI."""
    content = {MEDIA_TYPE: {"schema": Problem.model_json_schema()}}
    return {status: {"description": _title(status), "content": content} for status in statuses}


def install(app: FastAPI) -> None:
    """Answer every failure of the application with a problem."""
    app.add_exception_handler(ProblemError, _refused)
    app.add_exception_handler(TickerflowError, _expected)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(OSError, _unreadable)
    app.add_exception_handler(Exception, _unexpected)


def respond(problem: Problem, headers: Mapping[str, str] | None = None) -> Response:
    """The response that carries a problem."""
    return JSONResponse(
        problem.model_dump(),
        problem.status,
        {"Cache-Control": "no-store", **(headers or {})},
        MEDIA_TYPE,
    )


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, ProblemError)
    return respond(_discreet(error.problem, request), error.headers)


async def _expected(request: Request, error: Exception) -> Response:
    assert isinstance(error, TickerflowError)
    problem = _discreet(problem_of(error), request)
    if problem.status == HTTPStatus.SERVICE_UNAVAILABLE:
        return respond(problem, {"Retry-After": str(RETRY_SECONDS)})
    return respond(problem)


async def _invalid(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    found = "" if first["type"] == "missing" else f", found {_short(first.get('input'))}"
    others = len(error.errors()) - 1
    return respond(
        _problem(
            422,
            f"{where}: {first['msg']}{found}",
            code=UsageError.code,
            hint="the page /docs lists what each parameter may be"
            + (f"; {others} more parameters are wrong" if others else ""),
            where=where,
        )
    )


async def _http(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    detail = error.detail
    if error.status_code == HTTPStatus.NOT_FOUND and detail == "Not Found":
        detail = "expected a path of this service, found none of that name"
    hint = "the page /docs lists the paths and their methods" if error.status_code in (404, 405) else ""
    return respond(_problem(error.status_code, detail, hint=hint), _allowing_head(error.headers))


def _allowing_head(headers: Mapping[str, str] | None) -> Mapping[str, str] | None:
    """HEAD is answered wherever GET is (`apps.http.heads`), which the routes do not know."""
    if headers and headers.get("Allow") == "GET":
        return {**headers, "Allow": "GET, HEAD"}
    return headers


async def _unreadable(_: Request, error: Exception) -> Response:
    """A folder that is a file, has no permissions, or is gone: of the place, not of the service."""
    assert isinstance(error, OSError)
    _log.error("a request met an error of the file system", exc_info=error)
    problem = _problem(
        503,
        f"expected folders that can be read, found: {error.strerror or type(error).__name__}",
        hint="see that the folders are there and that the service may read them; its log says which",
    )
    return respond(problem, {"Retry-After": str(RETRY_SECONDS)})


async def _unexpected(_: Request, __: Exception) -> Response:
    # The server raises it again once this is sent, and so logs it.
    return respond(
        _problem(
            500,
            "expected an answer, found an error inside the service",
            hint="its log has the trace; please report it",
        )
    )


def _discreet(problem: Problem, request: Request) -> Problem:
    settings = request.app.state.settings
    told = {name: getattr(problem, name) for name in ("detail", "hint", "where")}
    return problem.model_copy(
        update={name: without_folders(text, settings) for name, text in told.items()}
    )


def _problem(status: int, detail: str, *, code: str = "", hint: str = "", where: str = "") -> Problem:
    kind = f"urn:tickerflow:problem:{code}" if code else "about:blank"
    return Problem(
        type=kind,
        title=_title(status),
        status=status,
        detail=detail,
        code=code,
        hint=hint,
        where=where,
    )


def _title(status: int) -> str:
    return HTTPStatus(status).phrase


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
