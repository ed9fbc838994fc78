"""The ledger's file: one SQLite database beside the forecasts.

A rollback journal and not a write-ahead log, whose shared memory does not work across a network. Every
change is one immediate transaction, flushed before it counts: a writer that dies leaves what was there
before, and several take turns.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from ml.errors import LedgerError

NAME: Final = "ledger.sqlite"
SCHEMA: Final = 1
_APPLICATION: Final = 0x7469636B  # "tick"
_WAIT_SECONDS: Final = 120.0

# Times are whole seconds of UTC. A forecast is known by its series, its as-of bar and its model; what
# was written down of it, and of its outcome, is never changed.
_TABLES: Final = (
    """CREATE TABLE forecast (
        id INTEGER PRIMARY KEY,
        series TEXT NOT NULL,            -- AAPL_1d
        asof INTEGER NOT NULL,           -- the last bar that it knew
        version TEXT NOT NULL,
        model TEXT NOT NULL,
        horizon INTEGER NOT NULL,
        last_close REAL NOT NULL,
        before INTEGER NOT NULL,         -- the bar before that, and its close; 0 where it is not known
        before_close REAL NOT NULL,
        created_at INTEGER NOT NULL,
        seen_at INTEGER NOT NULL,
        known_until INTEGER NOT NULL,    -- the last bar that was known here when it was made
        UNIQUE (series, asof, version)
    )""",
    """CREATE TABLE step (
        forecast_id INTEGER NOT NULL REFERENCES forecast (id),
        step INTEGER NOT NULL,
        due INTEGER NOT NULL,            -- the bar that was forecast
        forecast REAL NOT NULL,
        lower_80 REAL NOT NULL,
        upper_80 REAL NOT NULL,
        lower_95 REAL NOT NULL,
        upper_95 REAL NOT NULL,
        bar INTEGER,                     -- the bar that it was judged against; null while it is open
        actual REAL,                     -- its close, on the scale of last_close
        scored_at INTEGER,
        PRIMARY KEY (forecast_id, step)
    ) WITHOUT ROWID""",
    "CREATE INDEX step_open ON step (forecast_id, due) WHERE bar IS NULL",
    # Pairs that were looked at, so that they are not read again.
    """CREATE TABLE pair (
        name TEXT PRIMARY KEY,
        size INTEGER NOT NULL,
        modified_ns INTEGER NOT NULL,
        problem TEXT NOT NULL
    ) WITHOUT ROWID""",
    # When a bar was first seen here: a forecast of it that is made later is none.
    """CREATE TABLE sight (
        series TEXT NOT NULL,
        bar INTEGER NOT NULL,
        seen_at INTEGER NOT NULL,
        PRIMARY KEY (series, bar)
    ) WITHOUT ROWID""",
    """CREATE TABLE alarm (
        id INTEGER PRIMARY KEY,
        series TEXT NOT NULL,
        version TEXT NOT NULL,
        reason TEXT NOT NULL,            -- skill or coverage
        words TEXT NOT NULL,
        asof INTEGER NOT NULL,           -- the last forecast that it rests on
        raised_at INTEGER NOT NULL,
        settled INTEGER NOT NULL,        -- whether nothing is left to demote
        announced_at INTEGER,            -- null until its event is out
        UNIQUE (series, version, reason)
    )""",
    """CREATE VIEW score AS SELECT
        series, asof, version, model, horizon, created_at, step, due, bar, forecast, actual, last_close,
        (actual - forecast) / last_close AS error,
        (actual - last_close) / last_close AS walk_error,
        actual BETWEEN lower_80 AND upper_80 AS inside_80,
        actual BETWEEN lower_95 AND upper_95 AS inside_95,
        min(due, bar) > known_until AS counts
        FROM step JOIN forecast ON forecast.id = step.forecast_id WHERE bar IS NOT NULL""",
)


@contextmanager
def opened(predictions_dir: Path) -> Iterator[sqlite3.Connection]:
    """The ledger of a folder, made where there is none; closed when the block ends.

    Raises `LedgerError`: not writable, damaged, or written by a newer Tickerflow.
    """
    path = predictions_dir / NAME
    with _explained(path):
        predictions_dir.mkdir(parents=True, exist_ok=True)
        connection = _connect(path, "rwc")
        try:
            _prepare(connection, path)
            yield connection
        finally:
            connection.close()


@contextmanager
def reading(predictions_dir: Path) -> Iterator[sqlite3.Connection | None]:
    """The ledger of a folder to read from; None where there is none. Raises `LedgerError`."""
    path = predictions_dir / NAME
    if not path.is_file():
        yield None
        return
    with _explained(path):
        connection = _connect(path, "rw")  # one that died in a transaction is rolled back by its reader
        try:
            if _version(connection, path) == 0:
                yield None  # its maker died, or is at it
            else:
                yield connection
        finally:
            connection.close()


@contextmanager
def writing(connection: sqlite3.Connection) -> Iterator[None]:
    """One transaction: all of the block counts, or nothing of it."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        if connection.in_transaction:  # else SQLite has gone back by itself: the disk is full
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}", uri=True, timeout=_WAIT_SECONDS, isolation_level=None
    )
    # What stands in the file runs nothing but what SQLite brings along.
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA synchronous = FULL")
    return connection


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    if _version(connection, path) == SCHEMA:
        return
    with writing(connection):
        if _version(connection, path) == SCHEMA:  # another was faster
            return
        for statement in _TABLES:
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {_APPLICATION}")
        connection.execute(f"PRAGMA user_version = {SCHEMA}")


def _version(connection: sqlite3.Connection, path: Path) -> int:
    # One statement sees one state: between three, whoever makes the ledger would show half of it.
    version, application, tables = connection.execute(
        "SELECT (SELECT user_version FROM pragma_user_version), "
        "(SELECT application_id FROM pragma_application_id), (SELECT count(*) FROM sqlite_master)"
    ).fetchone()
    if version > SCHEMA and application == _APPLICATION:
        raise LedgerError(
            f"expected a ledger of schema {SCHEMA}, found {version}: written by a newer Tickerflow",
            hint="upgrade this Tickerflow",
            where=str(path),
        )
    if tables and (application != _APPLICATION or version < 1):
        raise LedgerError(
            "expected a ledger of Tickerflow, found another database",
            hint="move it away, or choose another folder with --predictions-dir",
            where=str(path),
        )
    return int(version)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn what SQLite and the disk raise in the block into a `LedgerError` that says what to do."""
    try:
        yield
    except sqlite3.OperationalError as error:
        raise LedgerError(
            f"the ledger could not be read or written: {error}",
            hint="check the disk's space, the folder's permissions, and whether another scorer hangs",
            where=str(path),
        ) from error
    except sqlite3.DatabaseError as error:
        raise LedgerError(
            f"expected an SQLite database, found: {error}",
            hint="move it away and score again: forecasts whose files are still there are judged anew",
            where=str(path),
        ) from error
    except OSError as error:
        raise LedgerError(
            f"the ledger could not be opened: {error.strerror or error}",
            hint="check the folder's permissions, or choose another with --predictions-dir",
            where=str(path),
        ) from error
