"""Waiting for what happens in other threads and processes."""

import time
from collections.abc import Callable


def until(holds: Callable[[], object], seconds: float = 120) -> None:
    """Return as soon as something holds.

    Raises:
        TimeoutError: it did not within the seconds: many times what it takes where nothing else runs.
    """
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            raise TimeoutError(f"not within {seconds} s")
        time.sleep(0.05)
