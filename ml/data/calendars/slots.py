"""Which bars recur in each session or week, learnt from the bars themselves.

A history is folded into rows (sessions or weeks) and slots (time since the row's start). A slot that
most rows of a stretch of history have is expected in each of them, and after it. So sparse pre-market
bars, lunch breaks, a vendor's hours and their changes over the years need no rules of their own.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pandas as pd

Int = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]

_MOST_CELLS = 40_000_000  # of the rows x slots table; beyond it only the most frequent slots are kept


@dataclass(frozen=True, slots=True)
class Clock:
    """The clock in which a series' hours do not move.

    Attributes:
        zone: in which the hours are stable; None for the stamps' own clock.
        stamped: zone whose wall time the stamps show, labelled UTC though they are.
        ahead: nanoseconds that the stamps' own clock runs ahead of the one that is meant.
    """

    zone: str | None = None
    stamped: str = "UTC"
    ahead: int = 0

    def read(self, stamps: Int) -> Int:
        """Wall-clock nanoseconds of stamps (nanoseconds since 1970)."""
        return stamps - self.ahead if self.zone is None else _convert(stamps, self.stamped, self.zone)

    def write(self, wall: Int) -> Int:
        """Stamps of wall-clock nanoseconds, the inverse of `read`."""
        return wall + self.ahead if self.zone is None else _convert(wall, self.zone, self.stamped)


def _convert(wall: Int, origin: str, target: str) -> Int:
    """Wall-clock nanoseconds of one zone as those of another."""
    first = np.ones(len(wall), dtype=bool)  # of the two hours of an autumn night
    local = pd.DatetimeIndex(wall).tz_localize(origin, ambiguous=first, nonexistent="shift_forward")
    converted: Int = local.tz_convert(target).tz_localize(None).asi8
    return converted


@dataclass(frozen=True, eq=False, slots=True)
class Fold:
    """Bars folded into rows and slots.

    Attributes:
        slots: distinct times since the row's start, nanoseconds, ascending, shape (s,).
        present: which row has a bar in which slot, shape (rows, s).
        observed: False where a row's slot lies before the first or after the last bar, same shape.
        size: rows of a stretch that shares one pattern.
    """

    slots: Int
    present: Bool
    observed: Bool
    size: int

    def stretches(self) -> list[slice]:
        """Rows by stretch, counted from the end, so that the newest stretch is a full one."""
        rows = len(self.present)
        edges = [*range(rows, 0, -self.size), 0]
        return [slice(low, high) for high, low in pairwise(edges)][::-1]

    def pattern(self, rows: slice, usual: Bool) -> Bool:
        """Slots that most rows of the stretch have; ``usual`` decides where nothing was observable.

        Rows without any bar are no evidence: the series, not the slot, was absent.
        """
        present = self.present[rows]
        alive = present.any(axis=1)
        chances = self.observed[rows][alive].sum(axis=0)
        return np.where(chances > 0, present[alive].sum(axis=0) * 2 >= chances, usual)


def fold(row: Int, offset: Int, rows: int, extra_slots: Int, size: int) -> Fold:
    """Fold bars, in time order, into ``rows`` rows; ``extra_slots`` get a column even without a bar."""
    slots, column, counts = np.unique(offset, return_inverse=True, return_counts=True)
    most = max(_MOST_CELLS // max(rows, 1), 1)
    if len(slots) > most:
        common = np.sort(np.argsort(-counts, kind="stable")[:most])
        kept = np.isin(column, common)
        row, offset, slots = row[kept], offset[kept], slots[common]
    slots = np.union1d(slots, extra_slots)
    present = np.zeros((rows, len(slots)), dtype=bool)
    present[row, np.searchsorted(slots, offset)] = True
    observed = np.ones_like(present)
    observed[0] = slots >= offset[0]
    observed[-1] &= slots <= offset[-1]
    return Fold(slots, present, observed, size)


def disagreement(row: Int, offset: Int) -> float:
    """How much rows differ from their majority, in bars per bar: the lower, the stabler the clock."""
    rows = np.unique(row)
    folded = fold(np.searchsorted(rows, row), offset, len(rows), np.array([], dtype=np.int64), len(rows))
    counts = folded.present.sum(axis=0)
    return float(np.minimum(counts, len(rows) - counts).sum() / max(len(row), 1))


def grid(start: int, stop: int, step: int, phase: int) -> Int:
    """Times in [start, stop) that are ``phase`` modulo ``step``."""
    return np.arange(start + (phase - start) % step, stop, step, dtype=np.int64)


def usual_phase(offsets: Int, step: int) -> int:
    """The remainder modulo ``step`` that most of the times share."""
    values, counts = np.unique(offsets % step, return_counts=True)
    return int(values[counts.argmax()])
