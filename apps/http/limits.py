"""How large a request may be, and how long it may take to arrive."""

import asyncio
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from apps.http.problems import ProblemError, refusal, respond

MAX_BODY_BYTES: Final = 65_536  # no route needs a body at all
BODY_SECONDS: Final = 10.0


class BodyLimit:
    """Reads a request's body before the routes do: 413 above the limit, 408 where it does not come.

    What a request says of its length counts as little as what it does not say: bytes are counted.
    """

    def __init__(
        self, app: ASGIApp, max_bytes: int = MAX_BODY_BYTES, seconds: float = BODY_SECONDS
    ) -> None:
        self._app, self._max_bytes, self._seconds = app, max_bytes, seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it and close its connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            body = await asyncio.wait_for(self._read(receive), self._seconds)
        except ProblemError as error:
            await respond(error.problem, error.headers)(scope, receive, send)
            return
        except TimeoutError:
            late = refusal(
                408, f"expected the whole body within {self._seconds:g} s, found a part of it"
            )
            await respond(late.problem, {"Connection": "close"})(scope, receive, send)
            return
        if body is None:
            return  # the client is gone
        await self._app(scope, _replay(body, receive), send)

    async def _read(self, receive: Receive) -> bytes | None:
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            body += message.get("body", b"")
            if len(body) > self._max_bytes:
                raise refusal(
                    413,
                    f"expected a body of at most {self._max_bytes} bytes, found a longer one",
                    hint="parameters go into the URL: no route needs a body",
                    headers={"Connection": "close"},
                )
            if not message.get("more_body", False):
                return bytes(body)


def _replay(body: bytes, receive: Receive) -> Receive:
    """What was read already, once more; then what comes after."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replayed() -> Message:
        return messages.pop() if messages else await receive()

    return replayed
