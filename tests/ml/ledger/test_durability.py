"""The ledger under kills, several writers, and files that are none of its own."""

import os
import signal
import sqlite3
import sys
from pathlib import Path
from types import FrameType
from typing import Any

import pandas as pd
import pytest

from ml.config import Settings
from ml.errors import LedgerError
from ml.ledger import book, database
from ml.ledger.database import NAME, opened
from ml.ledger.record import live_record
from tests.ml.artifacts.processes import forked, status_of
from tests.ml.ledger.worlds import AAPL, days, score, settings_in, write_pair

BARS = days()


def forecast_ten(settings: Settings) -> None:
    for asof in range(10, 20):
        write_pair(settings, BARS, asof)


def test_a_scorer_that_dies_in_the_middle_leaves_all_or_nothing_and_the_next_one_ends_it(
    tmp_path: Path,
) -> None:
    settings = settings_in(tmp_path)
    forecast_ten(settings)
    score(settings, BARS.iloc[:15])
    before = live_record(settings.predictions_dir, AAPL)
    lines, counts = 1, []
    while True:
        status = status_of(forked(lambda at=lines: killed_at(at, settings)))  # type: ignore[misc]
        found = live_record(settings.predictions_dir, AAPL)
        counts.append(len(found))
        kept = found.merge(before[["asof", "step"]], on=["asof", "step"])
        pd.testing.assert_frame_equal(kept, before)
        if status == 0 or len(found) != len(before):
            break
        assert status == -signal.SIGKILL
        lines += 9
    assert len(counts) > 10
    assert set(counts) == {len(before), 30}
    score(settings, BARS)
    assert len(live_record(settings.predictions_dir, AAPL)) == 30


def killed_at(line: int, settings: Settings) -> None:
    """Score, and die at the so many-th line of what writes."""
    files, left = {book.__file__, database.__file__}, [line]

    def trace(frame: FrameType, event: str, _: object) -> Any:
        if frame.f_code.co_filename not in files:
            return None
        if event == "line":
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return trace

    sys.settrace(trace)
    score(settings, BARS)


def test_two_scorers_at_once_write_each_step_once(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    forecast_ten(settings)
    alone = settings_in(tmp_path / "alone")
    forecast_ten(alone)
    score(alone, BARS)
    children = [forked(lambda: killed_at(0, settings)) for _ in range(4)]
    assert [status_of(child) for child in children] == [0] * 4
    pd.testing.assert_frame_equal(
        live_record(settings.predictions_dir, AAPL), live_record(alone.predictions_dir, AAPL)
    )
    with sqlite3.connect(settings.predictions_dir / NAME) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("SELECT count(*) FROM step").fetchone() == (30,)
    connection.close()


def test_the_ledger_keeps_no_file_beside_it(tmp_path: Path) -> None:
    """A write-ahead log needs shared memory, which a network drive does not have."""
    settings = settings_in(tmp_path)
    forecast_ten(settings)
    with opened(settings.predictions_dir) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    score(settings, BARS)
    assert [path.name for path in settings.predictions_dir.glob("ledger*")] == [NAME]


def write_too_much(settings: Settings) -> None:
    with opened(settings.predictions_dir) as connection:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages}")
        with database.writing(connection):
            connection.execute("UPDATE step SET actual = 1.0")
            rows = [(f"{number:0500d}", 1, 1, "") for number in range(1000)]
            connection.executemany("INSERT INTO pair VALUES (?, ?, ?, ?)", rows)


def test_a_full_disk_is_an_error_that_says_so_and_changes_nothing(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    forecast_ten(settings)
    score(settings, BARS.iloc[:15])
    before = live_record(settings.predictions_dir, AAPL)
    with pytest.raises(LedgerError, match="full"):
        write_too_much(settings)
    pd.testing.assert_frame_equal(live_record(settings.predictions_dir, AAPL), before)


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"not a database" * 100, "file is not a database"),
        (b"SQLite format 3\0" + b"\xff" * 4000, "database"),
    ],
)
def test_a_damaged_ledger_is_an_error_that_says_what_to_do(
    tmp_path: Path, content: bytes, found: str
) -> None:
    settings = settings_in(tmp_path)
    forecast_ten(settings)
    (settings.predictions_dir / NAME).write_bytes(content)
    with pytest.raises(LedgerError, match=found) as raised:
        score(settings, BARS)
    assert raised.value.hint
    with pytest.raises(LedgerError):
        live_record(settings.predictions_dir, AAPL)


def test_a_ledger_of_a_newer_tickerflow_and_another_database_are_refused(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    forecast_ten(settings)
    score(settings, BARS)
    with sqlite3.connect(settings.predictions_dir / NAME) as connection:
        connection.execute("PRAGMA user_version = 2")
    connection.close()
    with pytest.raises(LedgerError, match="newer Tickerflow"):
        score(settings, BARS)
    other = settings_in(tmp_path / "other")
    other.predictions_dir.mkdir(parents=True)
    with sqlite3.connect(other.predictions_dir / NAME) as connection:
        connection.execute("CREATE TABLE mine (x)")
    connection.close()
    with pytest.raises(LedgerError, match="another database"):
        score(other, BARS)
