"""Bars of an exchange: one a session, or learnt slots within each session's real opening hours."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ml.data.calendars.sessions import DAY, Bool, Int, Sessions
from ml.data.calendars.slots import Clock, Fold, disagreement, fold, grid, usual_phase

Float = npt.NDArray[np.float64]

HOUR = 3_600_000_000_000
_STRETCH = 40  # sessions that share one pattern of slots
_EVIDENCE = 60 * 60  # newest bars that choose the clock
_FEW = 3  # sessions: with fewer, opening hours fill in what was not seen


@dataclass(frozen=True, eq=False, slots=True)
class _Placed:
    """Bars by session: row into `Sessions`, and nanoseconds since the session date's midnight."""

    row: Int
    offset: Int


def _day_start(sessions: Sessions) -> int:
    """When a session's day begins, from its date's midnight: negative if it opens the evening before."""
    middle = int(np.median(sessions.opens[-250:] + sessions.closes[-250:])) // 2
    return min(0, middle - DAY // 2)


def _offsets(sessions: Sessions, clock: Clock, stamps: Int) -> tuple[Int, Int, Int, Bool]:
    """Each bar's day, row into `Sessions`, time since that day's midnight; whether it is a session."""
    wall = clock.read(stamps)
    day = (wall - _day_start(sessions)) // DAY
    row = np.minimum(np.searchsorted(sessions.dates, day), len(sessions.dates) - 1)
    return day, row, wall - day * DAY, sessions.dates[row] == day


def _place(sessions: Sessions, clock: Clock, stamps: Int) -> _Placed:
    _, row, offset, inside = _offsets(sessions, clock, stamps)
    return _Placed(row[inside], offset[inside])


def trading_days(sessions: Sessions, clock: Clock, stamps: Int) -> tuple[Int, Int]:
    """Days (sessions or not) that have bars, since 1970-01-01, and how many each has."""
    days, counts = np.unique(_offsets(sessions, clock, stamps)[0], return_counts=True)
    return days, counts.astype(np.int64)


def fit_clock(sessions: Sessions, stamps: Int, volume: Float) -> Clock:
    """Whether stamps are instants, the exchange's wall time, or that of a server some hours ahead.

    The right clock has the most trading, by volume where there is any, within the opening hours.
    """
    stamps, volume = stamps[-_EVIDENCE:], volume[-_EVIDENCE:]
    weight = np.nan_to_num(volume)
    if not weight.sum() > 0:
        weight = np.ones(len(stamps))
    # Ranks instead of sums: one day of record volume is not worth a month of others.
    weight = np.minimum(weight, np.median(weight[weight > 0]) * 3)
    shifts = sorted(range(-14, 15), key=lambda hours: (abs(hours), -hours))
    clocks = [Clock(sessions.zone), *(Clock(ahead=hours * HOUR) for hours in shifts)]
    shares = [_share_inside(sessions, clock, stamps, weight) for clock in clocks]
    likely = [clock for clock, share in zip(clocks, shares, strict=True) if share > max(shares) - 0.05]
    if len(likely) == 1 or not max(shares) > 0:
        return likely[0]
    # Across a change of daylight saving only one of them holds still; else the first is the plainest.
    unrest = []
    for clock in likely:
        placed = _place(sessions, clock, stamps)
        unrest.append(round(disagreement(placed.row, placed.offset), 3))
    return likely[int(np.argmin(unrest))]


def _share_inside(sessions: Sessions, clock: Clock, stamps: Int, weight: Float) -> float:
    _, row, offset, inside = _offsets(sessions, clock, stamps)
    inside &= (offset >= sessions.opens[row]) & (offset <= sessions.closes[row])
    return float(weight[inside].sum() / weight.sum())


def _hours(sessions: Sessions, rows: slice) -> tuple[int, int]:
    """Usual open and close of some sessions."""
    return int(np.median(sessions.opens[rows])), int(np.median(sessions.closes[rows]))


def _within(sessions: Sessions, rows: slice, slots: Int, chosen: Bool) -> Bool:
    """Which chosen slots each session has, shape (rows, slots): half days end early, in their way.

    A vendor whose bars end some time after the usual close (after-hours, or bars stamped at their end)
    is taken to end as long after an early close.
    """
    expected = np.broadcast_to(chosen, (len(sessions.opens[rows]), len(slots))).copy()
    if not chosen.any():
        return expected
    usual_open, usual_close = _hours(sessions, rows)
    first, last = int(slots[chosen][0]), int(slots[chosen][-1])
    opens, closes = sessions.opens[rows, None], sessions.closes[rows, None]
    end = np.where(last >= usual_close, closes + (last - usual_close), closes - 1)
    start = opens + min(0, first - usual_open)
    expected &= np.where(closes < usual_close, slots <= end, True)
    expected &= np.where(opens > usual_open, slots >= start, True)
    return expected


def _learn(sessions: Sessions, placed: _Placed, step: int) -> tuple[slice, Fold, Bool]:
    """Sessions from the first to the last with bars, their fold, and the slots of the opening hours."""
    low, high = int(placed.row[0]), int(placed.row[-1]) + 1
    rows = slice(low, high)
    recent = slice(max(0, high - _STRETCH), high)
    usual_open, usual_close = _hours(sessions, recent)
    phase = usual_phase(placed.offset[-_EVIDENCE:], step)
    hours = grid(usual_open, usual_close, step, phase)
    pause = np.median(sessions.breaks[recent], axis=0)
    hours = hours[(hours < pause[0]) | (hours >= pause[1])]
    few = len(np.unique(placed.row)) < _FEW
    folded = fold(placed.row - low, placed.offset, high - low, hours if few else hours[:0], _STRETCH)
    return rows, folded, np.isin(folded.slots, hours)


def future_bars(sessions: Sessions, clock: Clock, stamps: Int, step: int, n: int) -> Int:
    """The next ``n`` stamps within sessions; empty if no bar so far lies in a session.

    Args:
        sessions: must reach far enough ahead.
        clock: from `fit_clock`.
        stamps: all bars, nanoseconds, ascending.
        step: the interval in nanoseconds.
        n: how many are wanted.
    """
    placed = _place(sessions, clock, stamps)
    if not len(placed.row):
        return stamps[:0]
    rows, folded, usual = _learn(sessions, placed, step)
    newest = folded.stretches()[-1]
    chosen = folded.pattern(newest, usual)
    if not chosen.any():
        # Sparse trading: no slot has a majority. As many of the commonest as a session has bars.
        counts = folded.present[newest].sum(axis=0)
        bars_a_session = max(round(counts.sum() / folded.present[newest].any(axis=1).sum()), 1)
        common = np.argsort(-counts, kind="stable")[:bars_a_session]
        chosen = np.isin(np.arange(len(counts)), common)
    ahead = slice(rows.stop - 1, rows.stop + 3 * (n // int(chosen.sum()) + 2) + 10)
    expected = _within(sessions, ahead, folded.slots, chosen)
    wall = (sessions.dates[ahead, None] * DAY + folded.slots)[expected]
    later = clock.write(wall)
    return np.unique(later[later > stamps[-1]])[:n]


def missing_bars(sessions: Sessions, clock: Clock, stamps: Int, step: int) -> Int:
    """Absent stamps between the first and the last bar that sessions and learnt slots expect."""
    placed = _place(sessions, clock, stamps)
    if not len(placed.row):
        return stamps[:0]
    rows, folded, usual = _learn(sessions, placed, step)
    found: list[Int] = []
    for stretch in folded.stretches():
        chosen = folded.pattern(stretch, usual)
        span = slice(rows.start + stretch.start, rows.start + stretch.stop)
        absent = _within(sessions, span, folded.slots, chosen)
        absent &= ~folded.present[stretch] & folded.observed[stretch]
        found.append((sessions.dates[span, None] * DAY + folded.slots)[absent])
    return np.unique(clock.write(np.concatenate(found)))
