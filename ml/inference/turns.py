"""One thread at a time loads a series; the others wait for what it loads, and do not load it too."""

import threading
from typing import Final

from ml.series import SeriesKey

_STRIPES: Final = 64


class Turns:
    """A lock for each series: two series may share one, so that there are not more and more."""

    def __init__(self) -> None:
        self._locks = tuple(threading.Lock() for _ in range(_STRIPES))

    def of(self, key: SeriesKey) -> threading.Lock:
        """The lock of a series, to be held by a ``with`` block."""
        return self._locks[hash(key) % _STRIPES]
