"""The ledger's file: made once, seen whole or not at all."""

import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from types import FrameType

from ml.errors import LedgerError
from ml.ledger.database import NAME, opened, reading


def test_who_reads_while_the_ledger_is_made_sees_none_or_all_of_it(tmp_path: Path) -> None:
    wrong: list[LedgerError] = []
    seen: set[bool] = set()

    def read(folder: Path, looked: Event, made: Event) -> None:
        while not made.is_set():
            try:
                with reading(folder) as connection:
                    seen.add(connection is not None)
                    if connection is not None:
                        connection.execute("SELECT count(*) FROM alarm").fetchone()
            except LedgerError as error:
                wrong.append(error)
            looked.set()

    for number in range(40):
        folder, looked, made = tmp_path / str(number), Event(), Event()
        reader = Thread(target=read, args=(folder, looked, made))
        reader.start()
        looked.wait()
        with opened(folder):
            made.set()
        reader.join()
    assert wrong == []
    assert False in seen


def test_a_ledger_that_is_made_between_two_statements_of_a_reader_is_seen_whole_or_not_at_all(
    tmp_path: Path,
) -> None:
    seen: list[bool] = []
    for number in range(1, 20):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / NAME).touch()
        with statements(number, folder) as made, reading(folder) as connection:
            seen.append(connection is not None)
            if connection is not None:
                connection.execute("SELECT count(*) FROM alarm").fetchone()
        if not made:
            break
    assert len(seen) > 3
    assert seen[0], "made before the first statement"
    assert not seen[-1], "not made at all"


@contextmanager
def statements(number: int, folder: Path) -> Iterator[list[bool]]:
    """Make the ledger before the Nth statement of the block; tells whether there was one."""
    made: list[bool] = []
    left = number

    def look(_frame: FrameType, event: str, function: object) -> None:
        nonlocal left
        if event != "c_call" or getattr(function, "__name__", "") != "execute":
            return
        if not isinstance(getattr(function, "__self__", None), sqlite3.Connection):
            return
        left -= 1
        if left == 0:
            sys.setprofile(None)
            with opened(folder):
                made.append(True)

    sys.setprofile(look)
    try:
        yield made
    finally:
        sys.setprofile(None)
