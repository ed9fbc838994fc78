"""Ctrl-C and SIGTERM, as they come: to a real process group in the middle of training."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ml.artifacts.store import ModelStore
from tests.apps.conftest import House
from tests.universe import QUICK, quick_options, write_series

ROOT = Path(__file__).resolve().parents[2]
TICKERS = [f"T{number}" for number in range(8)]


# The signal comes when the first command is looked for, as all is still being imported.
EARLY = """
import os, signal, sys

class Interrupter:
    def find_spec(self, name, path=None, target=None):
        if name == "apps.commands":
            os.kill(os.getpid(), {number})

signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGTERM, signal.SIG_DFL)
sys.meta_path.insert(0, Interrupter())
from apps.cli import main
main()
"""


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_before_there_is_a_command_ends_in_a_word_and_by_its_status(
    number: signal.Signals, status: int
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", EARLY.format(number=int(number))],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert (done.returncode, done.stderr, done.stdout) == (status, "interrupted\n", "")


@pytest.mark.parametrize(
    ("number", "runner", "status"),
    [
        (signal.SIGTERM, "threads", 143),
        pytest.param(signal.SIGINT, "threads", 130, marks=pytest.mark.slow),
        pytest.param(signal.SIGINT, "processes", 130, marks=pytest.mark.slow),
        pytest.param(signal.SIGTERM, "processes", 143, marks=pytest.mark.slow),
    ],
)
def test_an_interrupted_run_keeps_what_is_finished_and_accounts_for_the_rest(
    number: signal.Signals, runner: str, status: int, house: House
) -> None:
    for ticker in TICKERS:
        write_series(house.raw, ticker)
    report = house.root / "report.json"
    command = [sys.executable, "-m", "apps.cli", "train", *house.options, *quick_options()]
    # Long enough that some series are still to come when the signal does.
    command += ["--epochs", "150", "--patience", str(150), "--workers", "1", "--report", str(report)]
    command += ["--runner", runner]
    environment = {**os.environ, "PREFECT_HOME": str(house.root / "prefect")}
    environment.pop("PREFECT_API_URL", None)
    # A session of its own: the signal goes to the whole group, as a terminal and timeout send it.
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        text=True,
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        assert process.stderr is not None
        seen = []
        for line in process.stderr:
            seen.append(line)
            if line.startswith(f"2 of {len(TICKERS)} "):
                break
        else:
            pytest.fail("no second series: " + "".join(seen))
        os.killpg(process.pid, number)
        out, err = process.communicate(timeout=200)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()

    assert process.returncode == status, err
    assert "Traceback" not in err
    assert "Done. " in out
    rows = json.loads(report.read_text(encoding="utf-8"))["series"]
    assert [row["ticker"] for row in rows] == TICKERS
    cut_short = {row["ticker"] for row in rows if row["reason"] == "TF000 interrupted"}
    assert {row["status"] for row in rows if row["ticker"] in cut_short} == {"failed"}
    assert f"{len(cut_short)} series: interrupted" in out
    store = ModelStore(house.root / "models")
    served = {key.ticker for key in store.series()}
    # One whose promotion was all but done may be among both.
    assert set(TICKERS) - cut_short <= served
    assert 2 <= len(TICKERS) - len(cut_short) < len(TICKERS)
    for key in store.series():
        assert store.champion(key).meta.horizon == QUICK["horizon"]
