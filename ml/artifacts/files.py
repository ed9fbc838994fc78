"""Reading bounded bytes of regular files inside a folder, and writing so that they last."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ml.data.atomic import sync_folder
from ml.data.regular import open_at_once
from ml.errors import ArtifactError, ArtifactWriteError, UnreadableArtifactError

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def read_bytes(path: Path, root: Path, max_bytes: int) -> bytes:
    """A regular file's bytes.

    Raises:
        FileNotFoundError: it is not there.
        ArtifactError: it leads out of ``root``, is no regular file, too large or unreadable.
    """
    try:
        if not path.resolve(strict=True).is_relative_to(root.resolve()):
            raise ArtifactError(
                f"expected a file inside {root}, found a link to {path.resolve()}",
                hint="replace the link by the file itself",
                where=str(path),
            )
        with open_at_once(path) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode) or status.st_size > max_bytes:
                found = f"{status.st_size}" if stat.S_ISREG(status.st_mode) else "another kind of file"
                raise ArtifactError(
                    f"expected a regular file of at most {max_bytes} bytes, found {found}",
                    hint="it is not what Tickerflow writes; remove it and train again",
                    where=str(path),
                )
            return file.read(max_bytes)
    except FileNotFoundError:
        raise
    except (OSError, RuntimeError) as error:  # RuntimeError: a loop of links
        raise UnreadableArtifactError(
            f"could not be read: {getattr(error, 'strerror', None) or error}",
            hint="check the disk and the file's permissions",
            where=str(path),
        ) from error


def write_new(path: Path, content: bytes) -> None:
    """Write a file that must not exist yet; it lasts from `sync_file` on."""
    with path.open("xb") as file:
        file.write(content)


def sync_file(path: Path) -> None:
    """Make a file's content survive a power failure."""
    # For writing, though nothing is written: Windows flushes no other descriptor.
    with path.open("r+b") as file:
        os.fsync(file.fileno())


def make_folder(folder: Path) -> None:
    """Make a folder and its parents, so that they survive a power failure."""
    missing = []
    while not folder.exists():
        missing.append(folder)
        folder = folder.parent
    for made in reversed(missing):
        made.mkdir(exist_ok=True)
        sync_folder(made.parent)


@contextmanager
def writing(where: Path) -> Iterator[None]:
    """Turn an `OSError` of the block into an `ArtifactWriteError` that says what to do."""
    try:
        yield
    except OSError as error:
        full = error.errno in _FULL
        raise ArtifactWriteError(
            f"could not write: {error.strerror or error}; what was promoted before still is",
            hint="free some space and run again" if full else "check that the folder can be written",
            where=str(where),
        ) from error
