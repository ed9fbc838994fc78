"""Trainings and their runs, over real HTTP, against a real Prefect server."""

import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_API_URL, temporary_settings

from apps.http import prefect_api
from flows.training import train_universe
from ml.config import Settings
from tests.apps.http.prefect_side import MAX_QUEUED, carry_out, is_problem, serving, stored_run

ASKED = {"ticker": "AAPL", "interval": "1d", "epochs": "1"}


def test_a_training_is_started_followed_to_its_end_and_then_started_anew(
    deployed: None, service: httpx.Client, untrained: Settings
) -> None:
    started = service.post("/ml/train", params=ASKED)
    assert started.status_code == 202
    run = started.json()
    assert started.headers["Location"] == f"/ml/runs/{run['id']}" == run["url"]
    assert run["ui"].endswith(run["id"])
    assert (run["state"], run["ended"], run["result"]) == ("scheduled", False, None)
    params = stored_run(run["id"]).parameters["params"]
    assert params["train"] == {"epochs": 1}
    assert params["folders"]["models_dir"] == str(untrained.models_dir)
    assert service.post("/ml/train", params=ASKED).json()["id"] == run["id"]

    carry_out(run["id"])

    ended = service.get(started.headers["Location"]).json()
    assert (ended["state"], ended["ended"], ended["progress"]) == ("completed", True, 1.0)
    (row,) = ended["result"]["series"]
    assert row["series"] == "AAPL 1d"
    assert row["decision"] in ("promoted", "rejected")
    assert str(untrained.models_dir) not in service.get(run["url"]).text
    assert is_problem(service.post(f"{run['url']}/cancel"), 409)["detail"].endswith("completed")
    assert service.post("/ml/train", params=ASKED).json()["id"] != run["id"]


def test_a_run_that_fails_says_why(deployed: None, service: httpx.Client, untrained: Settings) -> None:
    run = service.post("/ml/train", params=ASKED).json()
    (untrained.raw_dir / "AAPL_1d.csv").write_text("no,bars\n1,2\n")
    carry_out(run["id"])
    ended = service.get(run["url"]).json()
    assert (ended["state"], ended["ended"]) == ("failed", True)
    assert "AAPL" in ended["reason"]
    assert "TF011" in ended["reason"]


def test_requests_at_once_for_the_same_training_are_one_run(
    deployed: None, service: httpx.Client
) -> None:
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: service.post("/ml/train", params=ASKED), range(4)))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["id"] for answer in answers}) == 1


def test_another_request_is_another_run(deployed: None, service: httpx.Client) -> None:
    one = service.post("/ml/train", params=ASKED).json()["id"]
    other = service.post("/ml/train", params={**ASKED, "model": "gru", "mode": "warm"}).json()["id"]
    assert one != other
    assert stored_run(other).parameters["params"]["train"] == {
        "epochs": 1,
        "model": "gru",
        "mode": "warm",
    }


def test_a_run_that_waits_is_cancelled_at_once_and_may_be_asked_for_again(
    deployed: None, service: httpx.Client
) -> None:
    run = service.post("/ml/train", params=ASKED).json()
    cancelled = service.post(f"{run['url']}/cancel")
    assert cancelled.status_code == 202
    assert cancelled.json()["state"] == "cancelled"
    assert service.post(f"{run['url']}/cancel").status_code == 202
    assert service.get(run["url"]).json()["ended"] is True
    assert service.post("/ml/train", params=ASKED).json()["id"] != run["id"]


def test_too_many_trainings_that_wait_are_refused(deployed: None, service: httpx.Client) -> None:
    for epochs in range(1, MAX_QUEUED + 1):
        assert service.post("/ml/train", params={**ASKED, "epochs": str(epochs)}).status_code == 202
    more = {**ASKED, "epochs": str(MAX_QUEUED + 1)}
    refused = service.post("/ml/train", params=more)
    assert str(MAX_QUEUED) in is_problem(refused, 429)["detail"]
    assert int(refused.headers["Retry-After"]) > 0
    waiting = service.post("/ml/train", params=ASKED)  # one that waits already adds nothing
    assert waiting.status_code == 202
    assert service.post(f"{waiting.json()['url']}/cancel").status_code == 202
    assert service.post("/ml/train", params=more).status_code == 202


@pytest.mark.parametrize(
    ("change", "status", "said"),
    [
        ({"ticker": "AAPK"}, 404, "AAPL"),
        ({"interval": "1h"}, 404, "1h"),
        ({"ticker": "../../etc/passwd"}, 422, "ticker"),
        ({"interval": "1d/../x"}, 422, "interval"),
        ({"epochs": "0"}, 422, "epochs"),
        ({"epoch": "3"}, 422, "epoch"),
        ({"model": "oracle"}, 422, "lstm"),
        ({"mode": "magic"}, 422, "mode"),
    ],
)
def test_what_cannot_be_trained_is_refused_in_words(
    deployed: None, service: httpx.Client, change: dict[str, str], status: int, said: str
) -> None:
    problem = is_problem(service.post("/ml/train", params={**ASKED, **change}), status)
    assert said in problem["detail"] + problem["hint"]


def test_a_deployment_that_is_missing_says_how_to_deploy(service: httpx.Client) -> None:
    answer = service.post("/ml/train", params=ASKED)
    assert "prefect --no-prompt deploy --all" in is_problem(answer, 503)["hint"]
    assert int(answer.headers["Retry-After"]) > 0


def test_a_run_that_is_unknown_or_of_another_project_is_not_there(
    prefect_server: None, service: httpx.Client
) -> None:
    with get_client(sync_client=True) as client:
        other = client.create_flow_run(train_universe)  # without the tag of the deployments
    for identity in ("00000000-0000-4000-8000-000000000000", str(other.id)):
        is_problem(service.get(f"/ml/runs/{identity}"), 404)
        is_problem(service.post(f"/ml/runs/{identity}/cancel"), 404)
    is_problem(service.get("/ml/runs/no-uuid"), 422)
    assert stored_run(str(other.id)).state_name != "Cancelled"


@contextmanager
def _nobody() -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))  # bound, and not listening: connections are refused
        yield f"http://127.0.0.1:{probe.getsockname()[1]}/api"


@contextmanager
def _silent() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/api"


@contextmanager
def _none() -> Iterator[None]:
    yield None


@contextmanager
def _slow(seconds: float) -> Iterator[str]:
    """A server that knows no run, and takes its time to say so."""

    class Slow(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            time.sleep(seconds)
            self.send_response(404)
            self.end_headers()
            self.wfile.write(b'{"detail": "Flow run not found"}')

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Slow) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/api"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("server", [_nobody, _none])
def test_without_prefect_the_answer_comes_within_two_seconds(
    untrained: Settings, server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # By bounds far apart, so that a busy machine has the time between them for its own part.
    assert prefect_api._CONNECT_SECONDS <= 1.5
    monkeypatch.setattr(prefect_api, "_CONNECT_SECONDS", 0.1)
    monkeypatch.setattr(prefect_api, "_ANSWER_SECONDS", 120.0)
    with server() as url, temporary_settings({PREFECT_API_URL: url}), serving(untrained) as client:
        run = "/ml/runs/00000000-0000-4000-8000-000000000000"
        for method, path in (("POST", "/ml/train"), ("GET", run), ("POST", f"{run}/cancel")):
            began = time.monotonic()
            answer = client.request(method, path, params=ASKED)
            assert time.monotonic() - began < 60
            assert "PREFECT_API_URL" in is_problem(answer, 503)["hint"]
            assert int(answer.headers["Retry-After"]) > 0


def test_a_prefect_that_is_busy_gets_longer_than_one_that_is_not_there(untrained: Settings) -> None:
    run = "/ml/runs/00000000-0000-4000-8000-000000000000"
    with _slow(2.5) as url, temporary_settings({PREFECT_API_URL: url}), serving(untrained) as client:
        is_problem(client.get(run), 404)


def test_a_prefect_that_never_answers_is_given_up_in_time(
    untrained: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = prefect_api._ANSWER_SECONDS
    assert usual <= 10
    monkeypatch.setattr(prefect_api, "_ANSWER_SECONDS", 2.5)
    with _silent() as url, temporary_settings({PREFECT_API_URL: url}), serving(untrained) as client:
        began = time.monotonic()
        answer = client.post("/ml/train", params=ASKED)
        assert 2 < time.monotonic() - began < usual
        assert "ask again" in is_problem(answer, 503)["hint"]
        assert int(answer.headers["Retry-After"]) > 0


def test_with_a_key_only_those_who_know_it_train(
    deployed: None, service: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TICKERFLOW_API_KEY", "a key of the test")
    is_problem(service.post("/ml/train", params=ASKED), 401)
    is_problem(service.post("/ml/train", params=ASKED, headers={"X-API-Key": "wrong"}), 401)
    known = {"X-API-Key": "a key of the test"}
    started = service.post("/ml/train", params=ASKED, headers=known)
    assert started.status_code == 202
    is_problem(service.post(f"{started.json()['url']}/cancel"), 401)
    assert service.get(started.json()["url"]).status_code == 200
