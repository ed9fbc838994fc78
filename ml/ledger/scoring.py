"""Score a series: enter what was forecast and what came of it, judge it, and act on what is lost."""

import sqlite3
import time
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from ml.artifacts.meta import Meta
from ml.artifacts.store import ModelStore
from ml.config import Settings
from ml.errors import ArtifactError, LedgerError, TickerflowError
from ml.ledger import alarms
from ml.ledger.book import counts, enter, problems, unread
from ml.ledger.database import opened
from ml.ledger.demotion import demote
from ml.ledger.drifting import drift_since
from ml.ledger.pairs import Pair, PairFile, read_pair
from ml.ledger.record import read_record
from ml.ledger.standing import BASELINE, Standing, judge
from ml.outcomes import ScoreOutcome
from ml.series import SeriesKey

_MOST_PROBLEMS: Final = 20


def score_series(
    key: SeriesKey,
    settings: Settings,
    bars: pd.DataFrame,
    files: Sequence[PairFile],
    now: float | None = None,
) -> ScoreOutcome:
    """Judge a series' past forecasts against its bars.

    What the champion's live score says is acted upon: an alarm is noted in the ledger, for a run to
    announce, and with ``settings.watch.demote`` a champion that is significantly worse than the random
    walk gives way to it.

    Args:
        key: the series.
        settings: folders and watch.
        bars: its normalised bars, up to date.
        files: its pairs in ``settings.predictions_dir`` (`ml.ledger.pairs.find_pairs`).
        now: seconds of UTC; by default the clock's.

    Raises:
        LedgerError: the ledger could not be read or written.
    """
    started = time.perf_counter()
    moment = int(time.time() if now is None else now)
    store = ModelStore(settings.models_dir)
    with opened(settings.predictions_dir) as connection:
        found = _enter(connection, key, settings, store, bars, files, moment)
        champion, warnings = _champion(store, key)
        standing, judged = _judge(connection, key, champion, settings, bars)
        raised = _raise(connection, key, champion, standing, settings, moment)
        baseline, warning = _demote(connection, key, champion, store, settings, bars)
    serving = baseline or champion
    comparison = standing.comparison
    return ScoreOutcome(
        ticker=key.ticker,
        interval=str(key.interval),
        status="ok",
        model=serving.model if serving else "",
        version=serving.version if serving else "",
        **found,
        judged=judged,
        judged_forecasts=standing.forecasts,
        skill=standing.skill,
        skill_by_step=dict(standing.skill_by_step),
        standing=comparison.standing if comparison else "",
        p_better=comparison.p_better if comparison else None,
        p_worse=comparison.p_worse if comparison else None,
        verdict=standing.words,
        coverage_80=standing.coverage_80,
        coverage_95=standing.coverage_95,
        **_drift(champion, bars),
        lost=dict(standing.lost),
        alarms=raised,
        demoted=baseline.version if baseline else "",
        warnings=(*warnings, *warning),
        seconds=time.perf_counter() - started,
    )


def _enter(
    connection: sqlite3.Connection,
    key: SeriesKey,
    settings: Settings,
    store: ModelStore,
    bars: pd.DataFrame,
    files: Sequence[PairFile],
    now: int,
) -> dict[str, Any]:
    pairs: list[Pair] = []
    looked_at: list[tuple[PairFile, str]] = []
    for file in unread(connection, files):
        problem = ""
        try:
            pairs.append(read_pair(settings.predictions_dir, file))
        except LedgerError as error:
            problem = str(error)
        looked_at.append((file, problem))

    def known_by(version: str) -> tuple[int, int] | None:
        meta = store.version_meta(key, version)
        return (
            None if meta is None else (int(meta.created_at.timestamp()), int(meta.data.last.timestamp()))
        )

    entries = enter(connection, key, bars, pairs, looked_at, known_by, now)
    held = counts(connection, key, bars)
    return {
        "forecasts": held.forecasts,
        "new": entries.forecasts,
        "scored": entries.steps,
        "steps": held.scored,
        "late": held.late,
        "open": held.open,
        "missing": held.missing,
        "restated": entries.restated,
        "problems": tuple(problems(connection, files)[:_MOST_PROBLEMS]),
    }


def _champion(store: ModelStore, key: SeriesKey) -> tuple[Meta | None, tuple[str, ...]]:
    try:
        return store.champion_meta(key), ()
    except ArtifactError as error:  # its forecasts of before are scored all the same
        return None, (str(error),)


def _judge(
    connection: sqlite3.Connection,
    key: SeriesKey,
    champion: Meta | None,
    settings: Settings,
    bars: pd.DataFrame,
) -> tuple[Standing, Any]:
    """How the champion stands; where it has too few forecasts, all since the last alarm.

    A series that is trained each night has a new champion each night: none of them ever has enough. What
    an alarm rests on raises no second one, or each training would start the next.
    """
    record, watch = read_record(connection, key), settings.watch
    own = record[record["version"] == champion.version] if champion else record.iloc[:0]
    if own["asof"].nunique() >= watch.min_forecasts or (champion and champion.model == BASELINE):
        return judge(own, watch, _spacing(own, bars)), "version"
    since, since_any = (
        pd.Timestamp(alarms.last_alarm(connection, key, *reasons), unit="s", tz="UTC")
        for reasons in (("skill",), ("skill", "coverage"))
    )
    together = record[(record["asof"] > since) & (record["model"] != BASELINE)]
    return judge(together, watch, _spacing(together, bars), covered_since=since_any), "series"


def _spacing(record: pd.DataFrame, bars: pd.DataFrame) -> int:
    """Fewest bars between the as-of bars of neighbouring forecasts."""
    stamps = pd.DatetimeIndex(bars["timestamp"])
    positions = stamps.searchsorted(pd.DatetimeIndex(record["asof"].unique()))
    return max(1, int(np.diff(positions).min())) if len(positions) > 1 else 1


def _raise(
    connection: sqlite3.Connection,
    key: SeriesKey,
    champion: Meta | None,
    standing: Standing,
    settings: Settings,
    now: int,
) -> tuple[str, ...]:
    if champion is None or not standing.lost:
        return ()
    (asof,) = connection.execute(
        "SELECT max(asof) FROM score WHERE series = ? AND counts", (key.stem,)
    ).fetchone()
    raised = []
    for reason, words in standing.lost:
        to_demote = reason == "skill" and settings.watch.demote and champion.model != BASELINE
        if alarms.raise_alarm(
            connection, key, champion.version, reason, words, asof, now, settled=not to_demote
        ):
            raised.append(reason)
    return tuple(raised)


def _demote(
    connection: sqlite3.Connection,
    key: SeriesKey,
    champion: Meta | None,
    store: ModelStore,
    settings: Settings,
    bars: pd.DataFrame,
) -> tuple[Meta | None, tuple[str, ...]]:
    """Do what alarms ask for, also those of a run that died before it got to it."""
    for alarm in alarms.unsettled(connection, key):
        baseline = None
        # Another champion by now, or a user who wants none of it: it is over.
        if champion is not None and champion.version == alarm.version and settings.watch.demote:
            try:
                baseline = demote(store, champion, bars, alarm.words)
            except TickerflowError as error:
                return None, (f"not demoted, and tried again at the next scoring: {error}",)
        alarms.settle(connection, alarm)
        if baseline is not None:
            return baseline, ()
    return None, ()


def _drift(champion: Meta | None, bars: pd.DataFrame) -> dict[str, float]:
    """Bars since the champion's training beside those that it learnt from."""
    found = drift_since(champion, bars) if champion is not None else None
    if found is None:  # too few bars on a side: nothing to say
        return {}
    return {
        "drift_volatility": found.volatility,
        "drift_ks_p": found.ks_p,
        "drift_psi": found.psi,
    }
