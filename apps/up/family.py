"""Processes of one `tickerflow up`, and their end, however deep the parts have started them.

Only the standard library: the warden imports it.
"""

import os
import signal
import subprocess
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

# In the environment of each part, and so of all that it starts.
MARK: Final = "_TICKERFLOW_UP"
_TICK_SECONDS = 0.05


def relatives(mark: str, pids: Iterable[int] = ()) -> set[int]:
    """The processes that carry the mark, without this one; where /proc is missing, ``pids`` and below.

    A run's workers have sessions of their own and may have lost their parents: only what they were
    started with still tells whose they are.
    """
    if Path("/proc/self/environ").exists():
        return _marked(f"{MARK}={mark}".encode()) - {os.getpid()}
    return _below(set(pids)) - {os.getpid()}


def send(pids: Iterable[int], number: int) -> None:
    """Send a signal to each process that is still there."""
    for pid in pids:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def end_all(mark: str, pids: Iterable[int], patience_seconds: float) -> int:
    """Ask what is left to end, then make it; return how many did not end by themselves."""
    known = set(pids)
    send(relatives(mark, known), signal.SIGTERM)
    until = time.monotonic() + patience_seconds
    while (left := relatives(mark, known)) and time.monotonic() < until:
        time.sleep(_TICK_SECONDS)
    killed = len(left)
    while left:  # one of them may start another just now
        send(left, signal.SIGKILL)
        time.sleep(_TICK_SECONDS)
        left = relatives(mark, known)
    return killed


def _marked(entry: bytes) -> set[int]:
    found = set()
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        with suppress(OSError):  # it has ended, or is another user's
            if entry in (folder / "environ").read_bytes().split(b"\0"):
                found.add(int(folder.name))
    return found


def _below(roots: set[int]) -> set[int]:
    table = subprocess.run(
        ["/bin/ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True
    ).stdout
    rows = [line.split() for line in table.splitlines()]
    parents = {int(pid): int(parent) for pid, parent in rows}
    family = roots & parents.keys()
    while more := {pid for pid, parent in parents.items() if parent in family} - family:
        family |= more
    return family
