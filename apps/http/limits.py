"""How large a request may be, and how long it may take to arrive."""

import asyncio
from dataclasses import dataclass
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from apps.http.problems import ProblemError, refusal, respond
from ml.config import ApiConfig

MAX_HEADER_BYTES: Final = 16_384
MAX_BODY_BYTES: Final = 65_536  # no other route than the upload needs a body at all
UPLOADS: Final = "/ml/raw/"
# A body has to come at this rate, beyond the seconds that any body has.
_LEAST_BYTES_PER_SECOND: Final = 32_768
_NO_BODY: Final = "parameters go into the URL: no route but the upload needs a body"


@dataclass(frozen=True, slots=True)
class Limit:
    """What a body may be."""

    max_bytes: int
    seconds: float
    hint: str

    def refuse_length(self, length: int) -> None:
        """Raise a problem of 413 for a body that is too long."""
        if length > self.max_bytes:
            raise refusal(
                413,
                f"expected a body of at most {self.max_bytes} bytes, found a longer one",
                hint=self.hint,
                headers={"Connection": "close"},
            )

    def late(self) -> ProblemError:
        """The problem of a body that does not come."""
        return refusal(
            408,
            f"expected the whole body within {self.seconds:g} s, or {_LEAST_BYTES_PER_SECOND} bytes a "
            "second of a long one; found a part of it",
            headers={"Connection": "close"},
        )


class RequestLimits:
    """Reads a request's body before the routes do: 413 above the limit, 408 where it does not come.

    What a request says of its length counts as little as what it does not say: bytes are counted. The
    body of an upload is not read here, for it may be large: it is limited while its route reads it.
    Headers over 16 kB are 431: the server below bounds them only while they arrive in pieces.
    """

    def __init__(self, app: ASGIApp, api: ApiConfig | None = None) -> None:
        api = api or ApiConfig()
        self._app = app
        self._small = Limit(MAX_BODY_BYTES, api.body_seconds, _NO_BODY)
        self._upload = Limit(
            api.max_upload_mb * 2**20,
            api.body_seconds,
            "split the file: several files of one series are merged; or raise "
            f"TICKERFLOW_API__MAX_UPLOAD_MB, which is {api.max_upload_mb}",
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it and close its connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        is_upload = scope["method"] == "POST" and scope["path"].startswith(UPLOADS)
        limit = self._upload if is_upload else self._small
        try:
            _check_headers(scope)
            limit.refuse_length(_said_length(scope))
            receive = _limited(receive, limit)
            body = None if is_upload else await _read(receive)
        except ProblemError as error:
            await respond(error.problem, error.headers)(scope, receive, send)
            return
        except ClientGoneError:
            return
        await self._app(scope, receive if body is None else _replay(body, receive), send)


class ClientGoneError(Exception):
    """The client went away before its body was there."""


def _check_headers(scope: Scope) -> None:
    size = len(scope["raw_path"]) + len(scope["query_string"])
    size += sum(len(name) + len(value) + 4 for name, value in scope["headers"])
    if size > MAX_HEADER_BYTES:
        raise refusal(
            431,
            f"expected at most {MAX_HEADER_BYTES} bytes of headers, found {size}",
            headers={"Connection": "close"},
        )


def _said_length(scope: Scope) -> int:
    said = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
    return int(said) if said.isdigit() and len(said) < 20 else 0


def _limited(receive: Receive, limit: Limit) -> Receive:
    """The same messages, as long as they are neither too many bytes nor too slow."""
    loop = asyncio.get_running_loop()
    started, received, done = loop.time(), 0, False

    async def limited() -> Message:
        nonlocal received, done
        if done:  # the end of the connection is waited for as long as the answer takes
            return await receive()
        try:
            async with asyncio.timeout_at(started + limit.seconds + received / _LEAST_BYTES_PER_SECOND):
                message = await receive()
        except TimeoutError as error:
            raise limit.late() from error
        received += len(message.get("body", b""))
        done = not message.get("more_body", False)
        limit.refuse_length(received)
        return message

    return limited


async def _read(receive: Receive) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGoneError
        body += message.get("body", b"")
        if not message.get("more_body", False):
            return bytes(body)


def _replay(body: bytes, receive: Receive) -> Receive:
    """What was read already, once more; then what comes after."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replayed() -> Message:
        return messages.pop() if messages else await receive()

    return replayed
