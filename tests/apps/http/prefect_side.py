"""The service beside a real Prefect server, and what a worker does, for tests."""

import contextvars
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import uvicorn
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun
from prefect.flow_engine import run_flow

from apps.api import create_app
from apps.http.runs import DEPLOYMENT
from flows.training import train_universe
from ml.config import Settings

# Trainings that may wait in these tests.
MAX_QUEUED = 3


class Patient(httpx.Client):
    """Asks again where Prefect's server, busy in tests, was too slow: as a 503 asks for."""

    def send(self, request: httpx.Request, **options: Any) -> httpx.Response:
        """The first answer that is none of a server too slow, or the last one."""
        for _ in range(20):
            answer = super().send(request, **options)
            if answer.status_code != 503 or DEPLOYMENT in answer.text:
                break
            time.sleep(0.5)
        return answer


@contextmanager
def serving(settings: Settings, client: type[httpx.Client] = httpx.Client) -> Iterator[httpx.Client]:
    """The service on a free port of 127.0.0.1, with Prefect's settings of this moment."""
    server = uvicorn.Server(uvicorn.Config(create_app(settings), port=0, log_level="warning"))
    thread = threading.Thread(target=contextvars.copy_context().run, args=(server.run,))
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.01)
        host, port = server.servers[0].sockets[0].getsockname()
        with client(base_url=f"http://{host}:{port}", timeout=120) as made:
            yield made
    finally:
        server.should_exit = True
        thread.join()


def stored_run(identity: str) -> FlowRun:
    with get_client(sync_client=True) as client:
        return client.read_flow_run(identity)  # type: ignore[arg-type]  # a UUID's text does as well


def carry_out(identity: str) -> None:
    """What a worker does with a run, in this process."""
    run = stored_run(identity)
    parameters = train_universe.validate_parameters(run.parameters)
    run_flow(train_universe, flow_run=run, parameters=parameters, return_type="state")


def is_problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert problem["status"] == status
    assert problem["detail"]
    assert "Traceback" not in answer.text
    return problem
