"""The last bars before each of several origins, each continued by its own forecast.

Plain arrays, side by side: a forecast feeds back up to seven blocks, and building data frames for them
took three times as long as the network.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Columns = dict[str, NDArray[Any]]

_USUAL_BARS = 20  # recent bars: their mean volume and median spacing are the forecast bars'


class Histories:
    """Bars of several origins, that grow block by block.

    Args:
        columns: whole columns of a series by name, each ``(n_bars,)``; ``close`` is one of them.
        anchors: position of the last bar of each history, ``(n,)``.
        tail: bars that are kept of each history at most.
        room: bars by which each will grow at most.
        futures: for each origin the stamps of the bars to come, in UTC; where they are not known, or not
            that far, the spacing of the last bars goes on.
    """

    def __init__(
        self,
        columns: Mapping[str, NDArray[Any]],
        anchors: NDArray[np.int64],
        tail: int,
        room: int,
        futures: Sequence[pd.DatetimeIndex] | None,
    ) -> None:
        self._tail, self._end, self._grown = tail, tail, 0
        self._starts = np.maximum(0, tail - 1 - anchors)
        self._arrays: Columns = {}
        for name, values in columns.items():
            grown = np.empty((len(anchors), tail + room), dtype=values.dtype)
            for row, (anchor, start) in enumerate(zip(anchors, self._starts, strict=True)):
                known = tail - start
                grown[row, start:tail] = values[anchor + 1 - known : anchor + 1]
            self._arrays[name] = grown
        self._futures = [_nanoseconds(future) for future in futures or ()]
        self._volume = np.empty(0)
        if "volume" in self._arrays:
            recent = (
                self._arrays["volume"][row, max(start, tail - _USUAL_BARS) : tail]
                for row, start in enumerate(self._starts)
            )
            self._volume = np.array([volumes.mean() for volumes in recent])

    @property
    def origins(self) -> Floats:
        """The last known closes, ``(n,)``."""
        closes: Floats = self._arrays["close"][:, self._tail - 1]
        return closes

    def each(self) -> list[Columns]:
        """The columns of every history, as views: its last bars, the fed back ones included."""
        first = np.maximum(self._starts, self._end - self._tail)
        return [
            {name: values[row, start : self._end] for name, values in self._arrays.items()}
            for row, start in enumerate(first)
        ]

    def grow(self, closes: Floats) -> None:
        """Feed closes ``(n, count)`` back as bars: from close to close, of usual volume."""
        count = closes.shape[1]
        added = slice(self._end, self._end + count)
        before = self._arrays["close"][:, self._end - 1 : self._end]
        opened = np.concatenate([before, closes[:, :-1]], axis=1)
        for name, values in self._arrays.items():
            match name:
                case "close":
                    values[:, added] = closes
                case "open":
                    values[:, added] = opened
                case "high":
                    values[:, added] = np.maximum(opened, closes)
                case "low":
                    values[:, added] = np.minimum(opened, closes)
                case "volume":
                    values[:, added] = self._volume[:, None]
                case "timestamp":
                    self._grow_stamps(values.view(np.int64), added, count)
        self._end += count
        self._grown += count

    def _grow_stamps(self, stamps: NDArray[np.int64], added: slice, count: int) -> None:
        for row, start in enumerate(self._starts):
            known = self._futures[row][self._grown : self._grown + count] if self._futures else ()
            if len(known) == count:
                stamps[row, added] = known
                continue
            recent = stamps[row, max(start, self._end - _USUAL_BARS) : self._end]
            step = int(np.median(np.diff(recent)))
            stamps[row, added] = recent[-1] + step * np.arange(1, count + 1)


def _nanoseconds(stamps: pd.DatetimeIndex) -> NDArray[np.int64]:
    nanoseconds: NDArray[np.int64] = stamps.as_unit("ns").asi8
    return nanoseconds
