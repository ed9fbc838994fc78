"""Opening a raw file safely: a regular file of tolerable size that holds text, and nothing else.

Nothing is fetched and nothing is unpacked: what looks like a URL is a path that does not exist, and a
compressed file is refused by its first bytes, whatever its name says.
"""

import os
import stat
from pathlib import Path

from ml.errors import UnreadableFileError

# First bytes of what people drop in place of a CSV.
_SIGNATURES = {
    b"\x1f\x8b": "gzip",
    b"PK\x03\x04": "zip or Excel (.xlsx)",
    b"PK\x05\x06": "zip",
    b"\xfd7zXZ\x00": "xz",
    b"BZh": "bzip2",
    b"(\xb5/\xfd": "zstandard",
    b"7z\xbc\xaf'\x1c": "7-zip",
    b"Rar!": "RAR",
    b"PAR1": "parquet",
    b"ARROW1": "Arrow",
    b"\x89HDF": "HDF5",
    b"\xd0\xcf\x11\xe0": "old Excel (.xls)",
    b"%PDF": "PDF",
    b"\x89PNG": "PNG image",
    b"SQLite format 3": "SQLite",
}


def read_file(path: Path, max_bytes: int) -> bytes:
    """Return the file's bytes.

    Symbolic links to regular files are followed. Raises `UnreadableFileError` for what is missing, is
    not a regular file (FIFO, device, folder), is empty, larger than ``max_bytes``, compressed or
    another format's binary.
    """
    name = path.name
    try:
        # Without O_NONBLOCK, opening a FIFO waits for a writer for ever.
        descriptor = os.open(
            path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        )
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UnreadableFileError(
            f"expected a readable file, found: {reason}",
            hint="check the name and the permissions; addresses are not fetched: download first",
            where=name,
        ) from error
    try:
        status = os.fstat(descriptor)
        _check_kind(status.st_mode, name)
        _check_size(status.st_size, max_bytes, name)
    except UnreadableFileError:
        os.close(descriptor)
        raise
    with os.fdopen(descriptor, "rb") as file:
        try:
            # One byte more than allowed: a file can grow between the two calls.
            data = file.read(max_bytes + 1)
        except OSError as error:
            raise UnreadableFileError(
                f"expected to read the file, found: {error.strerror or error}", where=name
            ) from error
    _check_size(len(data), max_bytes, name)
    for signature, kind in _SIGNATURES.items():
        if data.startswith(signature):
            raise UnreadableFileError(
                f"expected a text file, found {kind} data",
                hint="unpack or convert it to CSV first: compressed files are not opened",
                where=name,
            )
    return data


def _check_kind(mode: int, name: str) -> None:
    if stat.S_ISREG(mode):
        return
    kinds = (
        (stat.S_ISDIR, "a folder"),
        (stat.S_ISFIFO, "a FIFO"),
        (stat.S_ISCHR, "a device"),
        (stat.S_ISBLK, "a device"),
        (stat.S_ISSOCK, "a socket"),
    )
    found = next((label for test, label in kinds if test(mode)), "something else")
    raise UnreadableFileError(
        f"expected a regular file, found {found}", hint="put the CSV itself there", where=name
    )


def _check_size(size: int, max_bytes: int, name: str) -> None:
    if size == 0:
        raise UnreadableFileError(
            "expected a CSV, found an empty file (0 bytes)", hint="download it again", where=name
        )
    if size > max_bytes:
        raise UnreadableFileError(
            f"expected at most {max_bytes} bytes, found {size}",
            hint="split the file, or raise ingest.max_file_bytes",
            where=name,
        )
