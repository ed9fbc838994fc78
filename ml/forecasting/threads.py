"""What torch has one of for the whole process: its thread count and its random numbers."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch

_seeded = threading.Lock()


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """Set torch's thread count for a block.

    The networks are small: one thread each is fastest, and several that wait for each other on busy
    cores are many times slower (measured: 194 ms instead of 2 for one window, on two cores at load 5).
    """
    before = torch.get_num_threads()
    if before == count:
        yield
        return
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def torch_seed(seed: int) -> Iterator[None]:
    """Seed torch's random numbers for a block; blocks of several threads take turns.

    Initial weights and dropout draw from one generator, which all threads of the process share: two that
    train at once would draw from each other's seed. Turns cost nothing: two trainings at once took
    longer than one after the other (1.5 s and 1.2 s, on two cores).
    """
    with _seeded:
        torch.manual_seed(seed)
        yield
