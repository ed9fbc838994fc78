"""Waiting for what happens in other processes."""

import time
from collections.abc import Callable


def until(holds: Callable[[], bool], seconds: float) -> None:
    """Return as soon as something holds.

    Raises:
        TimeoutError: it did not within the seconds.
    """
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            raise TimeoutError(f"not within {seconds} s")
        time.sleep(0.1)
