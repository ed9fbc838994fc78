"""Where an axis is labelled, and with what."""

from collections.abc import Callable

import numpy as np
import pandas as pd
from matplotlib.ticker import MaxNLocator

Ticks = list[tuple[float, str]]

# Coarsest first: numpy's unit, how many of them make the period, and how its first bar is labelled.
_PERIODS = (
    ("Y", 1, "%Y"),
    ("M", 3, "%b %Y"),
    ("M", 1, "%b %Y"),
    ("D", 7, "%d %b"),
    ("D", 1, "%d %b"),
    ("h", 1, "%d %b %H:%M"),
    ("m", 1, "%H:%M"),
)
_MONDAY = 3  # days from a Monday to 1970-01-01
_LEAST_LABELS, _MOST_LABELS = 4, 9
_MOST_DECIMALS = 6


def time_ticks(first: int, times: pd.DatetimeIndex) -> Ticks:
    """Labels for positions `first`, `first` + 1, ... where a year, month, week, day or hour begins."""
    stamps = times.tz_localize(None).to_numpy()
    starts, pattern = np.empty(0, dtype=np.int64), ""
    for unit, count, pattern in _PERIODS:  # noqa: B007  # the last one tried is used
        numbers = stamps.astype(f"datetime64[{unit}]").astype(np.int64)
        periods = (numbers + (_MONDAY if count == 7 else 0)) // count
        starts = np.flatnonzero(np.diff(periods)) + 1
        if len(starts) >= _LEAST_LABELS:
            break
    while len(starts) > _MOST_LABELS:
        starts = starts[::2]
    # A label is centred on its tick: at the right edge it would be cut off.
    starts = starts[starts < 0.96 * len(times)]
    return [(first + float(index), times[index].strftime(pattern)) for index in starts.tolist()]


def whole_ticks(low: float, high: float) -> Ticks:
    """Whole numbers that cover a range."""
    values = np.asarray(MaxNLocator(11, steps=[1, 2, 5, 10], integer=True).tick_values(low, high))
    return [(value, _signed(f"{value:.0f}")) for value in values.tolist()]


def number_ticks(low: float, high: float, text: Callable[[float], str] | None) -> Ticks:
    """Round numbers that cover a range, as ``text`` or with as few decimals as tell them apart."""
    values = np.asarray(MaxNLocator(7, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)).tolist()
    if text is None:
        step = values[1] - values[0]
        # As few decimals as tell all ticks apart.
        decimals = next(
            (d for d in range(20) if all(abs(round(v, d) - v) < step / 1000 for v in values)), 20
        )
        # Coins at 1e-7 have no room for all their zeros.
        style = f".{decimals}f" if decimals <= _MOST_DECIMALS else ".6g"
        return [(value, _signed(f"{value:{style}}")) for value in values]
    return [(value, text(value)) for value in values]


def _signed(number: str) -> str:
    return number.replace("-", "\N{MINUS SIGN}") if float(number) else number.lstrip("-")


def within(ticks: Ticks, limits: tuple[float, float]) -> Ticks:
    """Those inside a range, its bounds included."""
    slack = 1e-9 * (limits[1] - limits[0])
    return [tick for tick in ticks if limits[0] - slack <= tick[0] <= limits[1] + slack]
