"""The HTTP service and the dashboard as processes of their own, on free ports of loopback."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx

from ml.config import Settings

ROOT = Path(__file__).parents[2]
_SECONDS = 150  # many times what a start takes
_given: set[int] = set()


def free_port() -> int:
    """A port of loopback that nobody listens on at this moment, and that was not given before."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        if port not in _given:
            _given.add(port)
            return port


@contextmanager
def dashboard(api: str, **environment: str) -> Iterator[str]:
    """The dashboard before a service; its address."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "apps.dashboard"]
    command += ["--server.port", str(port), "--server.address", "127.0.0.1"]
    with started(command, {"TICKERFLOW_API_URL": api, **environment}) as process:
        wait_for(process, f"{address}/_stcore/health")
        yield address


@contextmanager
def served(settings: Settings, **environment: str) -> Iterator[tuple[str, str]]:
    """A service over the folders of some settings and the dashboard before it: their addresses."""
    port = free_port()
    api = f"http://127.0.0.1:{port}"
    folders = {
        "TICKERFLOW_RAW_DIR": str(settings.raw_dir),
        "TICKERFLOW_STORE_DIR": str(settings.store_dir),
        "TICKERFLOW_MODELS_DIR": str(settings.models_dir),
        "TICKERFLOW_PREDICTIONS_DIR": str(settings.predictions_dir),
    }
    command = [sys.executable, "-m", "apps.api", "--port", str(port)]
    # The dashboard starts beside the service, and not after it.
    with started(command, {**folders, **environment}) as process, dashboard(api) as address:
        wait_for(process, f"{api}/healthz")
        yield api, address


@contextmanager
def started(command: list[str], environment: Mapping[str, str]) -> Iterator[subprocess.Popen[str]]:
    """A process that is ended at the end."""
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        # A pipe that nobody reads may fill: what these say in a test is far below its 64 kB.
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.communicate(timeout=15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def wait_for(process: subprocess.Popen[str], url: str) -> None:
    """Return once an address answers; raises `RuntimeError` where its process ends or is too slow."""
    until = time.monotonic() + _SECONDS
    while time.monotonic() < until:
        if process.poll() is not None:
            raise RuntimeError(f"{process.args!r} ended: {process.communicate()[0]}")
        try:
            if httpx.get(url, timeout=5, trust_env=False).is_success:
                return
        except httpx.HTTPError:
            time.sleep(0.1)
    raise RuntimeError(f"{url} does not answer after {_SECONDS} s")
