"""Slow, silent and broken clients, by sockets of their own."""

import socket
import statistics
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from select import select

import httpx
import pytest

from apps.api import create_app, server_config
from apps.http.connections import watched_protocol
from apps.http.limits import MAX_HEADER_BYTES
from tests.apps.http.serving import client_of, listening, serving, serving_config
from tests.stored import quick_settings
from tests.waiting import until

HEADER_SECONDS, BODY_SECONDS = 0.6, 0.6
SOON = 60.0  # what is not cut off stays for ever, and so fails all the same


@pytest.fixture
def service(tmp_path: Path) -> Iterator[httpx.Client]:
    """A service of little patience."""
    api = {"header_seconds": HEADER_SECONDS, "body_seconds": BODY_SECONDS}
    with serving(quick_settings(tmp_path, api=api)) as client:
        yield client


def connect(service: httpx.Client) -> socket.socket:
    """A connection to it; reading waits for a while only."""
    url = httpx.URL(service.base_url)
    return socket.create_connection((url.host, url.port or 80), timeout=SOON)


def read_all(connection: socket.socket) -> bytes:
    """What comes until the other side closes, with or without having read all that was sent to it."""
    received = b""
    with suppress(ConnectionResetError):
        while part := connection.recv(65_536):
            received += part
    return received


def test_who_says_nothing_is_cut_off(service: httpx.Client) -> None:
    began = time.monotonic()  # before the service's own clock for it begins
    with connect(service) as connection:
        assert read_all(connection) == b""
        assert HEADER_SECONDS * 0.9 < time.monotonic() - began < SOON


def test_headers_that_drip_are_408_after_their_time(service: httpx.Client) -> None:
    with connect(service) as connection:
        began = time.monotonic()
        connection.sendall(b"GET /healthz HTTP/1.1\r\n")
        # Until the answer is there: what came after it would be lost with it.
        while not select([connection], [], [], HEADER_SECONDS / 5)[0]:
            assert time.monotonic() - began < SOON
            connection.sendall(b"x")
        answer = read_all(connection)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"application/problem+json" in answer


def test_a_body_that_drips_is_408_after_its_time(service: httpx.Client) -> None:
    with connect(service) as connection:
        connection.sendall(b"POST /ml/train HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nxx")
        answer = read_all(connection)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"whole body" in answer


def test_an_answer_that_nobody_takes_is_given_up(tmp_path: Path) -> None:
    asked, count = b"GET /openapi.json HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 200
    app = create_app(quick_settings(tmp_path, api={"body_seconds": BODY_SECONDS}))
    with listening(server_config(app)) as server, client_of(server) as service:
        whole = count * len(service.get("/openapi.json").content)  # more than the kernel holds for us
        service.close()
        until(lambda: not server.server_state.connections, SOON)
        with connect(service) as connection:
            connection.sendall(asked * count)
            assert select([connection], [], [], SOON)[0]  # it answers, and nobody takes it
            until(lambda: not server.server_state.connections, SOON)
            received = len(read_all(connection))
    assert 0 < received < whole


def test_a_client_that_rests_between_requests_is_served_again(tmp_path: Path) -> None:
    # Longer than any pause between a connection and its headers, so that none is cut off.
    header_seconds = 1.5
    with serving(quick_settings(tmp_path, api={"header_seconds": header_seconds})) as service:
        for _ in range(2):
            assert service.get("/healthz").status_code == 200
            time.sleep(header_seconds * 1.1)
        with connect(service) as connection:
            ask = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
            connection.sendall(ask)
            assert connection.recv(65_536).startswith(b"HTTP/1.1 200 ")
            time.sleep(header_seconds * 1.1)  # longer than headers may take, shorter than it may rest
            connection.sendall(ask + ask)
            answers = b""
            while answers.count(b'{"status":"ok"}') < 2:
                answers += connection.recv(65_536)


def test_headers_that_never_end_are_refused(service: httpx.Client) -> None:
    with connect(service) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nX-Long: " + b"x" * MAX_HEADER_BYTES)
        answer = read_all(connection)
    assert answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 431 "))
    assert b"application/problem+json" in answer


def test_headers_that_are_too_long_are_431(service: httpx.Client) -> None:
    answer = service.get("/healthz", headers={"X-Long": "x" * MAX_HEADER_BYTES})
    assert answer.status_code in (400, 431)  # the kernel may hand them over in pieces
    assert answer.headers["content-type"] == "application/problem+json"


def test_what_is_no_http_is_a_problem(service: httpx.Client) -> None:
    with connect(service) as connection:
        connection.sendall(b"\x16\x03\x01 hello\r\n\r\n")
        answer = read_all(connection)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"application/problem+json" in answer


def test_hundreds_of_slow_clients_do_not_slow_down_the_others(tmp_path: Path) -> None:
    with ExitStack() as stack:
        service = stack.enter_context(serving(quick_settings(tmp_path, api={"header_seconds": 3.0})))

        def drip(number: int) -> socket.socket:
            connection = stack.enter_context(connect(service))
            # At once, for who has said nothing by then is told nothing.
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: "[: 10 + number % 20])
            return connection

        with ThreadPoolExecutor(8) as pool:
            opened = list(pool.map(drip, range(300)))
        taken = []
        for _ in range(50):
            began = time.monotonic()
            assert service.get("/healthz").status_code == 200
            taken.append(time.monotonic() - began)
        # Of most answers: the machine may rest in the middle of one.
        assert statistics.median(taken) < 1.0
        assert all(read_all(connection).startswith(b"HTTP/1.1 408 ") for connection in opened)


def test_of_too_many_that_wait_the_one_that_waits_longest_is_cut_off(tmp_path: Path) -> None:
    config = server_config(create_app(quick_settings(tmp_path)))
    config.http = watched_protocol(header_seconds=60, stall_seconds=60, most_waiting=3)
    with serving_config(config) as service, ExitStack() as stack:
        waiting = [stack.enter_context(connect(service)) for _ in range(3)]
        assert service.get("/healthz").status_code == 200  # a fourth, which takes the first one's place
        assert read_all(waiting[0]) == b""
        waiting[2].sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert waiting[2].recv(65_536).startswith(b"HTTP/1.1 200 ")
