"""Promoters take turns, readers never see a mix, a dead process holds no lock."""

import os
import signal
import sys
import threading
import time
from functools import partial
from pathlib import Path
from types import FrameType

import pytest

from ml.errors import BusySeriesError
from ml.series import SeriesKey
from tests.ml.artifacts.processes import forked, status_of
from tests.ml.artifacts.samples import AAPL, number_of, promote, toy_bundle, toy_store

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")

PROMOTIONS = 15


def test_two_promoters_and_four_readers_never_meet_a_mix(tmp_path: Path) -> None:
    promote(toy_store(tmp_path), toy_bundle(1))
    last = 1 + 2 * PROMOTIONS

    def promoting(first: int) -> None:
        store = toy_store(tmp_path)
        for number in range(first, first + PROMOTIONS):
            meta = promote(store, toy_bundle(number, model="gru" if number % 3 else "toy"))
            assert meta.metrics["number"] == float(number)

    def reading() -> None:
        store, generation, reads = toy_store(tmp_path), 0, 0
        while generation < last:
            bundle = store.champion(AAPL)
            number_of(bundle)
            assert bundle.meta.generation >= generation, "the past came back"
            generation, reads = bundle.meta.generation, reads + 1
        assert reads > 1

    children = [forked(partial(promoting, first)) for first in (100, 200)]
    children += [forked(reading) for _ in range(4)]
    assert [status_of(child) for child in children] == [0] * 6

    store = toy_store(tmp_path)
    champion = store.champion_meta(AAPL)
    assert champion is not None
    assert champion.generation == len(store.history(AAPL)) == last  # none was lost


def test_a_held_series_says_who_holds_it(tmp_path: Path) -> None:
    reading, writing = os.pipe()

    def hold() -> None:
        with toy_store(tmp_path).lock(AAPL, 1):
            os.write(writing, b"x")
            time.sleep(600)  # longer than a test may take: it is killed

    child = forked(hold)
    assert os.read(reading, 1) == b"x"
    store = toy_store(tmp_path)
    started = time.monotonic()
    with pytest.raises(BusySeriesError, match=f"process {child} since 2"), store.lock(AAPL, 0.2):
        pytest.fail("the lock was free")
    assert time.monotonic() - started > 0.1
    with pytest.raises(BusySeriesError):
        store.promote(toy_bundle(1), {}, expected_champion=None)
    promote(store, toy_bundle(2, SeriesKey.of("MSFT", "1d")))  # others go on

    os.kill(child, signal.SIGKILL)
    assert status_of(child) == -signal.SIGKILL
    promote(store, toy_bundle(3))  # the kernel has released it
    assert number_of(store.champion(AAPL)) == 3


def test_the_lock_is_reentrant_in_a_thread_and_exclusive_between_threads(tmp_path: Path) -> None:
    store = toy_store(tmp_path)
    outcome: list[str] = []

    def other() -> None:
        try:
            with store.lock(AAPL, 0.1):
                outcome.append("held twice")
        except BusySeriesError:
            outcome.append("busy")

    with store.lock(AAPL, 1), store.lock(AAPL, 1):
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert outcome == ["busy"]
    with store.lock(AAPL, 0):
        pass


def test_a_waiting_promoter_gets_its_turn(tmp_path: Path) -> None:
    store = toy_store(tmp_path)
    reading, writing = os.pipe()

    def promote_when_free() -> None:
        own = toy_store(tmp_path)
        sys.setprofile(partial(_tell_of_sleep, writing))
        with own.lock(AAPL, 600):
            promote(own, toy_bundle(2))

    with store.lock(AAPL, 1):
        child = forked(promote_when_free)
        os.close(writing)
        assert os.read(reading, 1) == b"x"  # it has tried, and waits to try again
        store.promote(toy_bundle(1), {}, expected_champion=None)
    assert status_of(child) == 0
    assert number_of(store.champion(AAPL)) == 2


def _tell_of_sleep(channel: int, _frame: FrameType, event: str, function: object) -> None:
    if event == "c_call" and getattr(function, "__name__", "") == "sleep":
        sys.setprofile(None)
        os.write(channel, b"x")
