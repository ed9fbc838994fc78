"""Holidays that come back every year, learnt from the days on which there were bars.

A holiday is a rule rather than a date: the n-th of a month, or so many days from Easter, the lunar New
Year, the dragon boat or the mid-autumn festival. These cover what is left to know beyond the end of a
published calendar; substitute days and one-off closures cannot be known.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import date
from functools import cache

import numpy as np
import numpy.typing as npt
from dateutil.easter import easter
from korean_lunar_calendar import KoreanLunarCalendar

Int = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]
Rule = tuple[str, int]  # ("solar", month * 100 + day) or (feast, days from it)

CHRISTMAS: Rule = ("solar", 1225)
NEW_YEAR: Rule = ("solar", 101)

_EPOCH = date(1970, 1, 1).toordinal()
_YEARS = 10  # how far back a rule must have held
_REACH = range(-3, 8)  # days around a movable feast that can belong to it


def _lunar(month: int, day: int) -> Callable[[int], date | None]:
    # The Korean and the Chinese calendar differ by their meridian: a day, in a few years a century.
    def find(year: int) -> date | None:
        calendar = KoreanLunarCalendar()
        if not calendar.setLunarDate(year, month, day, False):
            return None
        return date.fromisoformat(calendar.SolarIsoFormat())

    return find


_FEASTS: dict[str, Callable[[int], date | None]] = {
    "easter": easter,
    "lunar new year": _lunar(1, 1),
    "dragon boat": _lunar(5, 5),
    "mid-autumn": _lunar(8, 15),
}
ALL_FEASTS = tuple(_FEASTS)


@cache
def _feast(kind: str, year: int) -> int | None:
    # The lunar calendar counts from the year 1000 on, at 15 ms a feast.
    feast = _FEASTS[kind](year)
    return None if feast is None else feast.toordinal() - _EPOCH


@cache
def _days(rule: Rule, year: int) -> int | None:
    """The rule's day in a year, as days since 1970-01-01; None where it has none."""
    kind, value = rule
    if kind == "solar":
        month, day = divmod(value, 100)
        leap_day_missing = (month, day) == (2, 29) and (year % 4 or (year % 100 == 0 and year % 400))
        return None if leap_day_missing else date(year, month, day).toordinal() - _EPOCH
    feast = _feast(kind, year)
    return None if feast is None else feast + value


def _rules(day: int, feasts: Collection[str]) -> Iterator[Rule]:
    """Every rule that a day could follow."""
    when = date.fromordinal(day + _EPOCH)
    yield "solar", when.month * 100 + when.day
    for kind in feasts:
        feast = _feast(kind, when.year)
        if feast is not None and day - feast in _REACH:
            yield kind, day - feast


def annual_holidays(
    open_days: Int,
    weekdays: Iterable[int],
    minimum: int,
    presumed: Collection[Rule] = (),
    feasts: Collection[str] = ALL_FEASTS,
) -> frozenset[Rule]:
    """Rules that kept the series closed each time they fell on one of its weekdays.

    Args:
        open_days: days with bars, since 1970-01-01, ascending; the last ten years count.
        weekdays: on which bars are normal, Monday is 0.
        minimum: how often at least a rule must have been seen to hold.
        presumed: rules that hold unless a bar contradicts them.
        feasts: movable ones to think of, by default all.
    """
    if not len(open_days):
        return frozenset(presumed)
    last = int(open_days[-1])
    first = max(int(open_days[0]), last - 365 * _YEARS)
    normal = set(weekdays)
    days = np.arange(first, last + 1)
    is_normal = np.isin((days + 3) % 7, list(normal))  # 1970-01-01 was a Thursday
    closed = {int(day) for day in np.setdiff1d(days[is_normal], open_days)}
    years = range(1970 + first // 366 - 1, 1970 + last // 365 + 2)

    def fell(rule: Rule) -> list[int]:
        found = (_days(rule, year) for year in years)
        return [
            day for day in found if day is not None and first <= day <= last and (day + 3) % 7 in normal
        ]

    # A year of closed days has hundreds of rules; holidays are few, gaps may be many.
    candidates = {rule for day in sorted(closed)[-500:] for rule in _rules(day, feasts)}
    seen = {
        rule
        for rule in candidates
        if len(occurrences := fell(rule)) >= minimum and all(day in closed for day in occurrences)
    }
    kept = {rule for rule in presumed if all(day in closed for day in fell(rule))}
    return frozenset(seen | kept)


def is_holiday(days: Int, rules: frozenset[Rule]) -> Bool:
    """Which days (since 1970-01-01) fall on one of the rules."""
    if not len(days) or not rules:
        return np.zeros(len(days), dtype=bool)
    years = range(1969 + int(days.min()) // 366, 1971 + int(days.max()) // 365)
    found = [day for rule in rules for year in years if (day := _days(rule, year)) is not None]
    return np.isin(days, np.array(found, dtype=np.int64))
