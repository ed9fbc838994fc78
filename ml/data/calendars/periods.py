"""Weekly and monthly bars: which day of its week or month a vendor stamps them with.

Vendors stamp a bar with a fixed weekday, the month's first or last day, or with the first or last
session of the period. The convention that explains most of the bars is taken.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from ml.data.calendars.sessions import Int
from ml.series import Interval

Convention = Literal["first day", "last day", "same day", "first session", "last session"]

EVIDENCE = 60  # newest bars that choose the convention
# In this order where several explain the bars equally well.
_WEEKLY: tuple[Convention, ...] = ("same day", "first session", "last session")
_MONTHLY: tuple[Convention, ...] = ("first day", "last day", "first session", "last session", "same day")


@dataclass(frozen=True, eq=False, slots=True)
class Periods:
    """Numbered periods and their stamps; days count from 1970-01-01.

    Attributes:
        unit: wk or mo.
        convention: which day of its period stands for it.
        day: of ``same day``: the weekday (Monday is 0) or the day of the month (first is 0).
        open_days: days with a session, ascending, over all periods that are asked about.
    """

    unit: Literal["wk", "mo"]
    convention: Convention
    day: int
    open_days: Int

    def number(self, days: Int) -> Int:
        """The period that each day belongs to."""
        if self.unit == "mo":
            return days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
        if self.convention == "same day":
            # The nearest such weekday: a holiday, or a bar still growing, moves a stamp by some days.
            return (days + 3 - self.day + 3) // 7
        return (days + 3) // 7

    def _first_day(self, numbers: Int) -> Int:
        if self.unit == "wk":
            return numbers * 7 - 3
        return numbers.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)

    def stamp(self, numbers: Int) -> Int:
        """The day that stands for each period."""
        first, beyond = self._first_day(numbers), self._first_day(numbers + 1)
        if self.convention == "first day":
            return first
        if self.convention == "last day":
            return beyond - 1
        if self.convention == "same day":
            return np.minimum(first + self.day, beyond - 1)
        if self.convention == "first session":
            index = np.minimum(np.searchsorted(self.open_days, first), len(self.open_days) - 1)
            day, otherwise = self.open_days[index], first
        else:
            index = np.maximum(np.searchsorted(self.open_days, beyond) - 1, 0)
            day, otherwise = self.open_days[index], beyond - 1
        return np.where((day >= first) & (day < beyond), day, otherwise)


def learn_periods(interval: Interval, days: Int, open_days: Int) -> Periods:
    """The convention that explains most of a series' newest stamps (days since 1970-01-01)."""
    unit: Literal["wk", "mo"] = "wk" if interval.unit == "wk" else "mo"
    recent = days[-EVIDENCE:]
    if unit == "wk":
        position = (recent + 3) % 7
    else:
        position = recent - recent.astype("datetime64[D]").astype("datetime64[M]").astype(
            "datetime64[D]"
        ).astype(np.int64)
    usual = int(np.bincount(position).argmax())
    conventions = _WEEKLY if unit == "wk" else _MONTHLY
    candidates = [Periods(unit, convention, usual, open_days) for convention in conventions]
    explained = [int((p.stamp(p.number(recent)) == recent).sum()) for p in candidates]
    return candidates[int(np.argmax(explained))]


def future_days(periods: Periods, count: int, last: int, n: int) -> Int:
    """Stamps of the next ``n`` bars of ``count`` periods each, after the day ``last``."""
    current = periods.number(np.array([last]))[0]
    # A stamp that stands at the wrong end of its period costs one more.
    days = periods.stamp(current + count * np.arange(n + 2))
    return days[days > last][:n]


def missing_days(periods: Periods, count: int, days: Int) -> Int:
    """Stamps of the periods between the first and the last bar that have none."""
    numbers = periods.number(days)
    bar = (numbers - numbers[-1]) // count
    absent = np.setdiff1d(np.arange(bar[0], bar[-1] + 1), bar)
    return periods.stamp(numbers[-1] + absent * count)
