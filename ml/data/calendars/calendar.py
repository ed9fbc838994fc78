"""When a series' bars come: which are missing, and when the next ones are due."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from ml.data.calendars import always, exchange, periods, week
from ml.data.calendars.inference import ALWAYS, FX, WEEKDAYS, infer_code
from ml.data.calendars.sessions import DAY, Int, Sessions, load_sessions
from ml.errors import CalendarError, TooFewBarsError, UsageError
from ml.series import Interval, SeriesKey

MAX_STEPS = 500
_LAST_DAY = int(np.datetime64("2200-01-01").astype("datetime64[D]").astype(np.int64))
_NO_DAYS = np.array([], dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Calendar:
    """When a series trades.

    Attributes:
        code: ``24/7``, ``FX`` (Sunday to Friday evening in New York), ``weekdays`` (a week learnt from
            the bars) or a code of exchange_calendars such as ``XNYS``. All else is learnt from the bars.
    """

    code: str

    @property
    def is_exchange(self) -> bool:
        """Whether sessions come from exchange_calendars."""
        return self.code not in (ALWAYS, FX, WEEKDAYS)


def infer_calendar(key: SeriesKey, bars: pd.DataFrame, setting: str = "auto") -> Calendar:
    """The calendar that a series follows, by its ticker and confirmed by its bars.

    Args:
        key: the series.
        bars: normalised bars, ascending; may be empty.
        setting: ``auto``, ``24/7``, ``fx``, ``weekdays`` or a code of exchange_calendars.

    Raises:
        CalendarError: an unknown setting; the hint lists some valid ones.
    """
    return Calendar(infer_code(key, bars, setting))


def future_timestamps(
    calendar: Calendar, key: SeriesKey, bars: pd.DataFrame, n: int
) -> pd.DatetimeIndex:
    """Stamps of the next ``n`` bars, as the series' vendor would give them.

    Args:
        calendar: from `infer_calendar`.
        key: the series.
        bars: normalised bars, ascending, at least one.
        n: 1 to 500.

    Returns:
        ``n`` ascending stamps, UTC in nanoseconds, the first after the last bar.

    Raises:
        UsageError: ``n`` out of range.
        TooFewBarsError: no bars.
        CalendarError: stamps beyond the year 2200.
    """
    if not 1 <= n <= MAX_STEPS:
        raise UsageError(
            f"expected 1 to {MAX_STEPS} steps, found {n}", hint="set --steps within that range"
        )
    stamps = _stamps(key, bars)
    interval = key.interval
    last_day = int(stamps[-1] // DAY)
    days = max(interval.delta.days, 1) * (1.0 if interval.unit in ("wk", "mo") else 1.7) * n
    horizon_end = last_day + int(days) + 120
    if horizon_end >= _LAST_DAY:
        raise CalendarError(
            f"expected the next {n} bars of {key} before the year 2200, found {key.interval} bars",
            hint="ask for fewer steps",
            where=str(key),
        )
    if interval.unit in ("wk", "mo"):
        return _days_index(_future_periods(calendar, interval, stamps, horizon_end, n))
    if calendar.code == ALWAYS or (interval.is_intraday and _step(interval) > DAY):
        return _index(always.future_bars(stamps, _step(interval), n))
    if interval.is_intraday:
        return _index(_future_slots(calendar, interval, bars, stamps, horizon_end, n))
    return _days_index(_future_sessions(calendar, interval, stamps, horizon_end, n))


def find_gaps(calendar: Calendar, key: SeriesKey, bars: pd.DataFrame) -> pd.DatetimeIndex:
    """Stamps between the first and the last bar at which the calendar expects a bar, but there is none.

    A slot counts as expected where most sessions (or weeks) of that time have it. Bars from before an
    exchange's first known session are no gaps. Returns ascending stamps, UTC in nanoseconds.
    """
    if len(bars) < 2:
        return _index(_NO_DAYS)
    stamps = _stamps(key, bars)
    interval = key.interval
    first_day, last_day = int(stamps[0] // DAY), int(stamps[-1] // DAY)
    if interval.unit in ("wk", "mo"):
        open_days = _open_days(calendar, first_day - 40, last_day + 40)
        learnt = periods.learn_periods(interval, stamps // DAY, open_days)
        return _days_index(periods.missing_days(learnt, interval.count, stamps // DAY))
    if calendar.code == ALWAYS or (interval.is_intraday and _step(interval) > DAY):
        return _index(always.missing_bars(stamps, _step(interval)))
    if not calendar.is_exchange and (interval.is_intraday or interval.count == 1):
        return _index(week.missing_bars(week.learn_week(stamps, _step(interval), calendar.code == FX)))
    if not interval.is_intraday:
        return _days_index(_missing_sessions(calendar, interval, stamps // DAY))
    sessions = load_sessions(calendar.code, first_day, last_day)
    clock = exchange.fit_clock(sessions, stamps, _volume(bars))
    return _index(exchange.missing_bars(sessions, clock, stamps, _step(interval)))


def describe_gaps(calendar: Calendar, gaps: pd.DatetimeIndex, limit: int = 5) -> dict[str, object]:
    """For reports, JSON-able: the calendar's code, the number of gaps and the first few of them."""
    return {
        "calendar": calendar.code,
        "gaps": len(gaps),
        "first_gaps": [stamp.isoformat() for stamp in gaps[:limit]],
    }


def _future_periods(
    calendar: Calendar, interval: Interval, stamps: Int, horizon_end: int, n: int
) -> Int:
    days = stamps // DAY
    open_days = _open_days(calendar, int(days[-periods.EVIDENCE :][0]) - 40, horizon_end)
    learnt = periods.learn_periods(interval, days, open_days)
    return periods.future_days(learnt, interval.count, int(days[-1]), n)


def _future_sessions(
    calendar: Calendar, interval: Interval, stamps: Int, horizon_end: int, n: int
) -> Int:
    """Days of the next daily bars, or of bars of several sessions each."""
    last = int(stamps[-1] // DAY)
    if interval.count == 1 and not calendar.is_exchange:
        return (
            week.future_bars(week.learn_week(stamps, DAY, calendar.code == FX), int(stamps[-1]), n)
            // DAY
        )
    if not _counts_sessions(calendar, interval, stamps // DAY):
        return last + interval.count * np.arange(1, n + 1)
    later = _open_days(calendar, last + 1, horizon_end)
    return later[interval.count - 1 :: interval.count][:n]


def _missing_sessions(calendar: Calendar, interval: Interval, days: Int) -> Int:
    if not _counts_sessions(calendar, interval, days):
        return always.missing_bars(days, interval.count)
    sessions = _open_days(calendar, int(days[0]), int(days[-1]))
    if interval.count == 1:
        return np.setdiff1d(sessions, days)
    # A bar stands for some sessions: expected are the steps between neighbours too far apart.
    position = np.searchsorted(sessions, days)
    steps = np.diff(position) // interval.count
    found = [
        sessions[start + interval.count * np.arange(1, step)]
        for start, step in zip(position[:-1][steps > 1], steps[steps > 1], strict=True)
    ]
    return np.concatenate([_NO_DAYS, *found])


def _counts_sessions(calendar: Calendar, interval: Interval, days: Int) -> bool:
    """Whether bars of several days count sessions, as most vendors do, and not calendar days."""
    recent = days[-60:]
    if interval.count == 1 or len(recent) < 2:
        return True
    sessions = _open_days(calendar, int(recent[0]), int(recent[-1]))
    by_session = (np.diff(np.searchsorted(sessions, recent)) == interval.count).mean()
    return bool(by_session >= (np.diff(recent) == interval.count).mean())


def _future_slots(
    calendar: Calendar, interval: Interval, bars: pd.DataFrame, stamps: Int, horizon_end: int, n: int
) -> Int:
    """The next intraday bars; where an exchange's sessions and the bars never meet, the week's."""
    step = _step(interval)
    if calendar.is_exchange:
        sessions: Sessions = load_sessions(calendar.code, int(stamps[0] // DAY), horizon_end)
        clock = exchange.fit_clock(sessions, stamps, _volume(bars))
        found = exchange.future_bars(sessions, clock, stamps, step, n)
        if len(found) == n:
            return found
    return week.future_bars(week.learn_week(stamps, step, calendar.code == FX), int(stamps[-1]), n)


def _open_days(calendar: Calendar, first: int, last: int) -> Int:
    """Days with a session, since 1970-01-01, from ``first`` to ``last``."""
    if calendar.is_exchange:
        return load_sessions(calendar.code, first, last).between(first, last)
    days = np.arange(first, last + 1)
    return days if calendar.code == ALWAYS else days[(days + 3) % 7 < 5]


def _stamps(key: SeriesKey, bars: pd.DataFrame) -> Int:
    if not len(bars):
        raise TooFewBarsError(
            "expected at least one bar, found none", hint="ingest the series", where=str(key)
        )
    stamps: Int = pd.DatetimeIndex(bars["timestamp"]).as_unit("ns").asi8
    return stamps


def _volume(bars: pd.DataFrame) -> npt.NDArray[np.float64]:
    return bars["volume"].to_numpy(dtype=np.float64, na_value=np.nan)


def _step(interval: Interval) -> int:
    return round(interval.delta.total_seconds()) * 1_000_000_000


def _index(stamps: Int) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(stamps.astype("datetime64[ns]")).tz_localize("UTC")


def _days_index(days: Int) -> pd.DatetimeIndex:
    return _index(days * DAY)
