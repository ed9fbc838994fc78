"""Which raw files are complete: those whose size and times have stayed the same for a while."""

import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ml.config import UpConfig

Look = tuple[int, int, int]  # size, modification, change
_HEAL_SECONDS = 60.0  # an event can be lost: the folder is looked at all the same


class Settling:
    """Remembers how each file looked, and since when.

    Args:
        seconds: how long a file has to stay as it is.
        clock: monotonic seconds.
    """

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds, self._clock = seconds, clock
        self._seen: dict[Path, tuple[Look, float]] = {}

    def unsettled(self, paths: Iterable[Path]) -> set[Path]:
        """Look at the files, and return those that may still be written; what is gone is forgotten.

        What was there with old times at the first look is complete at once.
        """
        now, wall = self._clock(), time.time()
        seen: dict[Path, tuple[Look, float]] = {}
        for path in paths:
            try:
                status = path.stat()
            except OSError:  # gone since it was listed
                continue
            look = (status.st_size, status.st_mtime_ns, status.st_ctime_ns)
            before = self._seen.get(path)
            if before is not None and before[0] == look:
                seen[path] = before
            else:
                age = wall - max(status.st_mtime, status.st_ctime)
                seen[path] = (look, now - max(0.0, age) if before is None else now)
        self._seen = seen
        return {path for path, (_, since) in seen.items() if now - since < self._seconds}


@contextmanager
def noticing(folder: Path, up: UpConfig, stop: threading.Event) -> Iterator[Callable[[float], None]]:
    """Yield a function that waits until something may have happened in the folder, at most so long."""
    if up.notice == "poll":
        yield lambda seconds: _wait(stop, min(seconds, up.poll_seconds))
        return
    from watchfiles import watch

    woken = threading.Event()

    def follow() -> None:
        while not stop.is_set():
            try:
                changes = watch(
                    folder, recursive=False, stop_event=stop, watch_filter=None, rust_timeout=500
                )
                for _ in changes:
                    woken.set()
            except (OSError, RuntimeError):
                # The folder is gone, or the system has no watch to give: the clock says when to look.
                stop.wait(up.poll_seconds)
                woken.set()
        woken.set()

    def wait(seconds: float) -> None:
        if not stop.is_set():  # what has woken for the end may have been cleared with what came before
            woken.wait(min(seconds, _HEAL_SECONDS))
        woken.clear()

    follower = threading.Thread(target=follow, daemon=True)
    follower.start()
    try:
        yield wait
    finally:
        stop.set()
        follower.join()


def _wait(stop: threading.Event, seconds: float) -> None:
    stop.wait(seconds)


def is_there(folder: Path) -> bool:
    """Whether the folder can be listed."""
    try:
        os.scandir(folder).close()
    except OSError:
        return False
    return True
