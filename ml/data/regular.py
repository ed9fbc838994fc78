"""Opening a file that others may have replaced by a pipe or a folder."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path


def open_at_once(path: Path, flags: int = 0) -> BufferedReader:
    """A file to read from, of whatever kind; ``flags`` of `os.open` beside those of reading.

    Raises `OSError`: it is not there, a folder, or unreadable.
    """

    # Without O_NONBLOCK, opening a FIFO waits for a writer for ever.
    reading = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, reading | flags)
    try:
        return open(descriptor, "rb")  # noqa: PTH123  # of a descriptor
    except OSError:  # a folder's is refused, and would stay open
        os.close(descriptor)
        raise


@contextmanager
def opened(path: Path) -> Iterator[BufferedReader]:
    """A regular file to read from; raises `OSError` for what else is there as well."""
    with open_at_once(path) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(errno.EINVAL, "not a regular file", str(path))
        yield file
