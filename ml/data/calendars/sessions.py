"""Exchange sessions as plain arrays: dates and local opening hours, as far ahead as anyone asks.

exchange_calendars knows holidays and half days, but takes 0.1 to 1 s to build a calendar, warns while it
does (pandas deprecations), and for some exchanges ends with the current year. Here a calendar is built
once a process for a coarse range, and goes on beyond its end by its weekdays and recurring holidays.
"""

import threading
import warnings
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from ml.data.calendars.holidays import annual_holidays, is_holiday
from ml.errors import CalendarError

if TYPE_CHECKING:  # imported where a calendar is built: series that trade always need none
    import exchange_calendars as xc

Int = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]

DAY = 86_400_000_000_000  # nanoseconds
_LAST_YEAR = 2200  # pandas' nanosecond stamps end in 2262
_STARTS = (1990, 1960, 1900, 1800)
_RECENT = 250  # sessions whose weekdays and hours go on beyond the end of a calendar
# warnings.catch_warnings changes the state of the whole process: one build at a time.
_build_lock = threading.Lock()


@dataclass(frozen=True, eq=False, slots=True)
class Sessions:
    """An exchange's sessions; times are nanoseconds from the session date's local midnight.

    Attributes:
        code: exchange_calendars code.
        zone: the exchange's time zone.
        dates: session dates as days since 1970-01-01, ascending, shape (n,).
        opens, closes: of each session, shape (n,); an open is negative where a session begins on the
            evening before (futures).
        breaks: start and end of the midday break, shape (n, 2); -1 where there is none.
    """

    code: str
    zone: str
    dates: Int
    opens: Int
    closes: Int
    breaks: Int

    def between(self, first_day: int, last_day: int) -> Int:
        """Session dates from ``first_day`` to ``last_day``, both included."""
        low, high = np.searchsorted(self.dates, [first_day, last_day + 1])
        return self.dates[low:high]


@cache
def _codes() -> dict[str, str]:
    import exchange_calendars as xc

    return {code.casefold(): code for code in xc.get_calendar_names(include_aliases=True)}


def canonical_code(name: str) -> str:
    """The code that a name stands for, as XNYS for nyse; raise `CalendarError` for an unknown one."""
    import exchange_calendars as xc

    code = _codes().get(name.casefold())
    if code is None:
        raise CalendarError(
            f"expected a calendar, found {name!r}",
            hint="set ingest.calendar to auto, 24/7, fx, weekdays or a code of exchange_calendars: "
            "XNYS (New York), XLON (London), XETR (Xetra), XPAR (Paris), XTKS (Tokyo), "
            "XHKG (Hong Kong), XSHG (Shanghai), XKRX (Seoul), XBOM (Mumbai), XTSE (Toronto), "
            "XASX (Sydney), CMES (futures)...",
        )
    return str(xc.resolve_alias(code))


def load_sessions(code: str, first_day: int, last_day: int) -> Sessions:
    """Sessions of an exchange around two days (since 1970-01-01), as far back as its calendar goes.

    The range is widened to decades, so that series of different ages share one calendar. Raises
    `CalendarError` where ``last_day`` is beyond what a timestamp can hold.
    """
    first_year, last_year = (1970 + int(day / 365.2425) for day in (first_day, last_day))
    if last_year >= _LAST_YEAR:
        raise CalendarError(
            f"expected stamps before the year {_LAST_YEAR}, found {last_year}",
            hint="ask for fewer steps of so long an interval",
        )
    start = next((year for year in _STARTS if year < first_year), _STARTS[-1])
    return _build(code, start, (last_year // 10 + 1) * 10)


@cache
def _build(code: str, first_year: int, last_year: int) -> Sessions:
    end = pd.Timestamp(last_year, 12, 31)
    with _build_lock, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # exchange_calendars 4.13 under pandas 3.1
        calendar = _exchange_calendar(code, pd.Timestamp(first_year, 1, 1), end)
    schedule: pd.DataFrame = calendar.schedule
    zone = str(calendar.tz)
    dates = pd.DatetimeIndex(schedule.index).as_unit("ns").asi8 // DAY

    def local(column: str) -> Int:
        instants = pd.DatetimeIndex(schedule[column]).as_unit("ns")
        wall = instants.tz_convert(zone).tz_localize(None).asi8 - dates * DAY
        return np.where(instants.isna(), np.int64(-1), wall)

    breaks = np.column_stack([local("break_start"), local("break_end")])
    sessions = Sessions(code, zone, dates, local("open"), local("close"), breaks)
    return _extended(sessions, int(end.value) // DAY)


def _exchange_calendar(code: str, start: pd.Timestamp, end: pd.Timestamp) -> "xc.ExchangeCalendar":
    """The calendar of as much of the range as exchange_calendars can build."""
    import exchange_calendars as xc

    # A range beyond a calendar's bounds is refused, and the rules of some break down far from today.
    refusals = (ValueError, NotImplementedError)
    try:
        return xc.get_calendar(code, start=start, end=end)
    except refusals:
        pass
    try:
        default = xc.get_calendar(code)
    except refusals as error:
        raise CalendarError(
            f"expected exchange_calendars to know {code}'s sessions, but it cannot build them",
            hint="set ingest.calendar to weekdays, or to another exchange with the same week",
        ) from error
    earliest, latest = default.bound_min(), default.bound_max()
    start = start if earliest is None else max(start, earliest)
    end = end if latest is None else min(end, latest)
    try:
        return xc.get_calendar(code, start=start, end=end)
    except refusals:
        return default


def _extended(sessions: Sessions, last_day: int) -> Sessions:
    """Go on to ``last_day`` by recent weekdays, hours and recurring holidays."""
    known_until = int(sessions.dates[-1])
    recent = sessions.dates[-_RECENT:]
    weekdays = np.flatnonzero(np.bincount((recent + 3) % 7, minlength=7) * 20 > len(recent))
    later = np.arange(known_until + 1, last_day + 1)
    later = later[np.isin((later + 3) % 7, weekdays)]
    if len(later) < 10:  # a calendar that ends with the year's last sessions needs nothing
        return sessions
    rules = annual_holidays(sessions.dates, weekdays.tolist(), minimum=3)
    later = later[~is_holiday(later, rules)]

    def go_on(values: Int) -> Int:
        usual = np.median(values[-_RECENT:], axis=0).astype(np.int64)
        return np.concatenate([values, np.broadcast_to(usual, (len(later), *values.shape[1:]))])

    return Sessions(
        sessions.code,
        sessions.zone,
        np.concatenate([sessions.dates, later]),
        go_on(sessions.opens),
        go_on(sessions.closes),
        go_on(sessions.breaks),
    )
