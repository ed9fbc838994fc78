"""Real processes that die or fail at a chosen moment, forked from this one: its imports are done."""

import os
import signal
import sys
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from ml.artifacts import commit, events, files, layout, lock, reading

# What changes the disk, by the names of Python's C functions.
_DISK_CALLS = {"open", "write", "fsync", "mkdir", "rename", "replace", "unlink", "rmdir"}
# Where the store touches the disk; elsewhere, it writes to memory.
_STORE_FILES = {str(module.__file__) for module in (commit, events, files, layout, lock, reading)}


def forked(work: Callable[[], None]) -> int:
    """Run work in a child, and return the child's id; its exit status is 0, or 1 where work raised."""
    with warnings.catch_warnings():
        # From Python 3.12 on: a fork beside other threads. They are torch's, idle, and not used here.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child:
        return child
    try:
        work()
        os._exit(0)
    except BaseException:  # noqa: BLE001  # the child must not run on into pytest
        traceback.print_exc()
        os._exit(1)


def status_of(child: int) -> int:
    """Wait for a child: its exit status, or minus the signal that ended it."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


class DiskCalls:
    """Does something at the Nth call that changes the disk, between two instructions of Python.

    A profile function sees each call of a C function before it is made (``after=False``) or once it has
    returned; where it raises before the call, the call is not made and the error takes its place.
    """

    def __init__(self, number: int, act: Callable[[], None], *, after: bool = False) -> None:
        self.count = 0
        self.fired = ""
        self._number = number
        self._act = act
        self._event = "c_return" if after else "c_call"

    def __enter__(self) -> "DiskCalls":
        sys.setprofile(self._profile)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)

    def _profile(self, frame: FrameType, event: str, function: object) -> None:
        name = getattr(function, "__name__", "")
        if event == self._event and name in _DISK_CALLS and _STORE_FILES.intersection(_callers(frame)):
            self.count += 1
            if self.count == self._number:
                self.fired = f"{name} in {Path(frame.f_code.co_filename).name}"
                self._act()


def die() -> None:
    """End this process at once, as the kernel would for want of memory."""
    os.kill(os.getpid(), signal.SIGKILL)


def _callers(frame: FrameType | None) -> list[str]:
    """Files of the innermost callers: the store's own, or pathlib's and shutil's on its behalf."""
    found: list[str] = []
    while frame is not None and len(found) < 4:
        found.append(frame.f_code.co_filename)
        frame = frame.f_back
    return found
