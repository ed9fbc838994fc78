"""Reading forecast files back: the pair of a CSV and a JSON that a forecast leaves.

They come from a folder that others write in, so each size, name and number is bounded and checked. A
pair that does not hold is a `LedgerError` of its own, never the end of a run.
"""

import hashlib
import os
import re
import stat
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from ml.data.regular import open_at_once
from ml.errors import LedgerError, SeriesNameError
from ml.forecasting.spec import MAX_STEPS
from ml.series import SeriesKey

FORMAT: Final = 1
_MAX_BYTES: Final = 4 * 2**20
_COLUMNS: Final = "step,timestamp,forecast,lower_80,upper_80,lower_95,upper_95"
_NAME: Final = re.compile(r"(?P<stem>.+)_(?P<asof>[0-9]{8}T[0-9]{6}Z)\.json")

Price = Annotated[float, Field(gt=0, lt=1e18, allow_inf_nan=False)]


@dataclass(frozen=True, slots=True)
class PairFile:
    """A pair in the folder, by its JSON: not read yet.

    Attributes:
        name: of the JSON.
        key: the series that the name says.
        asof: the last bar that the name says, in seconds of UTC.
        size, modified_ns: of the JSON; a pair that is written again has others.
    """

    name: str
    key: SeriesKey
    asof: int
    size: int
    modified_ns: int


@dataclass(frozen=True, eq=False, slots=True)
class Pair:
    """One forecast; times are whole seconds of UTC.

    Attributes:
        asof: the last bar that the forecast knew.
        before, before_close: the bar before that one, and its close; 0 where the JSON has none.
        due: stamps of the bars that were forecast, ``(steps,)``, ascending.
        prices: ``(steps, 5)``: forecast, lower_80, upper_80, lower_95, upper_95.
    """

    key: SeriesKey
    asof: int
    created_at: int
    version: str
    model: str
    horizon: int
    last_close: float
    before: int
    before_close: float
    due: NDArray[np.int64]
    prices: NDArray[np.float64]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, str_max_length=256, defer_build=True)


class _Model(_Part):
    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")
    version: str = Field(pattern=r"^[0-9]{8}T[0-9]{6}Z-[0-9a-f]{8}$")
    horizon: int = Field(ge=1, le=MAX_STEPS)


class _Bar(_Part):
    timestamp: AwareDatetime
    close: Price


class _Bars(_Part):
    before: _Bar | None = None


class _Document(_Part):
    """What of the JSON is needed; what else stands in it is not looked at."""

    format: int = Field(ge=1, le=FORMAT)
    ticker: str
    interval: str
    asof: AwareDatetime
    created_at: AwareDatetime
    last_close: Price
    steps: int = Field(ge=1, le=MAX_STEPS)
    model: _Model
    bars: _Bars = _Bars()
    files: dict[str, str] = Field(max_length=16)


def find_pairs(
    predictions_dir: Path, keys: Collection[SeriesKey] | None = None
) -> dict[SeriesKey, list[PairFile]]:
    """The pairs of a folder by their series, oldest as-of first; names that are none are passed over.

    Args:
        predictions_dir: the folder.
        keys: of these series alone, whose files alone are looked at; a folder of thousands of series has
            a million. By default of all.
    """
    found: dict[SeriesKey, list[PairFile]] = {}
    for entry, key, asof in _named(predictions_dir, keys):
        try:
            status = entry.stat(follow_symlinks=False)
        except FileNotFoundError:  # removed since it was listed
            continue
        pair = PairFile(entry.name, key, asof, status.st_size, status.st_mtime_ns)
        found.setdefault(key, []).append(pair)
    for pairs in found.values():
        pairs.sort(key=lambda pair: (pair.asof, pair.name))
    return found


def find_series(predictions_dir: Path) -> set[SeriesKey]:
    """The series that have pairs in a folder, by the files' names."""
    return {key for _, key, _ in _named(predictions_dir, None)}


def _named(
    folder: Path, wanted: Collection[SeriesKey] | None
) -> Iterator[tuple[os.DirEntry[str], SeriesKey, int]]:
    """The files whose names are those of a pair's JSON, with series and as-of bar."""
    keys: dict[str, SeriesKey | None] = {key.stem: key for key in wanted or ()}
    try:
        entries = os.scandir(folder)
    except FileNotFoundError:
        return
    for entry in entries:
        if wanted is not None and entry.name.rpartition("_")[0] not in keys:
            continue
        match = _NAME.fullmatch(entry.name)
        if match is None:
            continue
        stem = match["stem"]
        if stem not in keys:
            keys[stem] = _key(stem)
        key = keys[stem]
        asof = _seconds(match["asof"])
        if key is not None and asof is not None:
            yield entry, key, asof


def read_pair(predictions_dir: Path, file: PairFile) -> Pair:
    """Read and check one pair; raises `LedgerError` that names the file and what is wrong with it."""
    path = predictions_dir / file.name
    try:
        return _read(predictions_dir, file)
    except FileNotFoundError as error:
        raise _damaged(path, f"{Path(str(error.filename)).name} is not there") from error
    except OSError as error:
        raise _damaged(path, f"it cannot be read: {error.strerror or error}") from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "document"
        raise _damaged(path, f"{field}: {first['msg']}") from error
    except ValueError as error:
        raise _damaged(path, str(error)) from error


def _read(folder: Path, file: PairFile) -> Pair:
    document = _Document.model_validate_json(_bytes(folder / file.name))
    table = file.name.removesuffix(".json") + ".csv"
    asof = int(document.asof.timestamp())
    if (document.ticker, document.interval) != (file.key.ticker, str(file.key.interval)):
        raise ValueError(f"expected {file.key}, found {document.ticker} {document.interval}")
    if asof != file.asof:
        raise ValueError(f"expected the as-of bar of its name, found {document.asof}")
    content = _bytes(folder / table)
    if hashlib.sha256(content).hexdigest() != document.files.get(table):
        raise ValueError(f"{table} is not the one that it was written with (sha256)")
    due, prices = _table(content)
    if len(due) != document.steps:
        raise ValueError(f"expected {document.steps} steps, found {len(due)}")
    if due[0] <= asof or (np.diff(due) <= 0).any():
        raise ValueError("expected ascending timestamps after the as-of bar")
    before = document.bars.before
    return Pair(
        key=file.key,
        asof=asof,
        created_at=int(document.created_at.timestamp()),
        version=document.model.version,
        model=document.model.name,
        horizon=document.model.horizon,
        last_close=document.last_close,
        before=int(before.timestamp.timestamp()) if before else 0,
        before_close=before.close if before else 0.0,
        due=due,
        prices=prices,
    )


def _table(content: bytes) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The CSV's timestamps ``(steps,)`` and prices ``(steps, 5)``."""
    header, *lines = content.decode("ascii").removesuffix("\n").split("\n")
    if header != _COLUMNS or not 1 <= len(lines) <= MAX_STEPS:
        raise ValueError(f"expected the columns {_COLUMNS} and 1 to {MAX_STEPS} rows")
    rows = [line.split(",") for line in lines]
    if any(len(row) != 7 or row[0] != str(step) for step, row in enumerate(rows, 1)):
        raise ValueError("expected 7 values a row, and steps from 1 on")
    due = np.array([int(datetime.fromisoformat(row[1]).timestamp()) for row in rows], dtype=np.int64)
    if not all(row[1].endswith("Z") for row in rows):
        raise ValueError("expected timestamps in UTC, such as 2026-11-23T00:00:00Z")
    prices = np.array([row[2:] for row in rows], dtype=np.float64)
    _, lower_80, upper_80, lower_95, upper_95 = prices.T
    # A lower bound can be rounded to zero, an upper one is not bounded by anything but a double.
    if not np.isfinite(prices).all() or (prices < 0).any() or (prices[:, 0] == 0).any():
        raise ValueError("expected finite prices above zero")
    if (lower_95 > lower_80).any() or (lower_80 > upper_80).any() or (upper_80 > upper_95).any():
        raise ValueError("expected lower_95 <= lower_80 <= upper_80 <= upper_95")
    return due, prices


def _bytes(path: Path) -> bytes:
    """A regular file's bytes; no link is followed, and opening a pipe does not wait."""
    with open_at_once(path, getattr(os, "O_NOFOLLOW", 0)) as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode) or status.st_size > _MAX_BYTES:
            raise ValueError(f"expected a regular file of at most {_MAX_BYTES} bytes")
        return file.read(_MAX_BYTES)


def _key(stem: str) -> SeriesKey | None:
    try:
        key = SeriesKey.from_stem(stem)
    except SeriesNameError:
        return None
    return key if key.stem == stem else None


def _seconds(asof: str) -> int | None:
    try:
        return int(datetime.fromisoformat(asof).timestamp())
    except (ValueError, OverflowError):
        return None


def _damaged(path: Path, problem: str) -> LedgerError:
    return LedgerError(
        f"expected a forecast's CSV and JSON that belong together, found: {problem}",
        hint="left out of the live score; remove the pair, or forecast again where it is the newest",
        where=path.name,
    )
