"""Which of the numbers in 03/04/2020 is the day: decided over the whole column, or not at all."""

from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from ml.data.reading.overrides import override_text
from ml.errors import AmbiguousFileError

Ints = NDArray[np.integer]
_NAMES = {"dmy": "day first", "mdy": "month first", "ymd": "year first"}


def days(year: Ints, month: Ints, day: Ints) -> NDArray[np.datetime64]:
    """Dates ``(n,)`` of the calendar, years as written; NaT where there is no such day."""
    same = (year[1:] == year[:-1]) & (month[1:] == month[:-1]) & (day[1:] == day[:-1])
    starts = np.flatnonzero(np.append(True, ~same)[: len(year)])
    # Of intraday stamps, many rows on end have one date.
    if 4 * len(starts) > len(year):
        return _days(full_year(year), month, day)
    dates = _days(full_year(year[starts]), month[starts], day[starts])
    return np.repeat(dates, np.diff(starts, append=len(year)))


def _days(year: Ints, month: Ints, day: Ints) -> NDArray[np.datetime64]:
    sane = (month >= 1) & (month <= 12) & (day >= 1) & (day <= 31) & (year >= 1678) & (year <= 2261)
    months = ((np.where(sane, year, 1970) - 1970) * 12 + np.where(sane, month, 1) - 1).astype(
        "datetime64[M]"
    )
    dates = months.astype("datetime64[D]") + (np.where(sane, day, 1) - 1).astype("timedelta64[D]")
    wrong = ~sane | (dates.astype("datetime64[M]") != months)
    dates[wrong] = np.datetime64("NaT")
    return np.asarray(dates, dtype="datetime64[D]")


def full_year(year: Ints) -> Ints:
    """To four digits: 69 to 99 are the last century's, as POSIX has it; 109 is 2020 in Taiwan."""
    year = np.where((year >= 100) & (year < 200), year + 1911, year)
    return np.where(year >= 100, year, np.where(year >= 69, year + 1900, year + 2000))


def decide_order(
    parts: tuple[Ints, Ints, Ints],
    *,
    short: bool,
    dotted: bool,
    spacing: timedelta,
    day_first: bool | None,
    filename: str,
    example: str,
) -> str:
    """``dmy``, ``mdy`` or ``ymd`` for three numbers that stand in a row.

    Args:
        parts: the numbers as written, ``(n,)`` each, in file order.
        short: all three have two digits, so that the first may be the year.
        dotted: written with dots, where nobody puts the month first.
        spacing: the series' interval.
        day_first: what an override says.
        filename: for the override in the error's hint.
        example: a stamp as written, for the error.

    Raises:
        AmbiguousFileError: when two readings are equally good; the hint holds the override.
    """
    orders: list[str] = ["dmy", "mdy", "ymd"] if short else ["dmy", "mdy"]
    if day_first is not None:
        return "dmy" if day_first else "mdy"
    valid = {order: _possible(parts, order) for order in orders}
    best = max(valid.values())
    # One 13 decides where all else fits; among mistakes it takes more than a few.
    orders = [order for order in orders if valid[order] >= best - (0.01 if best < 1 else 0)]
    if best < 0.5 or len(orders) == 1:
        return orders[0]
    readings = {order: read_parts(parts, order) for order in orders}
    # All of one day and month (05/05): there is nothing to decide.
    orders = [
        o for i, o in enumerate(orders) if not any(_same(readings[o], readings[p]) for p in orders[:i])
    ]
    if len(orders) == 1:
        return orders[0]
    if dotted and "dmy" in orders:
        return "dmy"
    scores = {order: _regularity(readings[order], spacing) for order in orders}
    ranked = sorted(orders, key=lambda order: -scores[order])
    if scores[ranked[0]] >= 0.75 and scores[ranked[1]] < 0.7 * scores[ranked[0]]:
        return ranked[0]
    advice = "write into overrides.toml (true: the day comes first, false: the month does):\n"
    raise AmbiguousFileError(
        f"expected dates that can be read in one way, found {example!r} and no other date that decides "
        f"between {_NAMES[ranked[0]]} and {_NAMES[ranked[1]]}",
        hint=advice + override_text(filename, day_first=True),
        where=filename,
    )


def _possible(parts: tuple[Ints, Ints, Ints], order: str) -> float:
    """Share of rows whose month and day are within their bounds in this order."""
    a, b, c = parts
    month, day = {"dmy": (b, a), "mdy": (a, b), "ymd": (b, c)}[order]
    return float(((month >= 1) & (month <= 12) & (day >= 1) & (day <= 31)).mean())


def read_parts(parts: tuple[Ints, Ints, Ints], order: str) -> NDArray[np.datetime64]:
    """The dates ``(n,)`` in this order."""
    a, b, c = parts
    if order == "ymd":
        return days(a, b, c)
    month, day = (a, b) if order == "mdy" else (b, a)
    return days(c, month, day)


def _same(first: NDArray[np.datetime64], second: NDArray[np.datetime64]) -> bool:
    return bool(((first == second) | (np.isnat(first) & np.isnat(second))).all())


def _regularity(dates: NDArray[np.datetime64], spacing: timedelta) -> float:
    """Share of steps from date to date that go one way and are about as long as they should be."""
    steps = np.diff(dates[~np.isnat(dates)].astype(np.int64))
    steps = steps[steps != 0]
    if len(steps) == 0:
        return 0.0
    nominal = max(1.0, spacing / timedelta(days=1))
    longest = max(6 * nominal, 5.0)  # a weekend and a holiday
    regular = (np.abs(steps) >= 0.5 * nominal) & (np.abs(steps) <= longest)
    upward = float((regular & (steps > 0)).mean())
    return max(upward, float((regular & (steps < 0)).mean()))
