"""Bars without a session: one every interval, on the series' own grid."""

import numpy as np

from ml.data.calendars.sessions import Int
from ml.data.calendars.slots import usual_phase

_EVIDENCE = 200  # newest bars that choose the grid


def _phase(stamps: Int, step: int) -> int:
    """Where the grid lies; a last bar that is still growing may be stamped off it."""
    recent = stamps[-_EVIDENCE:]
    phase = usual_phase(recent, step)
    on_grid = (recent % step == phase).mean()
    return phase if on_grid >= 0.5 else int(stamps[-1] % step)


def future_bars(stamps: Int, step: int, n: int) -> Int:
    """The next ``n`` points of the grid after the last bar (nanoseconds)."""
    phase = _phase(stamps, step)
    first = (int(stamps[-1]) - phase) // step + 1
    return (first + np.arange(n, dtype=np.int64)) * step + phase


def missing_bars(stamps: Int, step: int) -> Int:
    """Points of the grid between the first and the last bar whose interval has no bar."""
    phase = _phase(stamps, step)
    present = (stamps - phase) // step
    cell = np.zeros(int(present[-1] - present[0]) + 1, dtype=bool)
    cell[present - present[0]] = True
    absent: Int = (np.flatnonzero(~cell) + present[0]) * step + phase
    return absent
