"""Looks at what a run needs on this machine, before the run does."""

import importlib
import os
import platform
import shutil
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

from ml.config import Settings

_PACKAGES = (
    "prefect",
    "fastapi",
    "torch",
    "pandas",
    "pandera",
    "scikit-learn",
    "TA-Lib",
    "exchange_calendars",
)
_LITTLE_DISK_BYTES = 1_000_000_000
_PREFECT_PORT = 4200


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at."""

    name: str
    status: Literal["ok", "warn", "fail"]
    found: str
    hint: str = ""


def examine(settings: Settings) -> Iterator[Check]:
    """Versions, device, folders, disk, Prefect."""
    yield _python()
    yield from (_package(name) for name in _PACKAGES)
    yield _device()
    yield _readable(settings.raw_dir)
    for name in ("store_dir", "models_dir", "predictions_dir"):
        yield _writable(name, getattr(settings, name))
    yield _disk(settings.models_dir)
    yield _server_imports()
    yield _prefect()


def _python() -> Check:
    found = f"{platform.python_version()} on {platform.system()}, {os.cpu_count()} CPUs"
    return Check("python", "ok", found)


def _package(name: str) -> Check:
    try:
        return Check(name, "ok", version(name))
    except PackageNotFoundError:
        return Check(name, "fail", "not installed", "make install")


def _device() -> Check:
    import torch

    if torch.cuda.is_available():
        return Check("device", "ok", f"cuda: {torch.cuda.get_device_name()}")
    return Check("device", "ok", f"cpu, {torch.get_num_threads()} threads")


def _readable(folder: Path) -> Check:
    if not folder.is_dir():
        return Check("raw_dir", "fail", f"no folder at {folder.absolute()}", "choose one with --raw-dir")
    count = sum(1 for path in folder.iterdir() if path.suffix.lower() == ".csv")
    hint = "" if count else "put CSV files there, named {ticker}_{interval}.csv"
    return Check("raw_dir", "ok" if count else "warn", f"{count} CSV files in {folder.absolute()}", hint)


def _writable(name: str, folder: Path) -> Check:
    nearest = _existing(folder)
    if not os.access(nearest, os.W_OK):
        return Check(
            name,
            "fail",
            f"{nearest} cannot be written",
            f"choose another with --{name}".replace("_", "-"),
        )
    return Check(name, "ok", f"{folder.absolute()}" + ("" if folder.exists() else " (will be made)"))


def _disk(folder: Path) -> Check:
    free = shutil.disk_usage(_existing(folder)).free
    enough = free > _LITTLE_DISK_BYTES
    return Check(
        "disk", "ok" if enough else "warn", f"{free / 1e9:.1f} GB free", "" if enough else "make room"
    )


def _existing(folder: Path) -> Path:
    folder = folder.absolute()
    return next(parent for parent in (folder, *folder.parents) if parent.exists())


def _server_imports() -> Check:
    # New releases of fastapi have broken it again and again.
    try:
        importlib.import_module("prefect.server.api.server")
    except Exception as error:  # noqa: BLE001  # whatever it is, it is what we look for
        return Check(
            "prefect server", "fail", f"does not import: {error}", "make install (locked versions)"
        )
    return Check("prefect server", "ok", "imports")


def _prefect() -> Check:
    from prefect.settings import get_current_settings

    url = get_current_settings().api.url
    if url is None:
        with socket.socket() as probe:
            is_busy = probe.connect_ex(("127.0.0.1", _PREFECT_PORT)) == 0
        beside = f"; something answers on port {_PREFECT_PORT}" if is_busy else ""
        return Check("prefect API", "ok", f"none set: a temporary server for each run{beside}")
    problem = server_problem()
    if problem:
        return Check(
            "prefect API", "fail", f"{url}: {problem}", "prefect server start, or unset PREFECT_API_URL"
        )
    return Check("prefect API", "ok", f"{url} answers")


def server_problem() -> str:
    """Why Prefect's API, which is named, does not answer; empty where it does."""
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        error = client.api_healthcheck()
    return f"{type(error).__name__}: {error}" if error else ""
