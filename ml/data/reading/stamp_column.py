"""Which column, or pair of columns, says when a bar was."""

import re
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ml.data.reading.dates import are_six_digit_dates, count_dates, is_clock, is_compact
from ml.data.reading.names import meaning, normalise
from ml.data.reading.sample import Sample
from ml.data.reading.shapes import count
from ml.data.reading.zones import zone_in_name
from ml.series import Interval

Kind = Literal["written", "epoch", "serial"]


@dataclass(frozen=True, slots=True)
class StampColumn:
    """Position of the stamps, and of the time of day where it stands apart."""

    index: int
    kind: Kind
    clock: int | None = None


def find_stamp(sample: Sample, interval: Interval, fixed: dict[str, int]) -> StampColumn | None:
    """The stamps' column, or None.

    Of several the one that tells most rows apart is taken, and bars begin on whole minutes (a last
    trade does not); of equally good ones, intraday, an instant
    (an epoch, an offset) before a naive stamp, and for dates the written one before an epoch.
    """
    candidates = [fixed["timestamp"]] if "timestamp" in fixed else range(sample.width)
    kinds = {column: kind for column in candidates if (kind := _kind(sample, column)) is not None}
    if "timestamp" in fixed and not kinds:
        kinds = {fixed["timestamp"]: "written"}
    if not kinds:
        return _serial(sample)
    clock = fixed.get("time", _clock(sample, kinds)) if interval.is_intraday or "time" in fixed else None

    def preference(column: int) -> tuple[float, ...]:
        kind = kinds[column]
        cells = sample.columns[column]
        if _date_only(sample, column) and clock is not None:
            cells = tuple(a + b for a, b in zip(cells, sample.columns[clock], strict=True))
        distinct = len(set(cells)) / max(1, len(cells))
        named = sample.meaning(column)
        instant = (
            kind == "epoch"
            or zone_in_name(sample.names[column]) is not None
            or any(re.search(r"(?:Z|[+-]\d\d:?\d\d)$", c) for c in sample.filled(column)[:3])
        )
        rank = 50 if named is None else named.rank if named.role == "time" else 200
        return (
            -round(distinct, 1),
            float(named is not None and named.role == "other"),
            float(_has_seconds(sample, column, kind)),
            float(instant != interval.is_intraday),
            float(rank),
            column,
        )

    best = min(kinds, key=preference)
    return StampColumn(best, kinds[best], clock if _date_only(sample, best) and clock != best else None)


def _kind(sample: Sample, column: int) -> Kind | None:
    cells = sample.filled(column)
    if len(cells) < max(1, len(sample.columns[column]) * 0.3):
        return None
    if count_dates(sample.columns[column], sample.shapes(column)) >= 0.8 * len(cells):
        return "written"
    role = sample.role(column)
    if role == "time" and not _names_clock(sample.names[column]) and are_six_digit_dates(cells):
        return "written"
    if role in ("volume", "other", "open", "high", "low"):
        return None
    values = sample.numbers(column)[: sample.head]
    values = values[np.isfinite(values)]
    if len(values) == 0 or len(values) < 0.8 * min(sample.head, len(cells)):
        return None
    size = np.abs(values)
    likely = np.zeros(len(values), dtype=bool)
    for unit in (1.0, 1e3, 1e6, 1e9):
        likely |= (size >= 1e8 * unit) & (size <= 5e9 * unit)
    plain = all(re.fullmatch(r"-?\d+(?:\.\d*)?(?:[eE]\+?\d+)?", cell) for cell in cells[:200])
    share = float(likely.mean())
    # Epochs before 1973 are small; only a name tells them from other numbers.
    enough = share >= 0.9 or (role == "time" and share >= 0.5 and float(np.median(size)) > 1e7)
    if not plain or not enough or (role != "time" and not _is_ordered(values)):
        return None
    return "epoch"


def _has_seconds(sample: Sample, column: int, kind: Kind) -> bool:
    """Whether hardly any stamp is of a whole minute."""
    if kind == "epoch":
        values = sample.numbers(column)[: sample.head]
        within = _seconds(values[np.isfinite(values)]) % 60
        return len(within) > 0 and float((within == 0).mean()) < 0.5
    cells = sample.filled(column)[:50]
    odd = [match for cell in cells if (match := re.search(r":\d\d:(\d\d(?:\.\d+)?)", cell))]
    return sum(float(match[1]) != 0 for match in odd) > len(cells) / 2


def _names_clock(name: str) -> bool:
    return normalise(name) in ("time", "uhrzeit", "zeit", "heure", "hora", "czas", "ora", "время")


def _is_ordered(values: NDArray[np.float64]) -> bool:
    steps = np.diff(_seconds(values))
    return len(values) < 3 or max(float((steps > 0).mean()), float((steps < 0).mean())) >= 0.8


def _seconds(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Epochs of any unit in seconds."""
    size = np.abs(values)
    unit = np.select([size < 1e11, size < 1e14, size < 1e17], [1.0, 1e3, 1e6], 1e9)
    return np.asarray(values / unit, dtype=np.float64)


def _date_only(sample: Sample, column: int) -> bool:
    cells = sample.filled(column)[:50]
    return all(
        len(cell) in (6, 8)
        if cell.isdigit()
        else not re.search(r"\d\s*[:hH時时]\s*\d|[T ]\d{4,6}$|[AP]M", cell)
        for cell in cells
    )


def _clock(sample: Sample, kinds: dict[int, Kind]) -> int | None:
    """A column of times of day: 09:30:00, or 930 and 93000 where the name or the place says so."""
    for column in range(sample.width):
        cells = sample.filled(column)
        if column in kinds or not cells:
            continue
        if count(is_clock, cells) >= 0.8 * len(cells):
            return column
    for column in range(sample.width):
        cells = sample.filled(column)
        if (
            column in kinds
            or not cells
            or not all(c.isdigit() and len(c) <= 6 and _is_digits_clock(c) for c in cells)
        ):
            continue
        name = sample.names[column]
        named = meaning(name) if name else None
        after_date = column - 1 in kinds and kinds[column - 1] == "written" and len(set(cells)) > 1
        if (named is not None and named.role == "time" and "date" not in normalise(name)) or (
            not name and after_date
        ):
            return column
    return None


def _is_digits_clock(digits: str) -> bool:
    number = int(digits)
    minutes = number // 100 if len(digits) > 4 else number
    return minutes // 100 <= 24 and minutes % 100 < 60 and (len(digits) <= 4 or number % 100 < 60)


def _serial(sample: Sample) -> StampColumn | None:
    """Spreadsheet day numbers; only a name tells them from other numbers."""
    for column in range(sample.width):
        if sample.role(column) != "time" or not sample.is_numeric(column):
            continue
        values = sample.numbers(column)[: sample.head]
        values = values[np.isfinite(values)]
        if (
            len(values)
            and ((values > 10_000) & (values < 80_000)).all()
            and not is_compact(int(values[0]))
        ):
            return StampColumn(column, "serial")
    return None
