"""What a fixed small run does, in counts: a guard against doing things twice that no timing needs."""

import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from prefect.client.base import PrefectHttpxSyncClient
from prefect.client.schemas.objects import State
from prefect.task_runners import ThreadPoolTaskRunner

from flows.parameters import TrainParams
from flows.training import train_universe
from tests.universe import QUICK, write_series

TICKERS = [f"T{number}" for number in range(6)]

_watched: list[tuple[Path, Counter[str]]] = []


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if event != "open" or not _watched or not isinstance(arguments[0], str):
        return
    root, opened = _watched[-1]
    path = Path(arguments[0])
    if path.is_relative_to(root):
        opened[path.relative_to(root).parts[0]] += 1


@contextmanager
def opens_under(root: Path) -> Iterator[Counter[str]]:
    """Count what Python opens in each folder of ``root``."""
    opened = Counter[str]()
    _watched.append((root, opened))
    try:
        yield opened
    finally:
        _watched.pop()


# An audit hook stays for the life of the process; it looks at nothing outside `opens_under`.
sys.addaudithook(_hook)


@pytest.mark.usefixtures("prefect_server")
def test_a_run_makes_no_more_task_runs_requests_and_files_than_it_did(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for ticker in TICKERS:
        write_series(tmp_path / "raw", ticker)
    submitted = Counter[str]()
    requests = Counter[str]()
    submit, send = ThreadPoolTaskRunner.submit, PrefectHttpxSyncClient.send

    def counting_submit(self: Any, task: Any, *arguments: Any, **named: Any) -> Any:
        submitted[task.name] += 1
        return submit(self, task, *arguments, **named)

    def counting_send(self: Any, request: Any, *arguments: Any, **named: Any) -> Any:
        requests[f"{request.method} {request.url.path.split('/')[2]}"] += 1
        return send(self, request, *arguments, **named)

    monkeypatch.setattr(ThreadPoolTaskRunner, "submit", counting_submit)
    monkeypatch.setattr(PrefectHttpxSyncClient, "send", counting_send)
    folders = {f"{name}_dir": str(tmp_path / name) for name in ("raw", "store", "models", "predictions")}
    given = {
        "folders": folders,
        "train": {**QUICK, "model": "drift"},
        "run": {"runner": "threads", "workers": 1, "shard_size": 3, "plots": "never"},
    }
    began = time.monotonic()
    with opens_under(tmp_path) as opened:
        state: State[Any] = train_universe(TrainParams.model_validate(given), return_state=True)

    assert state.is_completed()
    assert submitted == {"ingest": 2, "validate": 2, "train": 2, "promote": 2}
    # The progress, the table and a report for each series; how often progress moves is time's matter.
    assert requests.pop("POST artifacts") == 2 + len(TICKERS)
    requests.pop("PATCH artifacts", None)
    # Whether it is still wanted is asked at its steps, and while it waits every two seconds.
    assert requests.pop("GET flow_runs") <= 8 + (time.monotonic() - began) / 2
    assert sum(requests.values()) <= 12
    assert opened["raw"] <= 12
    assert opened["store"] <= 70
    assert opened["models"] <= 240
    assert _bytes(tmp_path / "store") <= 80_000
    # Of each series the verdicts, the certificate, what its pictures are drawn from, and the event.
    assert _bytes(tmp_path / "models") <= 190_000


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
