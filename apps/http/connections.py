"""Cutting off connections that are slow: a client costs nothing for longer than it is worth.

uvicorn bounds how long a connection may rest between two requests, and nothing else. Here the headers
of a request have to arrive within a time from its first byte, and an answer has to be taken. Bodies are
bounded by `apps.http.limits`.
"""

import asyncio
import json
from typing import ClassVar

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from apps.http.problems import MEDIA_TYPE, Problem


class WatchedProtocol(H11Protocol):
    """HTTP/1.1 that cuts off who is slow; made for one server by `watched_protocol`."""

    header_seconds: ClassVar[float]
    stall_seconds: ClassVar[float]
    most_waiting: ClassVar[int]
    waiting: ClassVar[dict["WatchedProtocol", None]]  # for headers, the longest first

    _deadline: asyncio.TimerHandle | None = None
    _sending: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for headers from the start: a connection that says nothing is slow too."""
        super().connection_made(transport)
        self._wait_for_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        """Leave no timer behind, for it would keep the connection in memory."""
        self._stop_waiting()
        if self._sending is not None:
            self._sending.cancel()
            self._sending = None
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse; where a request is still not whole, its time runs on from its first byte."""
        super().data_received(data)
        if self.conn.their_state is h11.IDLE and not self.transport.is_closing():
            self._wait_for_headers()
        else:
            self._stop_waiting()

    def on_response_complete(self) -> None:
        """See that the answer is taken, also where it is small enough for the server not to wait."""
        super().on_response_complete()
        self._watch_sending()

    def pause_writing(self) -> None:
        """See that a large answer is taken."""
        super().pause_writing()
        self._watch_sending()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP with a problem, as everything else is."""
        self._refuse(400, msg)

    def _wait_for_headers(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(self.header_seconds, self._cut_off)
            self.waiting[self] = None
            if len(self.waiting) > self.most_waiting:
                next(iter(self.waiting))._cut_off()

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
            self.waiting.pop(self, None)

    def _cut_off(self) -> None:
        self._stop_waiting()
        if self.transport.is_closing():
            return
        if self.conn.trailing_data[0]:
            self._refuse(408, f"expected the headers within {self.header_seconds:g} s")
        else:  # who said nothing is told nothing
            self.transport.close()

    def _refuse(self, status: int, detail: str) -> None:
        if self.conn.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            self.transport.close()
            return
        title = {400: "Bad Request", 408: "Request Timeout"}[status]
        problem = Problem(type="about:blank", title=title, status=status, detail=detail)
        body = json.dumps(problem.model_dump()).encode()
        headers = [
            ("content-type", MEDIA_TYPE),
            ("content-length", str(len(body))),
            ("connection", "close"),
        ]
        for event in (
            h11.Response(status_code=status, headers=headers, reason=title.encode()),
            h11.Data(data=body),
            h11.EndOfMessage(),
        ):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()
        self._watch_sending()

    def _watch_sending(self) -> None:
        left = self.transport.get_write_buffer_size()
        if left and self._sending is None:
            self._sending = self.loop.call_later(self.stall_seconds, self._check_sending, left)

    def _check_sending(self, before: int) -> None:
        """Give up where nothing was taken since the last look; what the server holds goes with it."""
        self._sending = None
        if self.transport.get_write_buffer_size() >= before:
            self.transport.abort()
        else:
            self._watch_sending()


def watched_protocol(
    header_seconds: float, stall_seconds: float, most_waiting: int
) -> type[WatchedProtocol]:
    """The protocol of one server.

    Args:
        header_seconds: a request's headers have to arrive within this time from their first byte.
        stall_seconds: of an answer, something has to be taken within this time.
        most_waiting: connections that may wait for headers at once; beyond, the oldest is cut off.
    """
    own = {
        "header_seconds": header_seconds,
        "stall_seconds": stall_seconds,
        "most_waiting": most_waiting,
        "waiting": {},
    }
    return type("ServedProtocol", (WatchedProtocol,), own)


def raise_file_limit() -> int:
    """Let this process open as many files as it may; how many connections can wait at once.

    A quarter of the files stays for those that are served, and for what is read.
    """
    try:
        import resource
    except ImportError:  # Windows counts them otherwise
        return 512
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 65_536 if hard == resource.RLIM_INFINITY else min(hard, 65_536)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        soft = wanted
    return 3 * min(soft, 65_536) // 4 if soft != resource.RLIM_INFINITY else 49_152
