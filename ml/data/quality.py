"""How good a series' data is: stretches without bars, and the rows that are none."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from ml.data import regular
from ml.data.calendars import Calendar, find_gaps
from ml.data.store import quarantine_path
from ml.errors import StoreError
from ml.series import SeriesKey

_MOST_TEXT: Final = 400
_COLUMNS: Final = ["file", "line", "reason", "timestamp", "text"]


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch in which bars are expected and none came: between two bars that are there."""

    after: pd.Timestamp
    before: pd.Timestamp
    missing: int


@dataclass(frozen=True, slots=True)
class Gaps:
    """The newest gaps of a series, newest first; how many there are, and bars that they lack."""

    newest: tuple[Gap, ...]
    stretches: int
    missing: int


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that is no bar, as it stands in its file; a long one is cut."""

    file: str
    line: int
    reason: str
    text: str


@dataclass(frozen=True, slots=True)
class Quarantine:
    """The rows of a series that are no bars: how many for each reason, and the first of them."""

    counts: dict[str, int]
    rows: tuple[BadRow, ...]


def gap_stretches(calendar: Calendar, key: SeriesKey, bars: pd.DataFrame, most: int) -> Gaps:
    """The stretches without bars, the newest ``most`` of them one by one.

    Raises `CalendarError` for bars from before the calendar begins.
    """
    missing = find_gaps(calendar, key, bars)
    stamps = pd.DatetimeIndex(bars["timestamp"])
    at, counts = np.unique(stamps.searchsorted(missing), return_counts=True)
    # What is missing lies between bars: a stamp of a calendar that is off by a little may not.
    inside = (at > 0) & (at < len(stamps))
    at, counts = at[inside], counts[inside]
    newest = zip(stamps[at - 1][::-1][:most], stamps[at][::-1][:most], counts[::-1], strict=False)
    return Gaps(
        tuple(Gap(after, before, int(count)) for after, before, count in newest),
        stretches=len(at),
        missing=int(counts.sum()),
    )


def read_quarantine(store_dir: Path, key: SeriesKey, most: int) -> Quarantine:
    """What the last ingest left aside, with its first ``most`` rows; raises `StoreError`."""
    path = quarantine_path(store_dir, key)
    try:
        with regular.opened(path) as file:
            found = pd.read_csv(file, dtype=str, keep_default_na=False)
        if list(found.columns) != _COLUMNS:
            raise ValueError(f"other columns than {', '.join(_COLUMNS)}")
        first = found.head(most)
        rows = zip(first["file"], first["line"].astype(int), first["reason"], first["text"], strict=True)
        shown = tuple(BadRow(file, line, reason, _cut(text)) for file, line, reason, text in rows)
    except FileNotFoundError:
        return Quarantine({}, ())
    except (OSError, ValueError) as error:
        raise StoreError(
            f"expected the quarantined rows of {key}, found: {error}",
            hint="remove the file and ingest the series again: tickerflow ingest",
            where=path.name,
        ) from error
    return Quarantine(dict(Counter(found["reason"]).most_common()), shown)


def _cut(text: str) -> str:
    return text if len(text) <= _MOST_TEXT else f"{text[:_MOST_TEXT]}..."
