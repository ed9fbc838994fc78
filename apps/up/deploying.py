"""Brings prefect.yaml to Prefect's server: the work pool, where it is missing, and all deployments.

``python -m apps.up.deploying PREFECT_YAML [alone]``. What deploying imports takes longer than deploying
does: it is imported while the server starts. What is there already, as the file, the code and the
settings have it, is left alone. Where nobody else works for this server (``alone``), runs that were
under way when their machine died begin again: they would be waited for, for ever.
"""

import hashlib
import importlib
import json
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import prefect
import yaml
from prefect.cli import app
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound, PrefectHTTPStatusError
from prefect.utilities.callables import parameter_schema

from apps.up.automations import bring_automations
from apps.up.runs import lost, put_back

_PATIENCE_SECONDS = 300.0
_TICK_SECONDS = 0.2


def main() -> int:
    """Import, wait for the server, deploy; the exit status."""
    began = datetime.now(UTC)
    file = Path(sys.argv[1])
    told: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    deployments: list[dict[str, Any]] = told["deployments"]
    importlib.import_module("prefect.cli.deploy")
    flows = [_flow(deployment["entrypoint"]) for deployment in deployments]
    version = _version(told, flows)
    names = [
        f"{flow.name}/{deployment['name']}" for flow, deployment in zip(flows, deployments, strict=True)
    ]
    with get_client(sync_client=True) as client:
        _wait_for(client)
        for pool in sorted({deployment["work_pool"]["name"] for deployment in deployments}):
            _make_pool(client, pool)
        if "alone" in sys.argv[2:]:
            for problem in put_back(client, lost(client, before=began)).values():
                print(f"a run that was interrupted could not be put back: {problem}")  # noqa: T201
        automations = file.with_name("automations.yaml")
        if automations.is_file():
            bring_automations(client, automations)
        is_there = _are_there(client, names, version)
    if not is_there and (status := _deploy(told, version)):
        return status
    print(f"{len(names)} deployments" + (", as they were" if is_there else ""))  # noqa: T201
    return 0


def _flow(entrypoint: str) -> Any:
    module, _, name = entrypoint.rpartition(".")
    return getattr(importlib.import_module(module), name)


def _version(told: Mapping[str, Any], flows: Iterable[Any]) -> str:
    """The same for the same file, folder and Prefect, and for flows whose forms are the same."""
    forms = [parameter_schema(flow).model_dump() for flow in flows]
    content = json.dumps([prefect.__version__, str(Path.cwd()), told, forms], default=str)
    return f"up-{hashlib.sha256(content.encode()).hexdigest()[:16]}"


def _are_there(client: SyncPrefectClient, names: Iterable[str], version: str) -> bool:
    """Whether all were deployed as this version; one that was deployed by hand since has another."""
    try:
        return all(client.read_deployment_by_name(name).version == version for name in names)
    except ObjectNotFound:
        return False


def _deploy(told: Mapping[str, Any], version: str) -> int:
    marked = [{**deployment, "version": version} for deployment in told["deployments"]]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "prefect.yaml"
        file.write_text(yaml.safe_dump({**told, "deployments": marked}), encoding="utf-8")
        sys.argv = ["prefect", "--no-prompt", "deploy", "--all", "--prefect-file", str(file)]
        try:
            app()
        except SystemExit as end:
            return int(end.code or 0)
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
