"""The worker processes, as they start."""

import signal
import sys
from concurrent.futures import ProcessPoolExecutor

import pytest

from flows.workshop import start_workshop

IMPORTED = ("torch", "pandera", "ml.training.trainer", "ml.evaluation.promotion", "tasks.promote")


def begin() -> tuple[set[str], set[int]]:
    """What a worker has imported when it begins, and the signals that it does not hear."""
    return set(sys.modules), {int(number) for number in signal.pthread_sigmask(signal.SIG_BLOCK, [])}


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
def test_a_worker_starts_with_what_trains_already_imported() -> None:
    with ProcessPoolExecutor(1, mp_context=start_workshop()) as pool:
        modules, blocked = pool.submit(begin).result(timeout=120)
    assert set(IMPORTED) <= modules
    # The process it is forked from outlives a signal to the group of the run, and has this mask too.
    assert signal.SIGTERM in blocked
