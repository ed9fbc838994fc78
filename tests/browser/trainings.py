"""A Prefect server with the deployments of prefect.yaml, and a worker: what trains for a service."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from ml.config import Settings
from tests.browser.running import ROOT, free_port, started, wait_for

_POOL = "local-process"


@dataclass(frozen=True)
class Site:
    """Addresses of a dashboard and its service, what it works on, and how its Prefect is reached."""

    address: str
    api: str
    settings: Settings
    environment: Mapping[str, str]


@contextmanager
def prefect(folder: Path) -> Iterator[dict[str, str]]:
    """A server with its database in a folder; the environment in which it is the server."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    environment = {
        "PREFECT_HOME": str(folder),
        "PREFECT_API_URL": f"{address}/api",
        "PREFECT_LOGGING_LEVEL": "WARNING",
        "PREFECT_SERVER_LOGGING_LEVEL": "WARNING",
        # What waits for its turn asks again soon, and what is due is found soon.
        "PREFECT_WORKER_QUERY_SECONDS": "1",
    }
    start = ["server", "start", "--host", "127.0.0.1", "--port", str(port)]
    with started(_command(*start), environment) as server:
        wait_for(server, f"{address}/api/health")
        pool = {"name": _POOL, "type": "process"}
        httpx.post(f"{address}/api/work_pools/", json=pool, trust_env=False).raise_for_status()
        subprocess.run(
            _command("--no-prompt", "deploy", "--name", "ad-hoc"),
            cwd=ROOT,
            env={**os.environ, **environment},
            check=True,
            capture_output=True,
            timeout=120,
        )
        yield environment


@contextmanager
def worker(environment: Mapping[str, str]) -> Iterator[None]:
    """A worker that carries out what is due."""
    process = subprocess.Popen(
        _command("worker", "start", "--pool", _POOL),
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "prefect", *arguments]
