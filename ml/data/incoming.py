"""Taking in a raw file that somebody hands over: under the name that it has, and over no other."""

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ml.data.atomic import sync_folder
from ml.errors import SeriesNameError
from ml.series import SeriesKey, parse_raw_name

# Safe in every file system; any other character of a ticker is percent-encoded. The dot that begins a
# hidden file is no beginning of a ticker.
_NAME = re.compile(r"[A-Za-z0-9.\-=^_+,@$&()~!% ]{1,200}")
_READ = 2**20

Arrival = Literal["new", "same", "taken", "twin"]


@dataclass(frozen=True, slots=True)
class Arrived:
    """What became of a file: ``new`` or the ``same`` as is there already; else it was not taken.

    ``taken``: another file has the name. ``twin``: ``other`` is of a series whose name differs in case
    alone, and both would be one file on macOS and Windows.
    """

    how: Arrival
    other: str = ""


def check_name(name: str) -> SeriesKey:
    """The series that a raw file's name says; raise `SeriesNameError` for any other name."""
    key = parse_raw_name(name)
    if not _NAME.fullmatch(name) or ".." in name:
        raise SeriesNameError(
            f"expected at most 200 letters, digits and . - = ^ _ + , @ $ & ( ) ~ !, found {name!r}",
            hint=f"write other characters of a ticker as %XX, such as {key.stem}.csv",
        )
    return key


def free_name(raw_dir: Path, key: SeriesKey) -> str:
    """A name for one more file of a series."""
    number = 2
    while (raw_dir / f"{key.stem}_{number}.csv").exists():
        number += 1
    return f"{key.stem}_{number}.csv"


def take_in(part: Path, name: str) -> Arrived:
    """Give a whole file, which lies in the raw folder under a temporary name, its own name.

    The temporary name, where it is still there, is left to the caller to remove.
    Raises `OSError` with nothing changed.
    """
    raw_dir, key = part.parent, check_name(name)
    other = _twin(raw_dir, name, key)
    if other:
        return Arrived("twin", other)
    place = raw_dir / name
    try:
        _name(part, place)
    except FileExistsError:
        # What is no regular file may make a reader wait.
        same = place.is_file() and _digest(place) == _digest(part)
        return Arrived("same" if same else "taken", name)
    sync_folder(raw_dir)
    return Arrived("new")


def _name(part: Path, place: Path) -> None:
    """Unlike a rename, this never takes the place of a file that came meanwhile."""
    try:
        os.link(part, place)
    except FileExistsError:
        raise
    except OSError:  # exFAT and some network drives have no links: the name is taken first
        place.touch(exist_ok=False)
        part.replace(place)


def _twin(raw_dir: Path, name: str, key: SeriesKey) -> str:
    """A file whose name, or whose series' name, differs in case alone."""
    for other in sorted(entry.name for entry in os.scandir(raw_dir)):
        if other == name or not other.lower().endswith(".csv"):
            continue
        try:
            stem = parse_raw_name(other).stem
        except SeriesNameError:
            stem = ""
        if other.lower() == name.lower() or (stem != key.stem and stem.lower() == key.stem.lower()):
            return other
    return ""


def _digest(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()
