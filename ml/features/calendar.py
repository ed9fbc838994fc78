"""Calendar features: where a bar's own stamp stands in day, week, month and year, on a circle.

A pair keeps neighbours close (23:59 beside 00:00, December beside January), which a bare number does
not. The stamp is the normalised one, in UTC: the session date of daily bars, the instant of intraday
ones.
"""

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
TimeArray = NDArray[np.datetime64]

_DAY_NS = 86_400_000_000_000
_MINUTE_NS = 60_000_000_000
_EPOCH_WEEKDAY = 3  # 1970-01-01 was a Thursday; Monday is 0


def circle(position: FloatArray, period: float) -> tuple[FloatArray, FloatArray]:
    """Sine and cosine of a position on a circle."""
    angle = position * (2 * np.pi / period)
    return np.sin(angle), np.cos(angle)


def day_of_week(stamps: TimeArray) -> tuple[FloatArray, ...]:
    """Monday 0 to Sunday 6, once, twice and thrice around the circle.

    Any seven values are a sum of these six columns and a constant: a Monday effect is linear in them, of
    which the first pair alone sees a part.
    """
    days = stamps.astype("datetime64[D]").astype(np.int64)
    position = ((days + _EPOCH_WEEKDAY) % 7).astype(np.float64)
    return tuple(part for times in (1, 2, 3) for part in circle(times * position, 7))


def day_of_month(stamps: TimeArray) -> tuple[FloatArray, FloatArray]:
    """Share of the month passed at the day's start: months of 28 and of 31 days both close."""
    months = stamps.astype("datetime64[M]")
    first = months.astype("datetime64[D]")
    length = (months + 1).astype("datetime64[D]") - first
    return circle((stamps.astype("datetime64[D]") - first) / length, 1)


def month(stamps: TimeArray) -> tuple[FloatArray, FloatArray]:
    """January 0 to December 11."""
    months = stamps.astype("datetime64[M]").astype(np.int64)
    return circle((months % 12).astype(np.float64), 12)


def hour(stamps: TimeArray) -> tuple[FloatArray, FloatArray]:
    """Hour of the UTC day, 0 to 23."""
    return circle((_minutes(stamps) // 60).astype(np.float64), 24)


def minute_of_day(stamps: TimeArray) -> tuple[FloatArray, FloatArray]:
    """Minute of the UTC day, 0 to 1439."""
    return circle(_minutes(stamps).astype(np.float64), 1440)


def _minutes(stamps: TimeArray) -> NDArray[np.int64]:
    nanoseconds = stamps.astype("datetime64[ns]").astype(np.int64)
    return (nanoseconds % _DAY_NS) // _MINUTE_NS
