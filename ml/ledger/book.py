"""Writing into the ledger: what was forecast, and each step's outcome once its bar has come.

A step is judged against the bar nearest to the time that was forecast, within half an interval: bars
that are missing leave it open, and sessions that nobody expected move nothing. The first outcome stays,
whatever happens to files or bars later.

What counts. A forecast is worth something where its outcome was not known when it was made. The wall
clock cannot tell: histories are replayed, and feeds run late. So the ledger notes when a bar was first
seen here - by a scoring, by an earlier forecast, by the training of the model itself - and a step whose
bar was known by then is judged, shown as late, and counts for nothing.
"""

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ml.ledger.database import writing
from ml.ledger.pairs import Pair, PairFile
from ml.series import Interval, SeriesKey

Whole = NDArray[np.int64]
KnownBy = Callable[[str], tuple[int, int] | None]

# The as-of bar has another price than when it was forecast from: adjusted since, by a split or dividend.
_SAME_PRICE: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Entries:
    """What one scoring wrote.

    Attributes:
        forecasts: new ones.
        steps: that got their outcome.
        restated: steps of these whose as-of bar has another price by now.
    """

    forecasts: int = 0
    steps: int = 0
    restated: int = 0


@dataclass(frozen=True, slots=True)
class Counts:
    """What the ledger holds of a series.

    Attributes:
        forecasts: all.
        scored: steps with an outcome that counts.
        late: steps with an outcome that was known when they were forecast.
        open: steps without an outcome.
        missing: of these, the ones whose time has passed without a bar.
    """

    forecasts: int
    scored: int
    late: int
    open: int
    missing: int


def unread(connection: sqlite3.Connection, files: Sequence[PairFile]) -> list[PairFile]:
    """Those of a series' pairs that were never read, or are not as they were."""
    known = {}
    for start in range(0, len(files), 500):
        names = [file.name for file in files[start : start + 500]]
        marks = ", ".join("?" * len(names))
        rows = connection.execute(
            f"SELECT name, size, modified_ns FROM pair WHERE name IN ({marks})",  # noqa: S608
            names,
        )
        known.update({name: (size, modified) for name, size, modified in rows})
    return [file for file in files if known.get(file.name) != (file.size, file.modified_ns)]


def enter(
    connection: sqlite3.Connection,
    key: SeriesKey,
    bars: pd.DataFrame,
    pairs: Sequence[Pair],
    looked_at: Sequence[tuple[PairFile, str]],
    known_by: KnownBy,
    now: int,
) -> Entries:
    """Enter new forecasts and all outcomes that have come, in one transaction.

    Args:
        connection: of `ml.ledger.database.opened`.
        key: the series.
        bars: its normalised bars.
        pairs: forecasts that were read.
        looked_at: their files, and damaged ones, each with its problem or an empty text.
        known_by: of a model version, when it was trained, and the last bar that was there then.
        now: seconds of UTC.
    """
    stamps = _seconds(bars)
    complete = _complete(stamps, key.interval, now)
    due = connection.execute(
        "SELECT 1 FROM step JOIN forecast ON forecast.id = forecast_id "
        "WHERE series = ? AND bar IS NULL AND due <= ? LIMIT 1",
        (key.stem, int(stamps[complete - 1]) + _tolerance(key.interval) if complete else 0),
    ).fetchone()
    if not pairs and not looked_at and due is None:
        return Entries()
    with writing(connection):
        entered = _enter_forecasts(connection, key, pairs, known_by, now)
        close = bars["close"].to_numpy(dtype=np.float64)
        scored, restated = _score(connection, key, stamps, close, complete, now)
        if complete:
            _note_sight(connection, key, int(stamps[complete - 1]), now)
        connection.executemany(
            "INSERT OR REPLACE INTO pair VALUES (?, ?, ?, ?)",
            [(file.name, file.size, file.modified_ns, problem) for file, problem in looked_at],
        )
    return Entries(entered, scored, restated)


def counts(connection: sqlite3.Connection, key: SeriesKey, bars: pd.DataFrame) -> Counts:
    """How much the ledger holds of a series."""
    last = int(_seconds(bars)[-1]) if len(bars) else 0
    (forecasts,) = connection.execute(
        "SELECT count(*) FROM forecast WHERE series = ?", (key.stem,)
    ).fetchone()
    row = connection.execute(
        "SELECT total(bar NOT NULL AND due > known_until), total(bar NOT NULL AND due <= known_until), "
        "total(bar IS NULL), total(bar IS NULL AND due <= ?) "
        "FROM step JOIN forecast ON forecast.id = forecast_id WHERE series = ?",
        (last - _tolerance(key.interval), key.stem),
    ).fetchone()
    return Counts(int(forecasts), *map(int, row))


def problems(connection: sqlite3.Connection, files: Sequence[PairFile]) -> list[str]:
    """What is wrong with pairs of the folder that could not be read."""
    names = {file.name for file in files}
    rows = connection.execute("SELECT name, problem FROM pair WHERE problem != '' ORDER BY name")
    return [problem for name, problem in rows if name in names]


def _enter_forecasts(
    connection: sqlite3.Connection, key: SeriesKey, pairs: Sequence[Pair], known_by: KnownBy, now: int
) -> int:
    if not pairs:
        return 0
    known_until = _known_until(connection, key, pairs, known_by)
    entered = 0
    for pair, until in zip(pairs, known_until.tolist(), strict=True):
        # The first reading stays: a later file of the same as-of bar and model changes nothing.
        cursor = connection.execute(
            "INSERT OR IGNORE INTO forecast (series, asof, version, model, horizon, last_close, "
            "created_at, seen_at, known_until) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                key.stem,
                pair.asof,
                pair.version,
                pair.model,
                pair.horizon,
                pair.last_close,
                pair.created_at,
                now,
                until,
            ),
        )
        if cursor.rowcount != 1:
            continue
        entered += 1
        steps = zip(pair.due.tolist(), pair.prices.tolist(), strict=True)
        connection.executemany(
            "INSERT INTO step (forecast_id, step, due, forecast, lower_80, upper_80, lower_95, "
            "upper_95) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [(cursor.lastrowid, step, due, *prices) for step, (due, prices) in enumerate(steps, 1)],
        )
    return entered


def _known_until(
    connection: sqlite3.Connection, key: SeriesKey, pairs: Sequence[Pair], known_by: KnownBy
) -> Whole:
    """For each pair the last bar that was known here before it was made, ``(pairs,)``."""
    evidence = [(pair.created_at, pair.asof) for pair in pairs]
    evidence += connection.execute("SELECT seen_at, bar FROM sight WHERE series = ?", (key.stem,))
    evidence += connection.execute("SELECT created_at, asof FROM forecast WHERE series = ?", (key.stem,))
    trained = {version: known_by(version) for version in {pair.version for pair in pairs}}
    evidence += [found for found in trained.values() if found is not None]
    when, bar = np.array(sorted(evidence), dtype=np.int64).T
    latest = np.concatenate([[0], np.maximum.accumulate(bar)])
    before = latest[np.searchsorted(when, [pair.created_at for pair in pairs], side="left")]
    # A model was trained before it forecast, whatever the clocks say.
    own = [found[1] if (found := trained[pair.version]) else 0 for pair in pairs]
    asof = np.array([pair.asof for pair in pairs], dtype=np.int64)
    return np.asarray(np.maximum(np.maximum(before, asof), np.array(own, dtype=np.int64)))


def _score(
    connection: sqlite3.Connection,
    key: SeriesKey,
    stamps: Whole,
    close: NDArray[np.float64],
    complete: int,
    now: int,
) -> tuple[int, int]:
    """Give every open step its outcome where its bar is there; how many, and how many were restated."""
    if not complete:
        return 0, 0
    tolerance = _tolerance(key.interval)
    rows = connection.execute(
        "SELECT forecast_id, step, due, asof, last_close FROM step "
        "JOIN forecast ON forecast.id = forecast_id WHERE series = ? AND bar IS NULL AND due <= ?",
        (key.stem, int(stamps[complete - 1]) + tolerance),
    ).fetchall()
    if not rows:
        return 0, 0
    forecast_id, step, due, asof = (
        np.array(column, dtype=np.int64) for column in list(zip(*rows, strict=True))[:4]
    )
    last_close = np.array([row[4] for row in rows], dtype=np.float64)
    at = _nearest(stamps[:complete], due)
    # A forecast's own as-of bar is never its outcome.
    found = (np.abs(stamps[at] - due) < tolerance) & (stamps[at] > asof)
    anchor = _nearest(stamps, asof)
    scale = np.where(stamps[anchor] == asof, last_close / close[anchor], 1.0)
    restated = found & (np.abs(scale - 1.0) > _SAME_PRICE)
    updates = zip(
        stamps[at][found].tolist(),
        (close[at] * scale)[found].tolist(),
        forecast_id[found].tolist(),
        step[found].tolist(),
        strict=True,
    )
    connection.executemany(
        f"UPDATE step SET bar = ?, actual = ?, scored_at = {now:d} "  # noqa: S608  # a whole number
        "WHERE forecast_id = ? AND step = ? AND bar IS NULL",
        updates,
    )
    return int(found.sum()), int(restated.sum())


def _note_sight(connection: sqlite3.Connection, key: SeriesKey, bar: int, now: int) -> None:
    (known,) = connection.execute(
        "SELECT coalesce(max(bar), 0) FROM sight WHERE series = ?", (key.stem,)
    ).fetchone()
    if bar > known:
        connection.execute("INSERT INTO sight VALUES (?, ?, ?)", (key.stem, bar, now))


def _complete(stamps: Whole, interval: Interval, now: int) -> int:
    """How many bars are sure to be complete: all but the last, and it too once its time is over."""
    if not len(stamps):
        return 0
    over = int(stamps[-1]) + int(interval.delta.total_seconds()) <= now
    return len(stamps) - (not over)


def _nearest(stamps: Whole, times: Whole) -> Whole:
    """Positions of the stamps nearest to some times."""
    right = np.clip(np.searchsorted(stamps, times), 0, len(stamps) - 1)
    left = np.maximum(right - 1, 0)
    return np.where(np.abs(stamps[left] - times) <= np.abs(stamps[right] - times), left, right)


def _tolerance(interval: Interval) -> int:
    return int(interval.delta.total_seconds()) // 2


def _seconds(bars: pd.DataFrame) -> Whole:
    """The bars' stamps in seconds, ``(n,)``."""
    return np.asarray(pd.DatetimeIndex(bars["timestamp"]).as_unit("s").asi8, dtype=np.int64)
