"""Parts of a line of Python each, kept as the real ones are."""

import json
import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from apps.up.conducting import Conductor, Signals
from apps.up.family import MARK, end_all, relatives
from apps.up.part import Part
from apps.up.show import Board

_ROOT = Path(__file__).resolve().parents[3]


def _part(name: str, code: str, **more: object) -> Part:
    return Part(name, (sys.executable, "-c", code), ready_line="on", **more)  # type: ignore[arg-type]


_STEADY = "print('on'); import time; time.sleep(600)"


def _worker(**more: object) -> Part:
    # As the real one: it stands still at the end, and hears nothing else.
    return _part("worker", _STEADY, ended_by=signal.SIGKILL, **more)


def _until(condition: Callable[[], bool], seconds: float = 120) -> bool:
    until = time.monotonic() + seconds
    while not condition() and time.monotonic() < until:
        time.sleep(0.05)
    return condition()


def _conduct(
    parts: list[Part], logs: Path, during: Callable[[Conductor], None]
) -> tuple[str, Conductor]:
    board, signals = Board(logs, as_json=True, quiet=True), Signals()
    conductor = Conductor(parts, {}, logs, board, stop_seconds=30)
    why: list[str] = []
    thread = threading.Thread(target=lambda: why.append(conductor.run(signals)))
    thread.start()
    try:
        during(conductor)
    finally:
        signals.received.append(signal.SIGINT)
        thread.join()
    return why[0], conductor


def _is_ready_in_turn(conductor: Conductor) -> None:
    """Wait until both parts are ready, the server before the worker."""
    keepers = conductor.keepers
    assert _until(lambda: all(keeper.status.is_ready for keeper in keepers.values()))
    server, worker = keepers["server"].status.seconds, keepers["worker"].status.seconds
    assert server is not None
    assert worker is not None
    assert server < worker


def test_a_part_waits_for_the_one_that_it_needs_and_both_end(tmp_path: Path) -> None:
    parts = [_worker(after="server"), _part("server", _STEADY)]
    told: list[int] = []

    def during(conductor: Conductor) -> None:
        _is_ready_in_turn(conductor)
        told.extend(keeper.pid or 0 for keeper in conductor.keepers.values())

    why, conductor = _conduct(parts, tmp_path, during)
    assert why == ""
    assert {keeper.status.state for keeper in conductor.keepers.values()} == {"stopped"}
    assert all(pid > 0 for pid in told)
    for pid in told:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_a_part_that_dies_is_started_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def during(conductor: Conductor) -> None:
        keeper = conductor.keepers["server"]
        assert _until(lambda: keeper.status.is_ready)
        first = keeper.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        assert _until(lambda: keeper.status.starts == 2 and keeper.status.is_ready)
        assert keeper.pid != first

    why, _ = _conduct([_part("server", _STEADY)], tmp_path, during)
    assert why == ""
    assert (tmp_path / "server.log").read_text().splitlines() == ["on", "on"]
    told = map(json.loads, capsys.readouterr().out.splitlines())
    details = [one["detail"] for one in told if one.get("state") == "restarting"]
    assert details == ["killed by SIGKILL; again in 1 s"]


def test_a_part_that_waits_says_what_it_waits_for(tmp_path: Path) -> None:
    waiting = "import time; print('nobody answers', flush=True); time.sleep(600)"

    def during(conductor: Conductor) -> None:
        keeper = conductor.keepers["noticer"]
        assert _until(lambda: keeper.status.detail == "nobody answers")
        assert keeper.status.state == "starting"

    _conduct([_part("noticer", waiting, tells=True)], tmp_path, during)


def test_a_warden_that_dies_is_replaced_and_the_parts_run_on(tmp_path: Path) -> None:
    def during(conductor: Conductor) -> None:
        assert _until(lambda: conductor.keepers["server"].status.is_ready)
        first = conductor._warden
        assert first is not None
        first.kill()
        assert _until(lambda: conductor._warden is not first)
        server = conductor.keepers["server"].pid
        assert server is not None
        os.kill(server, signal.SIGKILL)  # its successor's pid is told to the new one
        assert _until(lambda: conductor.keepers["server"].status.starts == 2)

    why, _ = _conduct([_part("server", _STEADY)], tmp_path, during)
    assert why == ""


def test_a_part_is_not_ready_before_the_one_that_it_needs(tmp_path: Path) -> None:
    slow = "import time; time.sleep(1); print('on'); time.sleep(600)"
    parts = [_worker(needs="server"), _part("server", slow)]

    def during(conductor: Conductor) -> None:
        _is_ready_in_turn(conductor)

    _conduct(parts, tmp_path, during)


def test_a_hangup_that_is_ignored_as_under_nohup_ends_nothing() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        signals = Signals()
        with signals.counted():
            os.kill(os.getpid(), signal.SIGHUP)
            os.kill(os.getpid(), signal.SIGTERM)
        assert signals.received == [signal.SIGTERM]
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs /proc")
def test_what_the_worker_runs_has_its_time_to_finish(tmp_path: Path) -> None:
    done, started = tmp_path / "done", tmp_path / "started"
    run = f"import pathlib, time; pathlib.Path({str(started)!r}).touch(); time.sleep(0.3); "
    run += f"pathlib.Path({str(done)!r}).touch()"
    # As Prefect's does: told to end, it kills its run at once.
    worker = f"""
import os, signal, subprocess, sys, time
run = subprocess.Popen([sys.executable, "-c", {run!r}], env={{**os.environ, "PREFECT__FLOW_RUN_ID":
                       "00000000-0000-0000-0000-000000000000"}})
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, lambda *_: (run.kill(), sys.exit()))
print("on", flush=True)
time.sleep(600)
"""

    def during(_conductor: Conductor) -> None:
        assert _until(started.exists)

    _conduct([_part("worker", worker, ended_by=signal.SIGKILL)], tmp_path, during)
    assert done.exists()


def test_a_part_that_cannot_run_ends_all_and_says_what_it_said_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apps.up.keeper._MAX_STARTS", 2)

    def during(conductor: Conductor) -> None:
        assert _until(lambda: conductor.keepers["server"].status.state == "stopped")

    parts = [_part("server", _STEADY), _part("api", "print('no such table'); raise SystemExit(3)")]
    why, _ = _conduct(parts, tmp_path, during)
    assert why.startswith("api ended with status 3: no such table; given up after 2 starts")
    assert str(tmp_path / "api.log") in why


def test_a_part_that_the_system_cannot_start_just_now_is_started_later(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    program = tmp_path / "program"  # not there yet
    part = Part("server", (str(program),), ready_line="on")

    def during(conductor: Conductor) -> None:
        keeper = conductor.keepers["server"]
        assert _until(lambda: keeper.status.state == "restarting")
        coming = tmp_path / "coming"
        coming.write_text("#!/bin/sh\necho on\nexec sleep 600\n")
        coming.chmod(0o755)
        coming.rename(program)
        assert _until(lambda: keeper.status.is_ready)

    why, _ = _conduct([part], tmp_path, during)
    assert why == ""
    told = map(json.loads, capsys.readouterr().out.splitlines())
    details = [one["detail"] for one in told if one.get("state") == "restarting"]
    assert details[0] == "could not be started: No such file or directory; again in 1 s"


def test_a_part_that_the_system_never_can_start_ends_all_and_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apps.up.keeper._MAX_STARTS", 2)

    def during(conductor: Conductor) -> None:
        assert _until(lambda: conductor.keepers["server"].status.state == "stopped")

    none = Part("api", (str(tmp_path / "none"),), ready_line="on")
    why, _ = _conduct([_part("server", _STEADY), none], tmp_path, during)
    assert why.startswith("api could not be started: No such file or directory; given up after 2 starts")


def test_a_job_is_done_when_it_ends_well(tmp_path: Path) -> None:
    def during(conductor: Conductor) -> None:
        assert _until(lambda: conductor.keepers["deployments"].status.state == "done")

    _, conductor = _conduct([_part("deployments", "print('8')", is_job=True)], tmp_path, during)
    assert conductor.keepers["deployments"].status.detail == "8"


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs /proc")
def test_what_a_part_has_started_in_a_session_of_its_own_ends_with_it() -> None:
    mark = secrets.token_hex(8)
    code = """
import signal, subprocess, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)  # its child is deaf, too
deaf = [sys.executable, "-c", "import time; time.sleep(600)"]
none = subprocess.DEVNULL
print(subprocess.Popen(deaf, start_new_session=True, stdout=none, stderr=none).pid)
"""
    started = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, MARK: mark}, capture_output=True, check=True
    )
    pid = int(started.stdout)  # its parent is gone
    assert relatives(mark) == {pid}
    assert end_all(mark, (), 0.5) == 1
    assert relatives(mark) == set()


def test_the_warden_ends_what_a_killed_one_leaves(tmp_path: Path) -> None:
    # The one that is killed starts a part and tells the warden of it, as `up` does.
    code = f"""
import os, subprocess, sys, time
warden = subprocess.Popen([sys.executable, "-m", "apps.up.warden", "killed"], stdin=subprocess.PIPE,
                          text=True, start_new_session=True)
part = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"],
                        env={{**os.environ, {MARK!r}: "killed"}}, start_new_session=True)
warden.stdin.write(f"{{part.pid}}\\n")
warden.stdin.flush()
print(part.pid, flush=True)
time.sleep(600)
"""
    killed = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, cwd=_ROOT)
    assert killed.stdout is not None
    with killed.stdout as output:
        pid = int(output.readline())
    killed.kill()
    killed.wait()

    def is_gone() -> bool:
        try:
            return Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z"
        except (FileNotFoundError, ProcessLookupError):
            return True

    assert _until(is_gone)
