"""Writing a file so that a reader sees the old one or the new one, whole, whenever the writer dies.

The bytes go to a hidden file in the same folder, are flushed to the disk, and take the name's place by
one rename; then the folder is flushed, for a rename is not durable before that.
"""

import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

_SUFFIX = ".part"
_LEFT_BEHIND_SECONDS = 86_400


@contextmanager
def replacing(path: Path, *, settle: bool = True) -> Iterator[BinaryIO]:
    """Open a file for writing that replaces ``path`` when the block ends, and vanishes when it raises.

    Missing folders are created. Without ``settle`` the bytes are on the disk, but the name may come back
    to what it was until the folder is flushed: for a file that only counts with one written after it.
    Raises `OSError` (a full disk, no permission) with ``path`` as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = temporary(path.parent)
    try:
        # Mode x, not mkstemp: the file gets the mode that the user's umask gives, and no other's file.
        with part.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        with suppress(FileNotFoundError):
            part.unlink()
        raise
    if settle:
        sync_folder(path.parent)


def temporary(folder: Path, label: str = "") -> Path:
    """A hidden name in ``folder`` that nobody else has, and that `sweep` knows."""
    return folder / f".{label}.{secrets.token_hex(8)}{_SUFFIX}"


def write_bytes(path: Path, content: bytes) -> None:
    """Replace ``path`` by ``content``, atomically; raises `OSError` with ``path`` as it was."""
    with replacing(path) as file:
        file.write(content)


def write_text(path: Path, text: str) -> None:
    """Replace ``path`` by ``text`` in UTF-8, atomically; raises `OSError` with ``path`` as it was."""
    write_bytes(path, text.encode())


def sync_folder(folder: Path) -> None:
    """Make renames and removals in a folder durable."""
    if os.name == "nt":  # Windows opens no folders, and commits renames by itself
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sweep(folder: Path, older_than_seconds: float = _LEFT_BEHIND_SECONDS) -> int:
    """Remove what killed writers left in a folder, and return how many files that were.

    Only temporary files of this module are touched, and young ones never: their writer may be alive.
    """
    try:
        entries = list(os.scandir(folder))
    except FileNotFoundError:
        return 0
    oldest = time.time() - older_than_seconds
    removed = 0
    for entry in entries:
        if entry.name.startswith(".") and entry.name.endswith(_SUFFIX):
            with suppress(FileNotFoundError):  # another process may sweep at the same time
                if entry.stat(follow_symlinks=False).st_mtime < oldest:
                    Path(entry.path).unlink()
                    removed += 1
    return removed
