import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from apps.http.limits import MAX_BODY_BYTES
from ml.config import Settings
from tests.apps.http.serving import serving
from tests.stored import quick_settings

UPLOAD = "/ml/raw/AAPL_1d.csv"
MEGABYTE = 2**20


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings that take uploads of a megabyte."""
    return quick_settings(tmp_path, api={"max_upload_mb": 1})


@pytest.fixture
def service(settings: Settings) -> Iterator[httpx.Client]:
    """A service over them."""
    with serving(settings) as client:
        yield client


def connected(service: httpx.Client) -> socket.socket:
    """A connection to it."""
    url = httpx.URL(service.base_url)
    return socket.create_connection((url.host, url.port or 80), timeout=120)


def rows(size: int) -> bytes:
    """A CSV of so many bytes."""
    return (b"date,open,high,low,close,volume\n" + b"2024-01-02,1,2,1,2,100\n" * (size // 20))[:size]


def parts(content: bytes) -> Iterator[bytes]:
    """The same in pieces, of which nobody says how many come."""
    for start in range(0, len(content), 50_000):
        yield content[start : start + 50_000]


def test_an_upload_may_be_larger_than_other_bodies(service: httpx.Client, settings: Settings) -> None:
    content = rows(4 * MAX_BODY_BYTES)
    assert service.post(UPLOAD, content=content).status_code == 201
    assert (settings.raw_dir / "AAPL_1d.csv").read_bytes() == content


@pytest.mark.parametrize("in_parts", [False, True])
def test_an_upload_over_its_limit_is_413_and_leaves_nothing(
    service: httpx.Client, settings: Settings, in_parts: bool
) -> None:
    content = rows(MEGABYTE + 1)
    answer = service.post(UPLOAD, content=parts(content) if in_parts else content)
    assert answer.status_code == 413
    assert "MAX_UPLOAD_MB" in answer.json()["hint"]
    assert not any(path.name.endswith(".csv") for path in settings.raw_dir.glob("**/*"))


def test_an_upload_that_stops_coming_is_408_and_leaves_nothing(tmp_path: Path) -> None:
    settings = quick_settings(tmp_path, api={"body_seconds": 0.5})
    with serving(settings) as service, connected(service) as connection:
        head = f"POST {UPLOAD} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 90000\r\n\r\n"
        connection.sendall(head.encode() + rows(30_000))
        answer = b""
        while part := connection.recv(65_536):
            answer += part
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert not any(path.name.endswith(".csv") for path in settings.raw_dir.glob("**/*"))


def test_the_limit_of_other_routes_is_as_before(service: httpx.Client) -> None:
    answer = service.post("/ml/train?ticker=AAPL&interval=1d", content=rows(MAX_BODY_BYTES + 1))
    assert answer.status_code == 413
    assert "URL" in answer.json()["hint"]
