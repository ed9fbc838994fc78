"""Which calendar a series follows: what its ticker suggests, as far as its bars agree."""

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import numpy.typing as npt
import pandas as pd

from ml.data.calendars import exchange
from ml.data.calendars.names import DEFAULT_EXCHANGE, exchanges_of, is_coin, is_currency_pair
from ml.data.calendars.sessions import DAY, Int, canonical_code, load_sessions
from ml.errors import CalendarError
from ml.series import Interval, SeriesKey

ALWAYS, FX, WEEKDAYS = "24/7", "FX", "weekdays"

Float = npt.NDArray[np.float64]

_SETTINGS = {"24/7": ALWAYS, "fx": FX, "weekdays": WEEKDAYS}
_RECENT_DAYS = 5 * 365  # exchanges change their holidays: older bars say little about the next
_WEEKENDS = 10  # newest weekends that show whether a series trades on them
_ROUND_THE_CLOCK = 20 * exchange.HOUR  # of a weekday: more than pre-market to after-hours
_MANY = 100  # days with bars that it takes to prefer an exchange that the ticker does not suggest
_GOOD_FIT, _PERFECT_FIT = 0.97, 0.998
# fmt: off
_OTHERS = (
    "XLON", "XETR", "XPAR", "XSWX", "XMIL", "XMAD", "XSTO", "XWAR", "XTKS", "XHKG", "XSHG", "XTAI",
    "XBOM", "XASX", "XTSE", "BVMF", "XJSE",
)
# fmt: on


def infer_code(key: SeriesKey, bars: pd.DataFrame, setting: str) -> str:
    """The calendar's code: ``24/7``, ``FX``, ``weekdays`` or one of exchange_calendars.

    Raises `CalendarError` for an unknown setting.
    """
    if setting.casefold() != "auto":
        known = _SETTINGS.get(setting.casefold())
        return known if known is not None else canonical_code(setting)
    stamps = pd.DatetimeIndex(bars["timestamp"]).as_unit("ns").asi8
    ticker, interval = key.ticker, key.interval
    weekends = _weekend_share(np.unique(stamps // DAY)) if interval.delta.days <= 1 else None
    if weekends is not None and weekends >= 0.5:
        return ALWAYS
    if is_coin(ticker) and weekends is None:
        return ALWAYS
    if is_currency_pair(ticker) and not is_coin(ticker):
        return FX
    if interval.is_intraday and _runs_round_the_clock(stamps, interval):
        return FX
    if is_coin(ticker):
        return WEEKDAYS
    if interval.unit in ("wk", "mo") or interval.delta.days > 1 or not len(stamps):
        return _buildable((*exchanges_of(ticker), DEFAULT_EXCHANGE), stamps)
    volume = bars["volume"].to_numpy(dtype=np.float64, na_value=np.nan)
    return _best_exchange(ticker, interval, stamps, volume)


def _weekend_share(days: Int) -> float | None:
    """Share of Saturdays and of Sundays with a bar, the lesser; None before a weekend has passed."""
    if not len(days):
        return None
    last_sunday = int(days[-1]) - (int(days[-1]) + 4) % 7  # 1970-01-01 was a Thursday
    sundays = last_sunday - 7 * np.arange(_WEEKENDS)
    sundays = sundays[sundays - 1 >= days[0]]
    if not len(sundays):
        return None
    return float(min(np.isin(sundays, days).mean(), np.isin(sundays - 1, days).mean()))


def _runs_round_the_clock(stamps: Int, interval: Interval) -> bool:
    """Whether Tuesdays to Thursdays have bars through most of the day."""
    width = max(interval.delta // timedelta(hours=1), 1) * exchange.HOUR
    recent = stamps[stamps > stamps[-1] - 60 * DAY] if len(stamps) else stamps
    recent = recent[np.isin((recent // DAY + 3) % 7, (1, 2, 3))]
    if width >= DAY or not len(recent):
        return False
    filled = np.unique(np.unique(recent // width) * width // DAY, return_counts=True)[1]
    return bool(np.median(filled) * width >= _ROUND_THE_CLOCK)


def _best_exchange(ticker: str, interval: Interval, stamps: Int, volume: Float) -> str:
    suggested = exchanges_of(ticker)
    for code in suggested:
        agreement = _agreement(code, interval, stamps, volume)
        if agreement is not None and agreement.extra <= 0.03 * agreement.days + 1:
            return code
    default = None if suggested else _agreement(DEFAULT_EXCHANGE, interval, stamps, volume)
    if default is not None and default.extra <= 0.005 * default.days + (default.days >= _MANY):
        return DEFAULT_EXCHANGE
    # A wrong exchange is worse than none: another one must fit well, and have had the chance to fail.
    days = np.unique(stamps // DAY)
    each_weekday = np.bincount((days + 3) % 7, minlength=7)
    if len(days) < _MANY or each_weekday[:5].min() * 2 < each_weekday.max():
        return WEEKDAYS  # all of the others trade from Monday to Friday
    best, best_code = _GOOD_FIT, WEEKDAYS
    for code in (DEFAULT_EXCHANGE, *_OTHERS):
        fit = _agreement(code, interval, stamps, volume)
        if fit is not None and fit.score > best:
            best, best_code = fit.score, code
        if best >= _PERFECT_FIT:
            break  # building a calendar takes up to seconds
    return best_code


@dataclass(frozen=True, slots=True)
class _Agreement:
    """Days with bars against an exchange's sessions: bars without a session, sessions without bars."""

    days: int
    extra: int
    missing: int

    @property
    def score(self) -> float:
        # A vendor loses days easily, and invents them seldom.
        return 1 - (3 * self.extra + self.missing) / max(self.days + self.missing, 1)


def _agreement(code: str, interval: Interval, stamps: Int, volume: Float) -> _Agreement | None:
    """How recent bars fit an exchange; None where it has no calendar for their time."""
    first, last = int(stamps[0] // DAY), int(stamps[-1] // DAY)
    try:
        sessions = load_sessions(code, first, last)
    except CalendarError:
        return None
    if interval.is_intraday:
        clock = exchange.fit_clock(sessions, stamps, volume)
        days, counts = exchange.trading_days(sessions, clock, stamps)
        days = days[counts * 4 >= np.median(counts)]
    else:
        days = np.unique(stamps // DAY)
    days = days[days >= max(int(days[-1]) - _RECENT_DAYS, int(sessions.dates[0]))]
    if not len(days):
        return None
    expected = sessions.between(int(days[0]), int(days[-1]))
    matched = len(np.intersect1d(days, expected, assume_unique=True))
    return _Agreement(len(days), len(days) - matched, len(expected) - matched)


def _buildable(codes: tuple[str, ...], stamps: Int) -> str:
    """The first of the exchanges whose calendar exists: bars of a week or more cannot confirm it."""
    day = int(stamps[-1] // DAY) if len(stamps) else 0
    for code in codes:
        try:
            load_sessions(code, day, day)
        except CalendarError:
            continue
        return code
    return WEEKDAYS
