"""Bars of a week that repeats: the FX week, futures, and whatever has no published calendar.

Weeks begin on Monday 00:00 of the clock in which the week's pattern is stablest.
"""

from dataclasses import dataclass

import numpy as np

from ml.data.calendars.holidays import ALL_FEASTS, CHRISTMAS, NEW_YEAR, Rule, annual_holidays, is_holiday
from ml.data.calendars.sessions import DAY, Bool, Int
from ml.data.calendars.slots import Clock, Fold, disagreement, fold, grid, usual_phase

HOUR = 3_600_000_000_000
WEEK = 7 * DAY
_MONDAY = -3 * DAY  # 1970-01-01 was a Thursday
_STRETCH = 8  # weeks that share one pattern
_EVIDENCE = 60  # weeks that choose the clock: both changes of daylight saving are among them

_OWN = Clock()
_NEW_YORK = Clock("America/New_York")
_CLOCKS = (
    _OWN,
    _NEW_YORK,
    Clock("America/New_York", stamped="Etc/GMT+5"),  # EST all year, as HistData
    Clock("America/New_York", stamped="Europe/Athens"),  # a broker's server in Cyprus
    Clock("Europe/London"),
)
_FX_OPEN = 6 * DAY + 17 * HOUR  # Sunday 17:00 in New York
_FX_CLOSE = 4 * DAY + 17 * HOUR


@dataclass(frozen=True, eq=False, slots=True)
class WeekPattern:
    """What was learnt: the clock, the first week, its folded history, default slots and holidays."""

    clock: Clock
    first_week: int
    folded: Fold
    usual: Bool
    holidays: frozenset[Rule]


def _split(wall: Int) -> tuple[Int, Int]:
    week = (wall - _MONDAY) // WEEK
    return week, wall - _MONDAY - week * WEEK


def fit_clock(stamps: Int, is_fx: bool) -> Clock:
    """The clock in which the weeks of the last year differ least."""
    recent = stamps[stamps > stamps[-1] - _EVIDENCE * WEEK]
    recent = np.unique(recent // HOUR) * HOUR  # clocks differ by whole hours
    scores = {clock: disagreement(*_split(clock.read(recent))) for clock in _CLOCKS}
    best = min(scores.values())
    opens_like_new_york = is_fx and _opens_at_seventeen(recent)
    order = (_NEW_YORK, *_CLOCKS) if opens_like_new_york else _CLOCKS
    return next(clock for clock in order if scores[clock] <= best * 1.02 + 1e-4)


def _opens_at_seventeen(stamps: Int) -> bool:
    """Whether, read as UTC, the week opens on Sunday about 17:00 in New York, and not on Monday."""
    _, offset = _split(_NEW_YORK.read(stamps))
    sunday = offset[offset >= 6 * DAY]
    if not len(sunday):
        # No Sunday among the bars: only a week that ends by Friday 17:00 can be New York's.
        return not bool((offset >= _FX_CLOSE + HOUR).any())
    return -HOUR <= float(np.quantile(sunday, 0.05)) - _FX_OPEN <= 2 * HOUR


def learn_week(stamps: Int, step: int, is_fx: bool) -> WeekPattern:
    """Learn a series' week from its bars (nanoseconds, ascending, at least one)."""
    daily = step >= DAY
    clock = _OWN if daily else fit_clock(stamps, is_fx)
    wall = clock.read(stamps)
    week, offset = _split(wall)
    default = _default_slots(offset, step, clock, is_fx)
    rows = int(week[-1] - week[0]) + 1
    # Beyond two weeks every slot has had its chance, and defaults decide nothing.
    folded = fold(week - week[0], offset, rows, default if rows <= 2 else default[:0], _STRETCH)
    days, counts = np.unique(_trading_day(wall, clock), return_counts=True)
    days = days[counts * 4 >= np.median(counts)]
    weekdays = np.flatnonzero(np.bincount((days + 3) % 7, minlength=7) * 10 >= len(days))
    feasts = ("easter",) if is_fx else ALL_FEASTS
    holidays = annual_holidays(days, weekdays.tolist(), 2, (CHRISTMAS, NEW_YEAR), feasts)
    return WeekPattern(clock, int(week[0]), folded, np.isin(folded.slots, default), holidays)


def _trading_day(wall: Int, clock: Clock) -> Int:
    """The day that a time belongs to: in New York's clock the FX day begins at 17:00 on the eve."""
    return (wall + (7 * HOUR if clock.zone == _NEW_YORK.zone else 0)) // DAY


def _default_slots(offset: Int, step: int, clock: Clock, is_fx: bool) -> Int:
    """Slots of a week that nobody has seen yet."""
    phase = usual_phase(offset, min(step, DAY))
    if step >= DAY:
        return grid(0, 5 * DAY, DAY, phase)
    if not is_fx:
        times = np.unique(offset % DAY)
        return (np.arange(5)[:, None] * DAY + times).ravel()
    if clock.zone is None:
        return grid(0, 5 * DAY, step, phase)
    return np.concatenate([grid(0, _FX_CLOSE, step, phase), grid(_FX_OPEN, WEEK, step, phase)])


def future_bars(pattern: WeekPattern, last: int, n: int) -> Int:
    """The ``n`` stamps that the week's newest pattern has after ``last``."""
    folded = pattern.folded
    chosen = folded.pattern(folded.stretches()[-1], pattern.usual)
    if not chosen.any():
        chosen = folded.present.any(axis=0) | pattern.usual
    slots = folded.slots[chosen]
    this_week = pattern.first_week + len(folded.present) - 1
    weeks = np.arange(this_week, this_week + 2 * (n // len(slots) + 2) + 6)
    wall = (weeks[:, None] * WEEK + _MONDAY + slots).ravel()
    wall = wall[~is_holiday(_trading_day(wall, pattern.clock), pattern.holidays)]
    stamps = pattern.clock.write(wall)
    return np.unique(stamps[stamps > last])[:n]


def missing_bars(pattern: WeekPattern) -> Int:
    """Stamps that the patterns of their time expect, and that the history lacks; holidays excepted."""
    folded = pattern.folded
    found: list[Int] = []
    for stretch in folded.stretches():
        absent = folded.pattern(stretch, pattern.usual) & ~folded.present[stretch]
        absent &= folded.observed[stretch]
        weeks = pattern.first_week + np.arange(stretch.start, stretch.stop)
        found.append((weeks[:, None] * WEEK + _MONDAY + folded.slots)[absent])
    wall = np.concatenate(found)
    wall = wall[~is_holiday(_trading_day(wall, pattern.clock), pattern.holidays)]
    return np.unique(pattern.clock.write(wall))
