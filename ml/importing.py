"""Importing much at once, at the start of a process."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_collector() -> Iterator[None]:
    """Import without the garbage collector: what is imported stays.

    torch, pandas and their like make millions of objects that the collector walks through again and
    again: a sixth of the time. What was made is left out of its later walks too, so that pages shared
    with a forked worker stay shared.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_on:
            gc.enable()
