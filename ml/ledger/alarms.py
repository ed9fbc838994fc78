"""Alarms: what was found lost, of which version, and whether that has been acted on.

An alarm is raised once for a version and a reason, whatever is scored again: its event starts a
training, which ends in forecasts, which are scored.
"""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ml.ledger.database import opened, reading, writing
from ml.ledger.standing import Reason
from ml.series import SeriesKey


@dataclass(frozen=True, slots=True)
class Alarm:
    """One alarm of the ledger; ``asof`` and ``raised_at`` in seconds of UTC."""

    id: int
    key: SeriesKey
    version: str
    reason: Reason
    words: str
    asof: int
    raised_at: int


_COLUMNS = "id, series, version, reason, words, asof, raised_at"


def raise_alarm(
    connection: sqlite3.Connection,
    key: SeriesKey,
    version: str,
    reason: Reason,
    words: str,
    asof: int,
    now: int,
    *,
    settled: bool,
) -> bool:
    """Note an alarm; False where this version had one for this reason.

    Args:
        version: the champion that it is raised for.
        asof: the last forecast that it rests on.
        settled: whether there is nothing to demote.
    """
    with writing(connection):
        cursor = connection.execute(
            "INSERT OR IGNORE INTO alarm (series, version, reason, words, asof, raised_at, settled) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            (key.stem, version, reason, words, asof, now, settled),
        )
        return cursor.rowcount == 1


def last_alarm(connection: sqlite3.Connection, key: SeriesKey, *reasons: Reason) -> int:
    """The last as-of bar that a series' newest alarm for one of these reasons rests on, 0 without."""
    marks = ", ".join("?" * len(reasons))
    (asof,) = connection.execute(
        f"SELECT coalesce(max(asof), 0) FROM alarm WHERE series = ? AND reason IN ({marks})",  # noqa: S608
        (key.stem, *reasons),
    ).fetchone()
    return int(asof)


def unsettled(connection: sqlite3.Connection, key: SeriesKey) -> list[Alarm]:
    """Alarms of a series whose champion was to be demoted, and was not yet."""
    return _select(connection, "series = ? AND NOT settled ORDER BY id", key.stem)


def alarms_of(connection: sqlite3.Connection, key: SeriesKey) -> list[Alarm]:
    """All alarms of a series, oldest first."""
    return _select(connection, "series = ? ORDER BY id", key.stem)


def every_alarm(connection: sqlite3.Connection) -> list[Alarm]:
    """All alarms of all series, oldest first."""
    return _select(connection, "1 ORDER BY id")


def settle(connection: sqlite3.Connection, alarm: Alarm) -> None:
    """Note that nothing is left to demote for an alarm."""
    with writing(connection):
        connection.execute("UPDATE alarm SET settled = 1 WHERE id = ?", (alarm.id,))


def unannounced(predictions_dir: Path) -> list[Alarm]:
    """Alarms whose event is not out yet, of an interrupted run too; raises `LedgerError`."""
    with reading(predictions_dir) as connection:
        return _select(connection, "announced_at IS NULL ORDER BY id") if connection is not None else []


def announced(predictions_dir: Path, alarms: Iterable[Alarm], now: int) -> None:
    """Note that the event of some alarms is out; raises `LedgerError`."""
    with opened(predictions_dir) as connection, writing(connection):
        connection.executemany(
            "UPDATE alarm SET announced_at = ? WHERE id = ? AND announced_at IS NULL",
            [(now, alarm.id) for alarm in alarms],
        )


def _select(connection: sqlite3.Connection, where: str, *values: str) -> list[Alarm]:
    rows = connection.execute(f"SELECT {_COLUMNS} FROM alarm WHERE {where}", values)  # noqa: S608
    return [Alarm(row[0], SeriesKey.from_stem(row[1]), *row[2:]) for row in rows]
