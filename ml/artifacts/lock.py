"""One promoter a series. The lock is the kernel's: it is gone when its process is, however it died."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from ml.artifacts.files import make_folder, writing
from ml.errors import BusySeriesError
from ml.series import SeriesKey


class SeriesLocks:
    """The locks of one folder; reentrant within a thread, exclusive between threads and processes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._locks: dict[str, FileLock] = {}
        self._guard = threading.Lock()

    @contextmanager
    def hold(self, key: SeriesKey, timeout_seconds: float) -> Iterator[None]:
        """Hold the series' lock for the block.

        Raises:
            BusySeriesError: another held it for all of ``timeout_seconds``; says who.
            ArtifactWriteError: the lock's file cannot be written.
        """
        holder = self._folder / f"{key.stem}.holder"
        with writing(self._folder):
            make_folder(self._folder)
            lock = self._lock(key)
            try:
                lock.acquire(timeout=max(0.0, timeout_seconds))
            except Timeout as error:
                raise BusySeriesError(
                    f"expected {key} to be free within {timeout_seconds:g} s, but {_who(holder)} has it",
                    hint="wait until it has finished, or end it",
                    where=str(key),
                ) from error
        try:
            if lock.lock_counter == 1:  # else this thread has it already
                _sign(holder)
            yield
        finally:
            lock.release()

    def _lock(self, key: SeriesKey) -> FileLock:
        with self._guard:
            path = str(self._folder / f"{key.stem}.lock")
            return self._locks.setdefault(key.stem, FileLock(path))


def _sign(holder: Path) -> None:
    # For messages only, and beside the lock's file, which filelock below 4 truncates while it waits.
    with suppress(OSError):
        holder.write_text(f"process {os.getpid()} since {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC")


def _who(holder: Path) -> str:
    try:
        return holder.read_text()[:80] or "another process"
    except (OSError, UnicodeDecodeError):
        return "another process"
