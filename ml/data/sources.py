"""Fingerprints of raw files: whether a file is the one that was read the last time."""

import hashlib
import os
import stat
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from ml.errors import UnreadableFileError


class SourceFile(BaseModel):
    """One raw file as it was when it was read.

    The change time stands beside the modification time because copying tools restore the latter: a file
    replaced by another of the same size and date is noticed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    size: int
    mtime_ns: int
    ctime_ns: int
    sha256: str

    def is_at_rest(self, path: Path) -> bool:
        """Whether the file has not been touched since, by size and times."""
        status = _regular(path)
        return (status.st_size, status.st_mtime_ns, status.st_ctime_ns) == (
            self.size,
            self.mtime_ns,
            self.ctime_ns,
        )


def fingerprint_files(
    paths: Sequence[Path], max_bytes: int, known: Sequence[SourceFile] = ()
) -> tuple[SourceFile, ...]:
    """Fingerprint each file; one that is at rest since ``known`` is not read again.

    Raises `UnreadableFileError` for what is not a regular, readable file of at most ``max_bytes``.
    """
    by_name = {source.name: source for source in known}
    return tuple(_fingerprint(path, max_bytes, by_name.get(path.name)) for path in paths)


def same_content(one: Sequence[SourceFile], other: Sequence[SourceFile]) -> bool:
    """Whether two lists name the same files with the same bytes, whenever those were written."""
    return [(file.name, file.sha256) for file in one] == [(file.name, file.sha256) for file in other]


def _fingerprint(path: Path, max_bytes: int, known: SourceFile | None) -> SourceFile:
    if known is not None and known.is_at_rest(path):
        return known
    status = _regular(path)  # before the bytes: a change while hashing shows as a change later
    if status.st_size > max_bytes:
        raise _unreadable(path, f"{status.st_size:,} bytes, more than the {max_bytes:,} allowed")
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise _unreadable(path, error.strerror or str(error)) from error
    return SourceFile(
        name=path.name,
        size=status.st_size,
        mtime_ns=status.st_mtime_ns,
        ctime_ns=status.st_ctime_ns,
        sha256=digest,
    )


def _regular(path: Path) -> os.stat_result:
    """Stat a file without opening it: opening a FIFO would wait for a writer for ever."""
    try:
        status = path.stat()
    except OSError as error:
        raise _unreadable(path, error.strerror or str(error)) from error
    if not stat.S_ISREG(status.st_mode):
        raise _unreadable(path, "a folder" if stat.S_ISDIR(status.st_mode) else "no regular file")
    return status


def _unreadable(path: Path, found: str) -> UnreadableFileError:
    return UnreadableFileError(
        f"expected a readable file, found {found}",
        hint="replace it by the CSV itself, or remove it from the raw folder",
        where=path.name,
    )
