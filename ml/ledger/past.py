"""Past forecasts of a series and what came of them: from the ledger, and files it has not read."""

import sqlite3
from dataclasses import dataclass, replace
from itertools import repeat
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from ml.errors import LedgerError
from ml.evaluation import metrics
from ml.ledger.alarms import Alarm, alarms_of, every_alarm
from ml.ledger.database import reading
from ml.ledger.matching import complete_bars, outcomes_of, seconds_of, tolerance_of
from ml.ledger.pairs import find_pairs, read_pair
from ml.series import SeriesKey


@dataclass(frozen=True, slots=True)
class PastStep:
    """One step of a past forecast; ``due`` in seconds of UTC, prices as they were forecast.

    ``actual`` is the close that came, on the scale of the forecast; None while it has not come.
    """

    step: int
    due: int
    forecast: float
    lower_80: float
    upper_80: float
    lower_95: float
    upper_95: float
    actual: float | None


@dataclass(frozen=True, slots=True)
class PastForecast:
    """One forecast that was made; ``asof`` in seconds of UTC."""

    asof: int
    version: str
    model: str
    last_close: float
    steps: tuple[PastStep, ...]


@dataclass(frozen=True, slots=True)
class VersionScore:
    """The live score of one version of a series, over all of its steps that count.

    Attributes:
        version, model: which.
        forecasts: with at least one scored step.
        steps: scored.
        first, last: as-of bars of the first and the last of these forecasts.
        skill: ``1 - mean absolute error / that of the random walk``.
        coverage_80, coverage_95: share of the outcomes inside the band.
    """

    version: str
    model: str
    forecasts: int
    steps: int
    first: pd.Timestamp
    last: pd.Timestamp
    skill: float
    coverage_80: float
    coverage_95: float


@dataclass(frozen=True, slots=True)
class StepScore:
    """The live score of one step ahead; errors as shares of the last close that was known."""

    step: int
    n: int
    mae: float
    mae_walk: float
    coverage_80: float
    coverage_95: float


@dataclass(frozen=True, slots=True)
class LiveScore:
    """All that the ledger says of a series.

    Attributes:
        versions: the score of each, in the order of its first forecast.
        by_step: over all versions.
        alarms: oldest first.
        open_steps: that wait for their bar.
    """

    versions: tuple[VersionScore, ...]
    by_step: tuple[StepScore, ...]
    alarms: tuple[Alarm, ...]
    open_steps: int


def live_score(predictions_dir: Path, key: SeriesKey) -> LiveScore:
    """How a series' forecasts have done; raises `LedgerError`."""
    with reading(predictions_dir) as connection:
        if connection is None:
            return LiveScore((), (), (), 0)
        versions = _versions(connection, key.stem, key.stem).get(key, [])
        by_step = [StepScore(*figures) for figures in connection.execute(_BY_STEP, (key.stem,))]
        (waiting,) = connection.execute(
            "SELECT count(*) FROM step JOIN forecast ON forecast.id = forecast_id "
            "WHERE series = ? AND bar IS NULL",
            (key.stem,),
        ).fetchone()
        alarms = alarms_of(connection, key)
    return LiveScore(tuple(versions), tuple(by_step), tuple(alarms), int(waiting))


def all_scores(predictions_dir: Path) -> dict[SeriesKey, LiveScore]:
    """The scores of all series that have one, without steps; raises `LedgerError`."""
    with reading(predictions_dir) as connection:
        if connection is None:
            return {}
        versions = _versions(connection, "", _LAST_TEXT)
        alarms: dict[SeriesKey, list[Alarm]] = {}
        for alarm in every_alarm(connection):
            alarms.setdefault(alarm.key, []).append(alarm)
    keys = sorted({*versions, *alarms})
    return {
        key: LiveScore(tuple(versions.get(key, ())), (), tuple(alarms.get(key, ())), 0) for key in keys
    }


_LAST_TEXT: Final = "\U0010ffff"  # sorts after every name

# Each forecast is summed up first, in the order of the ledger's index: to sort all steps at once takes
# twice as long.
_VERSIONS: Final = (
    "SELECT series, version, model, count(*), sum(steps), min(asof), max(asof), "
    "total(error) / sum(steps), total(walk_error) / sum(steps), "
    "total(inside_80) / sum(steps), total(inside_95) / sum(steps) "
    "FROM (SELECT series, asof, version, model, created_at, count(*) AS steps, "
    "total(abs(error)) AS error, total(abs(walk_error)) AS walk_error, "
    "total(inside_80) AS inside_80, total(inside_95) AS inside_95 "
    "FROM score WHERE series BETWEEN ? AND ? AND counts GROUP BY series, asof, version) "
    "GROUP BY series, version ORDER BY series, min(asof), min(created_at), version"
)
_BY_STEP: Final = (
    "SELECT step, count(*), avg(abs(error)), avg(abs(walk_error)), avg(inside_80), avg(inside_95) "
    "FROM score WHERE series = ? AND counts GROUP BY step ORDER BY step"
)


def _versions(
    connection: sqlite3.Connection, first: str, last: str
) -> dict[SeriesKey, list[VersionScore]]:
    """The scores of the series whose names are from ``first`` to ``last``."""
    found: dict[SeriesKey, list[VersionScore]] = {}
    for stem, *figures in connection.execute(_VERSIONS, (first, last)):
        found.setdefault(SeriesKey.from_stem(stem), []).append(_version_score(*figures))
    return found


def _version_score(
    version: str,
    model: str,
    forecasts: int,
    steps: int,
    first: int,
    last: int,
    error: float,
    walk_error: float,
    inside_80: float,
    inside_95: float,
) -> VersionScore:
    return VersionScore(
        version=version,
        model=model,
        forecasts=forecasts,
        steps=steps,
        first=pd.Timestamp(first, unit="s", tz="UTC"),
        last=pd.Timestamp(last, unit="s", tz="UTC"),
        skill=metrics.skill(error, walk_error),
        coverage_80=inside_80,
        coverage_95=inside_95,
    )


def past_forecasts(
    predictions_dir: Path, key: SeriesKey, bars: pd.DataFrame, most: int, now: int
) -> list[PastForecast]:
    """The newest ``most`` forecasts of a series, newest first, one for each as-of bar: the last made.

    Those that no scoring has read yet are read from their files, and judged against ``bars`` as a
    scoring would; files that do not hold are passed over, for the scoring names them. Raises
    `LedgerError`.
    """
    with reading(predictions_dir) as connection:
        found = _entered(connection, key, most) if connection is not None else {}
    files = [file for file in find_pairs(predictions_dir, [key]).get(key, []) if file.asof not in found]
    for file in files[-most:]:
        try:
            pair = read_pair(predictions_dir, file)
        except LedgerError:
            continue
        columns = range(1, len(pair.due) + 1), pair.due.tolist(), *pair.prices.T.tolist()
        rows = zip(*columns, repeat(None))  # the last never ends
        found[pair.asof] = PastForecast(
            pair.asof,
            pair.version,
            pair.model,
            pair.last_close,
            tuple(PastStep(*step) for step in rows),
        )
    newest = [found[asof] for asof in sorted(found, reverse=True)[:most]]
    return [_with_outcomes(past, key, bars, now) for past in newest]


def _entered(connection: sqlite3.Connection, key: SeriesKey, most: int) -> dict[int, PastForecast]:
    heads = connection.execute(
        "SELECT id, asof, version, model, last_close FROM forecast WHERE series = ? "
        "AND asof IN (SELECT DISTINCT asof FROM forecast WHERE series = ? ORDER BY asof DESC LIMIT ?) "
        "ORDER BY asof, created_at, id",
        (key.stem, key.stem, most),
    ).fetchall()
    found = {}
    for forecast_id, asof, version, model, last_close in heads:
        rows = connection.execute(
            "SELECT step, due, forecast, lower_80, upper_80, lower_95, upper_95, actual FROM step "
            "WHERE forecast_id = ? ORDER BY step",
            (forecast_id,),
        )
        steps = tuple(PastStep(*row) for row in rows)
        found[asof] = PastForecast(asof, version, model, last_close, steps)
    return found


def _with_outcomes(past: PastForecast, key: SeriesKey, bars: pd.DataFrame, now: int) -> PastForecast:
    """The forecast with the outcomes that have come since it was scored, or entered."""
    stamps = seconds_of(bars)
    complete = complete_bars(stamps, key.interval, now)
    if not complete or all(step.actual is not None for step in past.steps):
        return past
    due = np.array([step.due for step in past.steps], dtype=np.int64)
    asof = np.full(len(due), past.asof, dtype=np.int64)
    at, there = outcomes_of(stamps[:complete], due, asof, tolerance_of(key.interval))
    close = bars["close"].to_numpy(dtype=np.float64)
    own = int(np.searchsorted(stamps, past.asof))
    # Prices that were adjusted since are brought back to the scale that was forecast on.
    known = own < len(stamps) and int(stamps[own]) == past.asof
    scale = past.last_close / float(close[own]) if known else 1.0
    outcomes = (close[at] * scale).tolist()
    steps = tuple(
        replace(step, actual=outcome) if step.actual is None and came else step
        for step, outcome, came in zip(past.steps, outcomes, there.tolist(), strict=True)
    )
    return replace(past, steps=steps)
