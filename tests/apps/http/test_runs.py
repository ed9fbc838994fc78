"""Runs: their list, their end before time, and Prefect going away and coming back."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State
from prefect.settings import PREFECT_API_URL, get_current_settings, temporary_settings
from prefect.states import Cancelling, Running, Scheduled

from apps.http import prefect_api, runs
from apps.http.prefect_api import TAG
from flows.training import train_universe
from ml.config import Settings
from tests.apps.http.prefect_side import Patient, carry_out, is_problem, serving, stored_run

ASKED = {"ticker": "AAPL", "interval": "1d", "epochs": "1"}
REPOSITORY = Path(__file__).parents[3]


def test_runs_are_listed_the_latest_first_with_what_they_were_asked_for(
    deployed: None, service: httpx.Client
) -> None:
    first = service.post("/ml/train", params=ASKED).json()
    second = service.post("/ml/train", params={**ASKED, "epochs": "2"}).json()
    service.post(f"{first['url']}/cancel")
    page = service.get("/ml/runs", params={"limit": 2}).json()
    assert [run["id"] for run in page["runs"]] == [second["id"], first["id"]]
    assert [run["state"] for run in page["runs"]] == ["scheduled", "cancelled"]
    assert {(run["flow"], *run["tickers"], *run["intervals"]) for run in page["runs"]} == {
        ("train-universe", "AAPL", "1d")
    }
    assert page["queued"] >= 1
    assert page["ui"].endswith("/runs")
    assert first["flow"] == "train-universe"


def test_runs_are_narrowed_by_their_state(deployed: None, service: httpx.Client) -> None:
    waiting = service.post("/ml/train", params=ASKED).json()
    ended = service.post("/ml/train", params={**ASKED, "epochs": "2"}).json()
    carry_out(ended["id"])
    done = service.get("/ml/runs", params={"state": ["completed", "failed"]}).json()["runs"]
    assert ended["id"] in [run["id"] for run in done]
    assert {run["state"] for run in done} <= {"completed", "failed"}
    told = next(run for run in done if run["id"] == ended["id"])
    assert (told["progress"], told["result"]) == (1.0, None)
    assert told["summary"].startswith("Done.")
    scheduled = service.get("/ml/runs", params={"state": "scheduled"}).json()["runs"]
    assert waiting["id"] in [run["id"] for run in scheduled]
    is_problem(service.get("/ml/runs", params={"state": "sleeping"}), 422)
    is_problem(service.get("/ml/runs", params={"limit": "0"}), 422)


def test_what_a_schedule_has_made_for_later_is_listed_only_where_it_is_asked_for(
    prefect_server: None, service: httpx.Client
) -> None:
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    with get_client(sync_client=True) as client:
        later = client.create_flow_run(
            train_universe, tags=[TAG], state=Scheduled(scheduled_time=tomorrow)
        )
        other = client.create_flow_run(train_universe)  # of another project
    listed = [run["id"] for run in service.get("/ml/runs").json()["runs"]]
    assert str(later.id) not in listed
    planned = service.get("/ml/runs", params={"planned": "true", "limit": "100"}).json()["runs"]
    assert str(later.id) in [run["id"] for run in planned]
    assert str(other.id) not in [run["id"] for run in planned]


def test_features_are_separated_by_commas_or_repeated_and_checked(
    deployed: None, service: httpx.Client
) -> None:
    started = service.post("/ml/train", params={**ASKED, "features": ["close,rsi_14", "obv"]})
    params = stored_run(started.json()["id"]).parameters["params"]
    assert params["train"]["features"] == ["close", "rsi_14", "obv"]
    for wrong in ("rsi_1", "close,close", "../../etc/passwd", ",", ""):
        refused = is_problem(service.post("/ml/train", params={**ASKED, "features": wrong}), 422)
        assert refused["code"] == "TF040"
        assert refused["hint"]


def test_a_run_that_no_worker_stops_is_cancelled_at_the_second_asking_and_may_be_started_anew(
    deployed: None, service: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = service.post("/ml/train", params=ASKED).json()
    with get_client(sync_client=True) as client:
        states: list[State[None]] = [Running(), Cancelling()]
        for state in states:
            client.set_flow_run_state(run["id"], state, force=True)
    told = service.post(f"{run['url']}/cancel").json()
    assert (told["state"], told["ended"]) == ("cancelling", False)
    assert told["hint"]
    another = service.post("/ml/train", params=ASKED).json()
    assert another["id"] != run["id"]
    monkeypatch.setattr(runs, "_STOPPING", timedelta(0))
    assert service.post(f"{run['url']}/cancel").json()["state"] == "cancelled"
    assert "no worker" in service.get(run["url"]).json()["reason"]


@contextmanager
def through(target: str) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Prefect's API behind a forwarder that can be ended: the address, and its process."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    yield f"http://127.0.0.1:{port}/api", forward(port, target)


def forward(port: int, target: str) -> subprocess.Popen[bytes]:
    code = (
        "import asyncio, sys\n"
        "async def pipe(source, sink):\n"
        "    while data := await source.read(65536):\n"
        "        sink.write(data)\n"
        "        await sink.drain()\n"
        "    sink.close()\n"
        "async def serve(reader, writer):\n"
        "    r, w = await asyncio.open_connection(sys.argv[2], int(sys.argv[3]))\n"
        "    await asyncio.gather(pipe(reader, w), pipe(r, writer), return_exceptions=True)\n"
        "async def main():\n"
        "    async with await asyncio.start_server(serve, '127.0.0.1', int(sys.argv[1])) as s:\n"
        "        print('ready', flush=True)\n"
        "        await s.serve_forever()\n"
        "asyncio.run(main())\n"
    )
    there = urlsplit(target)
    command = [sys.executable, "-c", code, str(port), str(there.hostname), str(there.port)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    process.stdout.close()
    return process


def test_prefect_may_go_away_and_come_back(
    prefect_server: None, untrained: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What is away is known long before what is busy is given up, on a busy machine too.
    monkeypatch.setattr(prefect_api, "_ANSWER_SECONDS", 120.0)
    target = str(get_current_settings().api.url)
    with through(target) as (url, forwarder):
        try:
            with temporary_settings({PREFECT_API_URL: url}), serving(untrained, Patient) as patient:
                assert patient.get("/ml/runs").status_code == 200
                forwarder.kill()
                forwarder.wait()
                with httpx.Client(base_url=patient.base_url, timeout=30) as client:
                    for _ in range(3):
                        began = time.monotonic()
                        is_problem(client.get("/ml/runs"), 503)
                        assert time.monotonic() - began < 60
                forwarder = forward(int(urlsplit(url).port or 0), target)
                assert patient.get("/ml/runs").status_code == 200
        finally:
            forwarder.kill()
            forwarder.wait()


def until(client: httpx.Client, url: str, seconds: float, **wanted: Any) -> dict[str, Any]:
    """The run, once it is as wanted."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        run: dict[str, Any] = client.get(url).json()
        if all(run.get(name) == value for name, value in wanted.items()):
            return run
        time.sleep(0.3)
    raise AssertionError(f"expected {wanted}, found {run}")


@pytest.mark.slow
def test_a_run_of_a_real_worker_is_cancelled_within_seconds_and_promotes_nothing(
    prefect_server: None, untrained: Settings
) -> None:
    patient = {"patience": 10_000, "epochs": 10_000}
    environment = os.environ | {
        "PREFECT_API_URL": str(get_current_settings().api.url),
        **{f"TICKERFLOW_TRAIN__{name.upper()}": str(value) for name, value in patient.items()},
    }
    prefect = [sys.executable, "-m", "prefect"]
    for arguments in (
        ["work-pool", "create", "local-process", "--type", "process", "--overwrite"],
        ["--no-prompt", "deploy", "--name", "ad-hoc"],
    ):
        subprocess.run([*prefect, *arguments], cwd=REPOSITORY, env=environment, check=True)
    worker = subprocess.Popen(
        [*prefect, "worker", "start", "--pool", "local-process"], cwd=REPOSITORY, env=environment
    )
    try:
        with serving(untrained, Patient) as service:
            run = service.post("/ml/train", params={**ASKED, "epochs": "10000"}).json()
            until(service, run["url"], 120, state="running", progress=0.0)
            time.sleep(3)
            began = time.monotonic()
            assert service.post(f"{run['url']}/cancel").status_code == 202
            ended = until(service, run["url"], 60, ended=True)
            assert (ended["state"], time.monotonic() - began < 45) == ("cancelled", True)
            assert not list(untrained.models_dir.rglob("*.meta.json"))
            assert service.post("/ml/train", params=ASKED).json()["id"] != run["id"]
    finally:
        worker.send_signal(signal.SIGINT)
        worker.wait(60)
