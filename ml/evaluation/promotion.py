"""Judge a challenger on its test bars, and promote it by the rule.

The series is locked from the judging to the commit: two trainings of one series take turns. A series
with enough bars always ends with a champion. What loses is kept as a record; where there is no champion
yet the better baseline becomes one, and says so.
"""

import time
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ml.artifacts.bundle import Bundle
from ml.artifacts.forecaster import forecaster_of
from ml.artifacts.meta import Decision as DecisionRecord
from ml.artifacts.meta import Meta
from ml.artifacts.pictures import save_pictures
from ml.artifacts.store import ModelStore
from ml.config import Settings
from ml.data.store import bars_fingerprint, read_bars
from ml.errors import (
    ArtifactError,
    ArtifactFormatError,
    ArtifactWriteError,
    FeatureError,
    StoreError,
    TickerflowError,
    TooFewBarsError,
    UnreadableArtifactError,
)
from ml.evaluation.baselines import build_baselines
from ml.evaluation.decision import Comparison, Decision, decide
from ml.evaluation.judge import Evaluation, TestWindows, evaluate, mean_absolute_error
from ml.outcomes import Challenger, Failure, TrainOutcome
from ml.series import SeriesKey

Floats = NDArray[np.float64]
Grade = Literal["PASS", "WARN", "ERROR", "SKIP"]


def promote_series(challenger: Challenger, settings: Settings) -> TrainOutcome:
    """Judge a staged challenger and promote it, or keep what serves.

    An expected failure does not raise: it is the outcome. The staged files stay where the same call can
    succeed later, and are removed in any other case.
    """
    if challenger.outcome is not None:
        return challenger.outcome
    key = challenger.key
    store = ModelStore(settings.models_dir)
    started = time.monotonic()
    staged = Path(challenger.staged)
    try:
        with store.lock(key, settings.promote.lock_seconds):
            outcome, judged, evaluation = _judge(key, staged, store, settings)
    except TickerflowError as error:
        if not error.retryable:
            _discard(store, staged)
        return failed(key, error, seconds=challenger.seconds + time.monotonic() - started)
    _discard(store, staged)
    if settings.run.plots != "never":
        outcome = _with_pictures(outcome, judged, evaluation, settings)
    seconds = challenger.seconds + time.monotonic() - started
    outcome = outcome.model_copy(update={"epochs": challenger.epochs, "seconds": seconds})
    return outcome if challenger.failure is None else _stood_in(outcome, challenger.failure)


def _stood_in(outcome: TrainOutcome, failure: Failure) -> TrainOutcome:
    """The outcome of a training that failed, where a baseline forecasts in its place."""
    reason = f"{failure.message}; no champion yet, so the baseline {outcome.model} is promoted"
    return outcome.model_copy(
        update={"status": "failed", "grade": "ERROR", "failure": failure, "reason": reason}
    )


def _discard(store: ModelStore, staged: Path) -> None:
    # The verdict stands without: what cannot be removed now is swept a day later.
    with suppress(ArtifactError, ArtifactWriteError):
        store.discard(staged)


def failed(key: SeriesKey, error: TickerflowError | Failure, seconds: float = 0.0) -> TrainOutcome:
    """The outcome of a series that could not be trained; its champion, if any, serves on."""
    failure = error if isinstance(error, Failure) else Failure.of(error)
    return TrainOutcome(
        ticker=key.ticker,
        interval=str(key.interval),
        status="failed",
        reason=failure.message,
        failure=failure,
        grade="SKIP" if failure.code == TooFewBarsError.code else "ERROR",
        seconds=seconds,
    )


def unchanged(key: SeriesKey, record: Meta, store: ModelStore, seconds: float) -> TrainOutcome:
    """The outcome of a training that would repeat ``record`` on the same bars."""
    champion = store.champion_meta(key)
    return _outcome(
        key,
        champion=champion,
        judged=record,
        status="kept",
        reason=f"same bars and configuration as version {record.version}: not trained again",
    ).model_copy(update={"seconds": seconds, "skipped": True})


def _with_pictures(
    outcome: TrainOutcome, judged: Meta, evaluation: dict[str, Any], settings: Settings
) -> TrainOutcome:
    """The outcome with its plots. The verdict stands, whether they can be written or not."""
    from ml.evaluation.plots import (
        evaluation_plots,  # Matplotlib takes 0.4 s, which most runs do without
    )

    pictures = evaluation_plots(str(judged.key), judged.model, evaluation)
    try:
        paths = save_pictures(settings.models_dir, judged, pictures)
    except ArtifactWriteError as error:
        reason = f"{outcome.reason}; its plots could not be written: {error.__cause__}"
        return outcome.model_copy(update={"reason": reason})
    return outcome.model_copy(update={"plots": tuple(map(str, paths))})


@dataclass(frozen=True)
class _Contest:
    """What is judged, on which bars."""

    key: SeriesKey
    bundle: Bundle
    changes: Floats  # forecast on the test windows, (windows, steps)
    evaluation: Evaluation
    test: TestWindows
    extras: dict[str, Any]  # the training's part of evaluation.json


def _judge(
    key: SeriesKey, staged: Path, store: ModelStore, settings: Settings
) -> tuple[TrainOutcome, Meta, dict[str, Any]]:
    """The outcome, and the challenger's meta and evaluation."""
    bundle, extras = store.load_staged(staged)
    bars = read_bars(settings.store_dir, key)
    if bars_fingerprint(bars) != bundle.meta.data.fingerprint:
        raise StoreError(
            f"expected the bars that {bundle.meta.version} was trained on, found others in the store",
            hint="the series was ingested again in between: train again",
            where=str(key),
        )
    test = _test_windows(bars, bundle.meta)
    contest = _contest(key, bundle, test, extras)
    champion = _champion(store, key)
    comparison = _compare(contest, store, champion)
    decision = decide(comparison, settings.promote)
    if decision.promote:
        verdict: Literal["promoted", "forced"] = "forced" if decision.forced else "promoted"
        meta = _promote(contest, store, champion, verdict, decision.reason)
        outcome = _outcome(key, champion=meta, judged=meta, status="promoted", reason=decision.reason)
        return outcome, meta, _evaluation_json(contest)
    serves = comparison.champion is None or comparison.mae_champion is not None
    outcome = _keep(contest, store, champion, decision, champion_serves=serves)
    return outcome, bundle.meta, _evaluation_json(contest)


def _contest(key: SeriesKey, bundle: Bundle, test: TestWindows, extras: dict[str, Any]) -> _Contest:
    forecaster = forecaster_of(bundle)
    changes = forecaster.changes(test.bars, test.anchors)[:, : test.steps]
    return _Contest(key, bundle, changes, evaluate(forecaster, test, changes), test, extras)


def _champion(store: ModelStore, key: SeriesKey) -> Meta | None:
    """The champion's meta. A damaged one is none, and is replaced.

    One of a newer format, or one that cannot be read now, may be sound: it stays.
    """
    try:
        return store.champion_meta(key)
    except (ArtifactFormatError, UnreadableArtifactError):
        raise
    except ArtifactError:
        return None


def _compare(contest: _Contest, store: ModelStore, champion: Meta | None) -> Comparison:
    meta, evaluation = contest.bundle.meta, contest.evaluation
    comparison = Comparison(
        name=meta.model,
        windows=evaluation.windows,
        steps=evaluation.steps,
        mae=evaluation.model.mae,
        mae_naive=evaluation.naive.mae,
    )
    if champion is None:
        return comparison
    name = f"{champion.model} {champion.version}"
    try:
        rival = forecaster_of(store.champion(contest.key))
        steps = min(rival.spec.horizon, evaluation.steps)
        enough = contest.test.anchors + 1 >= rival.min_bars
        if not enough.any():
            raise TooFewBarsError("no test window is long enough for the champion")
        common = TestWindows(contest.test.bars, contest.test.anchors[enough], steps)
        mae_champion = mean_absolute_error(rival.changes(common.bars, common.anchors)[:, :steps], common)
        mae_challenger = mean_absolute_error(contest.changes[enough, :steps], common)
    except UnreadableArtifactError:
        raise
    except (ArtifactError, FeatureError, TooFewBarsError):
        # A champion that is damaged, or whose columns are gone, forecasts nothing: it cannot stay.
        return replace(comparison, champion=name)
    return replace(comparison, champion=name, mae_champion=mae_champion, mae_challenger=mae_challenger)


def _keep(
    contest: _Contest,
    store: ModelStore,
    champion: Meta | None,
    decision: Decision,
    *,
    champion_serves: bool,
) -> TrainOutcome:
    loser = _judged_meta(contest, "rejected", decision.reason)
    store.record_rejected(loser, _evaluation_json(contest))
    if champion is not None and champion_serves:
        reason = f"{decision.reason}: the champion {champion.model} {champion.version} stays"
        return _outcome(contest.key, champion=champion, judged=loser, status="kept", reason=reason)
    best = min(
        (
            _contest(contest.key, baseline, contest.test, {"history": []})
            for baseline in build_baselines(contest.bundle, contest.test.bars)
        ),
        key=lambda rival: rival.evaluation.model.mae,
    )
    name = best.bundle.meta.model
    reason = f"{decision.reason}: no champion that serves, so the baseline {name} is promoted"
    meta = _promote(best, store, champion, "promoted", reason)
    return _outcome(contest.key, champion=meta, judged=loser, status="kept", reason=reason)


def _promote(
    contest: _Contest,
    store: ModelStore,
    champion: Meta | None,
    verdict: Literal["promoted", "forced"],
    reason: str,
) -> Meta:
    meta = _judged_meta(contest, verdict, reason)
    bundle = replace(contest.bundle, meta=meta)
    expected = champion.version if champion is not None else None
    return store.promote(bundle, _evaluation_json(contest), expected_champion=expected)


def _judged_meta(
    contest: _Contest, verdict: Literal["promoted", "forced", "rejected"], reason: str
) -> Meta:
    evaluation = contest.evaluation
    metrics: dict[str, Any] = {
        **evaluation.model.summary(),
        "skill": evaluation.skill,
        "windows": evaluation.windows,
        "mae_by_step": list(evaluation.model.mae_by_step),
        "skill_by_step": list(evaluation.skill_by_step),
        "coverage_80": evaluation.coverage.overall_80,
        "coverage_95": evaluation.coverage.overall_95,
        "coverage_80_by_step": list(evaluation.coverage.by_step_80),
        "coverage_95_by_step": list(evaluation.coverage.by_step_95),
        "beyond": [step.model_dump(mode="json") for step in evaluation.beyond],
    }
    baselines = {
        name: {**scores.summary(), "mae_by_step": list(scores.mae_by_step)}
        for name, scores in (("naive", evaluation.naive), ("drift", evaluation.drift))
    }
    return contest.bundle.meta.model_copy(
        update={
            "metrics": metrics,
            "baselines": baselines,
            "decision": DecisionRecord(verdict=verdict, reason=reason, skill=evaluation.skill),
        }
    )


def _evaluation_json(contest: _Contest) -> dict[str, Any]:
    return {**contest.evaluation.model_dump(mode="json"), **contest.extras}


def _test_windows(bars: pd.DataFrame, meta: Meta) -> TestWindows:
    """The windows whose anchors and targets lie in the test bars that meta.json states."""
    anchors = meta.split.test.anchors(pd.DatetimeIndex(bars["timestamp"]))
    return TestWindows(bars, anchors, meta.horizon)


def _outcome(
    key: SeriesKey,
    *,
    champion: Meta | None,
    judged: Meta,
    status: Literal["promoted", "kept"],
    reason: str,
) -> TrainOutcome:
    skill = champion.decision.skill if champion is not None and champion.decision else None
    shares = _numbers((champion or judged).metrics)
    grade: Grade = "PASS" if skill is not None and skill > 0 else "WARN"
    return TrainOutcome(
        ticker=key.ticker,
        interval=str(key.interval),
        status=status,
        reason=reason,
        grade=grade,
        model=champion.model if champion is not None else "",
        challenger=judged.model,
        version=champion.version if champion is not None else "",
        metrics=_numbers(judged.metrics),
        baseline=_numbers(judged.baselines.get("naive")),
        skill=skill,
        coverage_80=shares.get("coverage_80"),
        coverage_95=shares.get("coverage_95"),
        epochs=judged.training.epochs_run,
    )


def _numbers(figures: object) -> dict[str, float]:
    """The plain numbers of a section of meta.json, without its lists."""
    if not isinstance(figures, dict):
        return {}
    return {name: float(value) for name, value in figures.items() if isinstance(value, int | float)}
