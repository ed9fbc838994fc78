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

import numpy as np
import pandas as pd

from ml.ledger.database import writing
from ml.ledger.matching import (
    Floats,
    Whole,
    ahead_of,
    complete_bars,
    factor_of,
    outcomes_of,
    scale_of,
    seconds_of,
    tolerance_of,
)
from ml.ledger.pairs import Pair, PairFile
from ml.series import SeriesKey

KnownBy = Callable[[str], tuple[int, int] | None]


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
    """Those of a series' pairs that were never read, are not as they were, or were damaged.

    What is damaged may be whole by now without another JSON: its CSV came later, the disk could not be
    read.
    """
    known = {}
    for start in range(0, len(files), 500):
        names = [file.name for file in files[start : start + 500]]
        marks = ", ".join("?" * len(names))
        rows = connection.execute(
            f"SELECT name, size, modified_ns FROM pair WHERE problem = '' AND name IN ({marks})",  # noqa: S608
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
    stamps = seconds_of(bars)
    complete = complete_bars(stamps, key.interval, now)
    due = connection.execute(
        "SELECT 1 FROM step JOIN forecast ON forecast.id = forecast_id "
        "WHERE series = ? AND bar IS NULL AND due <= ? LIMIT 1",
        (key.stem, int(stamps[complete - 1]) + tolerance_of(key.interval) if complete else 0),
    ).fetchone()
    last = int(stamps[complete - 1]) if complete else 0
    is_news = _seen(connection, key) < last <= now + ahead_of(key.interval)
    if not pairs and not looked_at and due is None and not is_news:
        return Entries()
    with writing(connection):
        entered = _enter_forecasts(connection, key, pairs, known_by, now)
        close = bars["close"].to_numpy(dtype=np.float64)
        scored, restated = _score(connection, key, stamps, close, complete, now)
        if is_news:
            connection.execute("INSERT OR IGNORE INTO sight VALUES (?, ?, ?)", (key.stem, last, now))
        connection.executemany(
            "INSERT OR REPLACE INTO pair VALUES (?, ?, ?, ?)",
            [(file.name, file.size, file.modified_ns, problem) for file, problem in looked_at],
        )
    return Entries(entered, scored, restated)


def counts(connection: sqlite3.Connection, key: SeriesKey, bars: pd.DataFrame) -> Counts:
    """How much the ledger holds of a series."""
    last = int(seconds_of(bars)[-1]) if len(bars) else 0
    (forecasts,) = connection.execute(
        "SELECT count(*) FROM forecast WHERE series = ?", (key.stem,)
    ).fetchone()
    row = connection.execute(
        "SELECT total(min(due, bar) > known_until), total(min(due, bar) <= known_until), "
        "total(bar IS NULL), total(bar IS NULL AND due <= ?) "
        "FROM step JOIN forecast ON forecast.id = forecast_id WHERE series = ?",
        (last - tolerance_of(key.interval), key.stem),
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
            "INSERT OR IGNORE INTO forecast (series, asof, version, model, horizon, last_close, before, "
            "before_close, created_at, seen_at, known_until) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                key.stem,
                pair.asof,
                pair.version,
                pair.model,
                pair.horizon,
                pair.last_close,
                pair.before,
                pair.before_close,
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
    evidence: list[tuple[int, int]] = [(pair.created_at, pair.asof) for pair in pairs]
    evidence += connection.execute("SELECT seen_at, bar FROM sight WHERE series = ?", (key.stem,))
    evidence += connection.execute("SELECT created_at, asof FROM forecast WHERE series = ?", (key.stem,))
    trained = {version: known_by(version) for version in {pair.version for pair in pairs}}
    evidence += [found for found in trained.values() if found is not None]
    # A bar of the year 2206 was a mistake: believed, it would make every later forecast a late one.
    ahead = ahead_of(key.interval)
    evidence = [(0, 0), *(each for each in evidence if each[1] <= each[0] + ahead)]
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
    close: Floats,
    complete: int,
    now: int,
) -> tuple[int, int]:
    """Give every open step its outcome where its bar is there; how many, and how many were restated."""
    if not complete:
        return 0, 0
    tolerance = tolerance_of(key.interval)
    rows = connection.execute(
        "SELECT forecast_id, step, due, asof, before, last_close, before_close FROM step "
        "JOIN forecast ON forecast.id = forecast_id WHERE series = ? AND bar IS NULL AND due <= ?",
        (key.stem, int(stamps[complete - 1]) + tolerance),
    ).fetchall()
    if not rows:
        return 0, 0
    columns = list(zip(*rows, strict=True))
    forecast_id, step, due, asof, before = (np.array(column, dtype=np.int64) for column in columns[:5])
    last_close, before_close = (np.array(column, dtype=np.float64) for column in columns[5:])
    at, found = outcomes_of(stamps[:complete], due, asof, tolerance)
    scale = scale_of(
        factor_of(stamps, close, asof, last_close), factor_of(stamps, close, before, before_close)
    )
    restated = found & (scale != 1.0)
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


def _seen(connection: sqlite3.Connection, key: SeriesKey) -> int:
    """The last bar that any scoring has seen."""
    (bar,) = connection.execute(
        "SELECT coalesce(max(bar), 0) FROM sight WHERE series = ?", (key.stem,)
    ).fetchone()
    return int(bar)
