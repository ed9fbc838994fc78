"""`tickerflow up`, whole: all parts start, a vendor's file is forecast in the browser, all end."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Picture
from tests.browser.running import ROOT
from tests.waiting import until

VENDOR = ROOT / "data-pipelines/feature_stores/data/raw/MSFT_1d_5yr.csv"
SERIES = {"ticker": "MSFT", "interval": "1d"}
# A first training of two epochs; one of 10,000 would go on for minutes.
ENDLESS = {"TICKERFLOW_TRAIN__EPOCHS": "2", "TICKERFLOW_TRAIN__PATIENCE": "10000"}
pytestmark = pytest.mark.timeout(1200)  # as long as all that is waited for may take
PATIENCE = 240  # seconds; for what takes a twentieth of it on a machine with nothing else to do


@dataclass(frozen=True)
class Up:
    """A `tickerflow up` whose parts are all ready."""

    process: subprocess.Popen[bytes]
    folder: Path
    told: Path

    def events(self) -> list[dict[str, Any]]:
        """What it has told until now."""
        lines = self.told.read_text(encoding="utf-8").splitlines(keepends=True)
        return [json.loads(line) for line in lines if line.endswith("\n")]

    def address(self, part: str) -> str:
        """Where a part answers."""
        return str(next(told["url"] for told in self.events() if told.get("part") == part))


@contextmanager
def up(folder: Path, **environment: str) -> Iterator[Up]:
    """All of it on free ports, over folders of its own; killed if the block has not ended it."""
    told = folder / "told.jsonl"
    folders = {
        f"TICKERFLOW_{name}_DIR": folder / name.lower()
        for name in ("RAW", "STORE", "MODELS", "PREDICTIONS")
    }
    given = {
        **{name: str(path) for name, path in folders.items()},
        "PREFECT_HOME": str(folder / "prefect"),
        "TICKERFLOW_UP__LOGS_DIR": str(folder / "logs"),
        **environment,
    }
    ports = ["--port", "0", "--dashboard-port", "0", "--prefect-port", "0"]
    with told.open("wb") as output, (folder / "stderr.txt").open("ab") as complaints:
        process = subprocess.Popen(
            [sys.executable, "-m", "apps.cli", "up", "--json", "--stop-seconds", "0", *ports],
            cwd=ROOT,
            env={**os.environ, **given},
            stdout=output,
            stderr=complaints,
        )
    running = Up(process, folder, told)
    try:
        until(lambda: process.poll() is not None or _ready(running) is not None, PATIENCE)
        assert process.poll() is None, (folder / "stderr.txt").read_text()
        sys.stdout.write(f"all ready after {_ready(running)} s\n")
        yield running
    finally:
        process.kill()  # what is left then is seen to by the one beside it
        process.wait()


def _ready(running: Up) -> float | None:
    return next((told["seconds"] for told in running.events() if told["event"] == "ready"), None)


def test_a_vendor_file_that_is_dropped_is_forecast_and_ctrl_c_ends_all_and_loses_nothing(
    tmp_path: Path, page: Page, picture: Picture
) -> None:
    with up(tmp_path, **ENDLESS) as running:
        page.goto(running.address("dashboard"))
        expect(page.get_by_role("heading", name="No data yet")).to_be_visible()
        api = running.address("api")
        _drop(tmp_path, api)
        forecast = httpx.get(
            f"{api}/ml/forecast", params={**SERIES, "n_steps": 5}, timeout=PATIENCE
        ).json()
        assert len(forecast["steps"]) == 5
        page.get_by_role("link", name="MSFT").click()
        expect(page.get_by_role("heading", name="MSFT 1d")).to_be_visible()
        expect(page.get_by_label("Candles of MSFT 1d and the forecast of")).to_be_visible()
        picture(page, "up-forecast")
        run = _interrupt(running)
    assert _left(tmp_path) == []
    assert _state(tmp_path, run) == "SCHEDULED"


@pytest.mark.slow  # starts twice
def test_what_ctrl_c_has_interrupted_is_completed_after_the_next_start(tmp_path: Path) -> None:
    with up(tmp_path, **ENDLESS) as running:
        _drop(tmp_path, running.address("api"))
        run = _interrupt(running)
    with up(tmp_path, TICKERFLOW_TRAIN__PATIENCE="1") as running:
        until(lambda: _state(tmp_path, run) == "COMPLETED", PATIENCE)
        running.process.send_signal(signal.SIGTERM)
        assert running.process.wait(PATIENCE) == 0
    assert _left(tmp_path) == []


@pytest.mark.slow  # starts all for it
def test_a_training_whose_worker_was_killed_goes_on_and_ends_when_it_is_cancelled(
    tmp_path: Path,
) -> None:
    versions = tmp_path / "models/versions/MSFT_1d"
    with up(tmp_path, **ENDLESS) as running:
        api = running.address("api")
        _drop(tmp_path, api)
        before = set(versions.iterdir())
        run = _train(api)
        until(lambda: _state(tmp_path, run) == "RUNNING", PATIENCE)
        (worker,) = _processes(b"PREFECT_HOME=" + bytes(tmp_path / "prefect"), b"worker\0start")
        os.kill(worker, signal.SIGKILL)
        until(
            lambda: any(
                told.get("part") == "worker" and told["starts"] == 2 and told["state"] == "ready"
                for told in running.events()
            ),
            PATIENCE,
        )
        assert _state(tmp_path, run) == "RUNNING"
        assert _processes(b"PREFECT__FLOW_RUN_ID=" + run.encode())
        httpx.post(f"{api}/ml/runs/{run}/cancel", timeout=PATIENCE).raise_for_status()
        until(lambda: not _processes(b"PREFECT__FLOW_RUN_ID=" + run.encode()), PATIENCE)
        assert _state(tmp_path, run) == "CANCELLED"
        assert set(versions.iterdir()) == before


def _drop(folder: Path, api: str) -> None:
    """Copy a file that a vendor has made, and wait for its forecast."""
    shutil.copy(VENDOR, folder / "raw")
    until(lambda: httpx.get(f"{api}/ml/forecast", params=SERIES, timeout=PATIENCE).is_success, PATIENCE)


def _interrupt(running: Up) -> str:
    """Ctrl-C while a training is under way; its run."""
    run = _train(running.address("api"))
    until(lambda: _state(running.folder, run) == "RUNNING", PATIENCE)
    running.process.send_signal(signal.SIGINT)
    assert running.process.wait(PATIENCE) == 0
    assert running.events()[-1]["event"] == "stopped"
    return run


def _train(api: str) -> str:
    """Ask for a training until Prefect has time for it; the run."""
    answers: list[httpx.Response] = []

    def is_taken() -> bool:
        asked = {**SERIES, "epochs": "10000"}
        answers.append(httpx.post(f"{api}/ml/train", params=asked, timeout=PATIENCE))
        return answers[-1].status_code == httpx.codes.ACCEPTED

    until(is_taken, PATIENCE)
    return str(answers[-1].json()["id"])


def _state(folder: Path, run: str) -> str:
    """Of a run, as Prefect's database has it."""
    with sqlite3.connect(f"file:{folder / 'prefect/prefect.db'}?mode=ro", uri=True) as database:
        rows = database.execute(
            "select state_type from flow_run where replace(id, '-', '') = ?", [run.replace("-", "")]
        )
        return str(rows.fetchone()[0])


def _left(folder: Path) -> list[str]:
    """Processes that work on the folder."""
    return list(_processes(b"PREFECT_HOME=" + bytes(folder / "prefect")).values())


def _processes(variable: bytes, command: bytes = b"") -> dict[int, str]:
    """The commands of the processes that have a variable in their environment, by pid."""
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            line = (process / "cmdline").read_bytes()
            if command in line and variable in (process / "environ").read_bytes().split(b"\0"):
                found[int(process.name)] = line.replace(b"\0", b" ").decode()
        except OSError:  # it has ended, or is another user's
            continue
    return found
