"""The client before a real service, nothing, and something else."""

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from apps.ui.client import Api, ApiProblem
from apps.ui.links import link, name_of, resource, series_link, series_of
from tests.apps.http.serving import serving
from tests.browser.running import free_port
from tests.stored import quick_settings


@contextmanager
def asking(url: str) -> Iterator[Api]:
    api = Api(url)
    yield api
    api.close()


@pytest.fixture
def service(tmp_path: Path) -> Iterator[httpx.Client]:
    with serving(quick_settings(tmp_path)) as client:
        yield client


def test_an_answer_that_has_not_changed_is_not_sent_again(service: httpx.Client) -> None:
    with asking(str(service.base_url)) as api:
        first = api.get("/ml/overview")
        assert api.get("/ml/overview") is first
        assert api.get("/healthz") == {"status": "ok"}


def test_a_problem_of_the_service_keeps_its_words(service: httpx.Client) -> None:
    with asking(str(service.base_url)) as api, pytest.raises(ApiProblem) as caught:
        api.get("/ml/forecast", ticker="AAPL", interval="1d", n_steps=0)
    problem = caught.value
    assert (problem.status, problem.code) == (422, "TF001")
    assert "n_steps" in problem.message
    assert problem.hint


def test_where_nothing_answers_it_says_how_to_start() -> None:
    with asking(f"http://127.0.0.1:{free_port()}") as api, pytest.raises(ApiProblem) as caught:
        api.get("/ml/overview")
    assert caught.value.status == 0
    assert "tickerflow up" in caught.value.hint


class _Other(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path.startswith("/fine") else 404)
        self.end_headers()
        self.wfile.write(b"<html>a router's page</html>")

    def log_message(self, *_: object) -> None:
        """Tests are silent."""


def test_something_else_on_the_port_is_said_to_be_something_else() -> None:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Other)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        with asking(f"http://127.0.0.1:{server.server_port}") as api:
            for path in ("/fine", "/else"):
                with pytest.raises(ApiProblem, match="is not it"):
                    api.get(path)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_links_keep_any_ticker() -> None:
    for ticker in ("AAPL", "BTC/USD", "A_B", "^GSPC", "EURUSD=X"):
        assert series_of(name_of(ticker, "1d")) == (ticker, "1d")
    assert series_link("BTC/USD", "1d", steps=20) == "series?series=BTC%2FUSD_1d&steps=20"
    assert (link("runs"), resource("BTC/USD", "1h")) == ("runs", "BTC%2FUSD/1h")
