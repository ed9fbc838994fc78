"""Which parts `tickerflow up` has, and where each of them is."""

import json
import os
import signal
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from apps.up.part import Part
from apps.up.ports import choose_port
from ml.config import Settings

ROOT: Final = Path(__file__).resolve().parents[2]
_LOOPBACK: Final = "127.0.0.1"
# The pool is that of prefect.yaml.
_WORKER_OPTIONS: Final = (
    *("--pool", "local-process", "--type", "process"),
    *("--name", "tickerflow-up", "--with-healthcheck"),
)
# Of Prefect's settings; what the user has set stays.
_PREFECT_DEFAULTS: Final = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_RUNNER_AUTO_INSTALL_DEPENDENCIES": "false",
    # In the API's process, and a run's: a server that is away is away, and no other one is started.
    "PREFECT_SERVER_EPHEMERAL_ENABLED": "false",
    # A run that is asked for begins in seconds: Prefect's own default is 10.
    "PREFECT_WORKER_QUERY_SECONDS": "2",
}


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the parts answer; empty where there is none."""

    api: str
    dashboard: str
    prefect_api: str
    prefect_ui: str
    worker_health: str
    owns_prefect: bool

    def pages(self) -> dict[str, str]:
        """What people open."""
        named = {"dashboard": self.dashboard, "API": self.api, "Prefect": self.prefect_ui}
        return {name: url for name, url in named.items() if url}


def choose_addresses(settings: Settings, prefect_api: str, prefect_ui: str) -> Addresses:
    """Choose the ports; ``prefect_api`` is a server that runs already, or empty.

    Raises:
        UsageError: another program has one of the ports.
    """
    up, api = settings.up, settings.api
    host = api.host
    seen = _LOOPBACK if host in ("0.0.0.0", "::", "") else host  # noqa: S104
    seen = f"[{seen}]" if ":" in seen else seen
    owns_prefect = up.prefect and not prefect_api
    if owns_prefect:
        base = f"http://{_LOOPBACK}:{choose_port(_LOOPBACK, up.prefect_port, '--prefect-port')}"
        prefect_api, prefect_ui = f"{base}/api", base
    dashboard = ""
    if up.dashboard:
        dashboard = f"http://{seen}:{choose_port(host, up.dashboard_port, '--dashboard-port')}"
    worker = f"http://{_LOOPBACK}:{choose_port(_LOOPBACK, 0, '')}/health" if up.prefect else ""
    service = f"http://{seen}:{choose_port(host, api.port, '--port')}"
    return Addresses(service, dashboard, prefect_api, prefect_ui, worker, owns_prefect)


def common_environment(
    settings: Settings, overrides: Mapping[str, Any], addresses: Addresses
) -> dict[str, str]:
    """What all parts, and the runs that they start, have: the folders and options of this call."""
    environment = {name: value for name, value in _PREFECT_DEFAULTS.items() if name not in os.environ}
    for name, value in overrides.items():
        if isinstance(value, Mapping):
            for inner, chosen in value.items():
                environment[f"TICKERFLOW_{name}__{inner}".upper()] = _as_text(chosen)
    for folder in ("raw_dir", "store_dir", "models_dir", "predictions_dir"):
        environment[f"TICKERFLOW_{folder}".upper()] = str(getattr(settings, folder).absolute())
    if addresses.prefect_api:
        environment["PREFECT_API_URL"] = addresses.prefect_api
    if addresses.prefect_ui:
        environment["PREFECT_UI_URL"] = addresses.prefect_ui
    return environment


def make_parts(settings: Settings, addresses: Addresses) -> Iterator[Part]:
    """Yield the parts in the order in which they are started; they end in the reverse one."""
    up = settings.up
    python = sys.executable
    if addresses.owns_prefect:
        port = addresses.prefect_ui.rpartition(":")[2]
        yield Part(
            "prefect",
            (python, "-m", "prefect", "server", "start", "--host", _LOOPBACK, "--port", port),
            url=addresses.prefect_ui,
            health=f"{addresses.prefect_api}/health",
            ended_by=signal.SIGINT,
        )
    if up.prefect:
        file = Path("prefect.yaml") if Path("prefect.yaml").is_file() else ROOT / "prefect.yaml"
        alone = ("alone",) if addresses.owns_prefect else ()
        deploying = (python, "-m", "apps.up.deploying", str(file.absolute()), *alone)
        yield Part("deployments", deploying, is_job=True)
    yield Part(
        "api",
        (python, "-m", "apps.api", "--host", settings.api.host, "--port", _port(addresses.api)),
        url=addresses.api,
        health=f"{addresses.api}/healthz",
    )
    if up.dashboard:
        yield _dashboard(settings, addresses)
    if up.prefect:
        health_port = _port(addresses.worker_health.removesuffix("/health"))
        yield Part(
            "worker",
            (python, "-m", "prefect", "worker", "start", *_WORKER_OPTIONS),
            environment={
                "PREFECT_WORKER_WEBSERVER_HOST": _LOOPBACK,
                "PREFECT_WORKER_WEBSERVER_PORT": health_port,
            },
            health=addresses.worker_health,
            after="api",  # until then the processor has enough to do
            needs="prefect" if addresses.owns_prefect else "",
            ended_by=signal.SIGKILL,
        )
    if up.notice != "off" and addresses.prefect_api:
        yield Part(
            "noticer",
            (python, "-m", "apps.up.noticer"),
            ready_line="watching",
            after="api",  # until then the processor has enough to do
            needs="prefect" if addresses.owns_prefect else "",
            tells=True,
        )


def _dashboard(settings: Settings, addresses: Addresses) -> Part:
    options = {
        "server.address": settings.api.host,
        "server.port": _port(addresses.dashboard),
        "server.headless": "true",
        "server.enableXsrfProtection": "true",
        "server.maxUploadSize": str(settings.api.max_upload_mb),
        "server.fileWatcherType": "none",
        "browser.gatherUsageStats": "false",
    }
    flags = [f"--{name}={value}" for name, value in options.items()]
    return Part(
        "dashboard",
        (sys.executable, "-m", "apps.dashboard", *flags),
        environment={"TICKERFLOW_API_URL": addresses.api},
        url=addresses.dashboard,
        health=f"{addresses.dashboard}/_stcore/health",
    )


def _port(url: str) -> str:
    return url.rpartition(":")[2]


def _as_text(value: Any) -> str:
    if isinstance(value, Path):
        return str(value.absolute())
    return value if isinstance(value, str) else json.dumps(value, default=str)
