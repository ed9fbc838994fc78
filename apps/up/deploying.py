"""Brings prefect.yaml to Prefect's server: the work pool, where it is missing, and all deployments.

``python -m apps.up.deploying PREFECT_YAML [alone]``. What deploying imports takes longer than deploying
does: it is imported while the server starts. Where nobody else works for this server (``alone``), runs
that were under way when their machine died begin again: they would be waited for, for ever.
"""

import importlib
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import yaml
from prefect.cli import app
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.exceptions import ObjectAlreadyExists, PrefectHTTPStatusError

from apps.up.runs import lost, put_back

_PATIENCE_SECONDS = 300.0
_TICK_SECONDS = 0.2


def main() -> int:
    """Import, wait for the server, deploy; the exit status."""
    began = datetime.now(UTC)
    file = Path(sys.argv[1])
    deployments: list[dict[str, Any]] = yaml.safe_load(file.read_text(encoding="utf-8"))["deployments"]
    importlib.import_module("prefect.cli.deploy")
    for entrypoint in {deployment["entrypoint"] for deployment in deployments}:
        importlib.import_module(entrypoint.rpartition(".")[0])
    with get_client(sync_client=True) as client:
        _wait_for(client)
        for pool in sorted({deployment["work_pool"]["name"] for deployment in deployments}):
            _make_pool(client, pool)
        if "alone" in sys.argv[2:]:
            for problem in put_back(client, lost(client, before=began)).values():
                print(f"a run that was interrupted could not be put back: {problem}")  # noqa: T201
    try:
        sys.argv = ["prefect", "--no-prompt", "deploy", "--all", "--prefect-file", str(file)]
        app()
    except SystemExit as end:
        if end.code:
            return int(end.code)
    print(f"{len(deployments)} deployments")  # noqa: T201
    return 0


def _wait_for(client: SyncPrefectClient) -> None:
    until = time.monotonic() + _PATIENCE_SECONDS
    while (error := client.api_healthcheck()) is not None:
        if time.monotonic() > until:
            raise error
        time.sleep(_TICK_SECONDS)


def _make_pool(client: SyncPrefectClient, name: str) -> None:
    try:
        client.create_work_pool(WorkPoolCreate(name=name, type="process"))
        print(f"made the work pool {name}")  # noqa: T201
    except ObjectAlreadyExists:
        return
    except PrefectHTTPStatusError as error:
        if error.response.status_code != httpx.codes.CONFLICT:
            raise


if __name__ == "__main__":
    sys.exit(main())
