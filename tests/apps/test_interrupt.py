"""Ctrl-C and SIGTERM, as they come: to a real process group in the middle of training."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from apps.serving import TemporaryServer
from ml.artifacts.store import ModelStore
from tests.apps.conftest import House
from tests.universe import QUICK, quick_options, write_series

ROOT = Path(__file__).resolve().parents[2]
TICKERS = [f"T{number}" for number in range(8)]


ENDINGS = [(signal.SIGINT, 130), (signal.SIGTERM, 143)]

# How `tickerflow` is started from a terminal, whatever this process ignores.
START = """
import os, signal, sys

def interrupt(*_):
    os.kill(os.getpid(), {number})

signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGTERM, signal.SIG_DFL)
sys.argv = ["tickerflow", "config", "show"]
{moment}
from apps.cli import main
main()
"""

WHILE_IT_IMPORTS = """
class Interrupter:
    def find_spec(self, name, path=None, target=None):
        if name == "apps.commands":
            interrupt()
sys.meta_path.insert(0, Interrupter())
"""

WHILE_OPTIONS_ARE_READ = """
import apps.options
apps.options.unknown_variables = interrupt
"""

AS_THE_RESULT_IS_OUT = """
import typer
class Exit(typer.Exit):
    def __init__(self, *status):
        interrupt()
        super().__init__(*status)
typer.Exit = Exit
"""

WHILE_THE_PROCESS_ENDS = """
import atexit, apps.commands
from apps import interrupting
began = interrupting.end_in_order
interrupting.end_in_order = lambda: [began(), atexit.register(interrupt)]
"""

# Python has given back to the system what it handled.
AS_LATE_AS_CAN_BE = """
class Last:
    def __del__(self, kill=os.kill, pid=os.getpid()):
        kill(pid, {number})
sys.modules["last"] = Last()
"""


def _interrupted(moment: str, number: signal.Signals) -> subprocess.CompletedProcess[str]:
    program = START.replace("{moment}", moment).replace("{number}", str(int(number)))
    return subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=240
    )


@pytest.mark.parametrize(("number", "status"), ENDINGS)
@pytest.mark.parametrize("moment", [WHILE_IT_IMPORTS, WHILE_OPTIONS_ARE_READ])
def test_a_signal_before_the_command_begins_ends_in_a_word_and_by_its_status(
    moment: str, number: signal.Signals, status: int
) -> None:
    done = _interrupted(moment, number)
    assert (done.returncode, done.stderr, done.stdout) == (status, "interrupted\n", "")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("moment", [AS_THE_RESULT_IS_OUT, WHILE_THE_PROCESS_ENDS, AS_LATE_AS_CAN_BE])
def test_a_signal_after_the_result_is_out_changes_nothing(moment: str, number: signal.Signals) -> None:
    done = _interrupted(moment, number)
    assert (done.returncode, done.stderr) == (0, "")
    assert "epochs" in done.stdout


@pytest.mark.parametrize(("number", "status"), ENDINGS)
def test_a_second_signal_after_the_result_ends_the_wait_for_the_end(
    number: signal.Signals, status: int
) -> None:
    done = _interrupted(f"{AS_THE_RESULT_IS_OUT}\n{WHILE_THE_PROCESS_ENDS}", number)
    assert (done.returncode, done.stderr) == (status, "")


# Of a server's process: it tells that it imports, and does for as long as it is let.
STILL_IMPORTING = """
import pathlib, sys, time

class Holder:
    def find_spec(self, name, path=None, target=None):
        if name == "uvicorn.main":
            pathlib.Path({told!r}).touch()
            time.sleep(600)

sys.meta_path.insert(0, Holder())
"""


def test_a_temporary_server_that_is_still_starting_ends_without_a_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    told = tmp_path / "told"
    (tmp_path / "sitecustomize.py").write_text(STILL_IMPORTING.format(told=str(told)), encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    server = TemporaryServer()
    until = time.monotonic() + 120
    while not told.exists() and time.monotonic() < until:
        time.sleep(0.05)
    assert told.exists()
    server.stop()
    assert server.problem(60).startswith("its temporary server ended")
    assert capfd.readouterr().err == ""


# The signal comes when the server is there, and nobody has its number yet.
STARTING = """
import subprocess, threading
from apps.serving import TemporaryServer

class Popen(subprocess.Popen):
    def __init__(self, *arguments, **more):
        super().__init__(*arguments, **more)
        print(self.pid, flush=True)

class Thread(threading.Thread):
    def join(self, timeout=None):
        super().join(timeout)
        raise KeyboardInterrupt

subprocess.Popen, threading.Thread = Popen, Thread
TemporaryServer()
"""


def test_a_signal_while_the_temporary_server_is_started_leaves_no_server_behind() -> None:
    done = subprocess.run(
        [sys.executable, "-c", STARTING], cwd=ROOT, capture_output=True, text=True, timeout=240
    )
    assert "KeyboardInterrupt" in done.stderr
    with pytest.raises(ProcessLookupError):
        os.kill(int(done.stdout), 0)


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
