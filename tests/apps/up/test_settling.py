import os
import resource
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import watchfiles  # noqa: F401  # before no file can be opened any more

from apps.up.settling import Settling, noticing
from ml.config import UpConfig


class _Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_file_counts_when_it_has_stayed_the_same_for_a_while(tmp_path: Path) -> None:
    clock, path = _Clock(), tmp_path / "AAPL_1d.csv"
    settling = Settling(2.0, clock)
    path.write_text("half")
    assert settling.unsettled([path]) == {path}
    clock.now += 1.9
    path.write_text("half and more")
    assert settling.unsettled([path]) == {path}
    clock.now += 1.9
    assert settling.unsettled([path]) == {path}
    clock.now += 0.2
    assert settling.unsettled([path]) == set()


def test_a_file_that_was_replaced_by_one_of_the_same_size_and_date_settles_anew(tmp_path: Path) -> None:
    clock, path = _Clock(), tmp_path / "AAPL_1d.csv"
    settling = Settling(2.0, clock)
    path.write_text("one")
    status = path.stat()
    settling.unsettled([path])
    clock.now += 3
    assert settling.unsettled([path]) == set()
    time.sleep(0.02)  # a change time of its own
    path.write_text("two")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert settling.unsettled([path]) == {path}


def test_a_file_that_went_away_is_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "AAPL_1d.csv"
    path.write_text("one")
    settling = Settling(60.0)
    assert settling.unsettled([path]) == {path}
    path.unlink()
    assert settling.unsettled([path]) == set()


def test_an_event_ends_the_waiting(tmp_path: Path) -> None:
    came = threading.Event()

    def drop() -> None:
        while not came.wait(0.1):  # again, for nobody says when the watch has begun
            (tmp_path / "AAPL_1d.csv").write_text("bars")

    with noticing(tmp_path, UpConfig(), threading.Event()) as wait, ThreadPoolExecutor(1) as other:
        dropping = other.submit(drop)
        began = time.monotonic()
        wait(50.0)
        came.set()
        dropping.result()
        assert time.monotonic() - began < 45


def test_the_end_ends_the_waiting(tmp_path: Path) -> None:
    stop = threading.Event()
    with noticing(tmp_path, UpConfig(), stop) as wait:
        stop.set()
        began = time.monotonic()
        wait(50.0)
        assert time.monotonic() - began < 45


def test_where_the_system_has_no_watch_to_give_the_clock_says_when_to_look(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))  # no file more, and so no watch
    try:
        with noticing(tmp_path, UpConfig(poll_seconds=0.1), threading.Event()) as wait:
            began = time.monotonic()
            wait(50.0)
            wait(50.0)
            assert time.monotonic() - began < 45
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_polling_waits_no_longer_than_it_is_told(tmp_path: Path) -> None:
    with noticing(tmp_path, UpConfig(notice="poll", poll_seconds=0.1), threading.Event()) as wait:
        began = time.monotonic()
        wait(50.0)
        assert time.monotonic() - began < 45
