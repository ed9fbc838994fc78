"""Judge a challenger on its test bars, and promote it by the rule.

The series is locked from the judging to the commit: two trainings of one series take turns. A series
with enough bars always ends with a champion. What loses is kept as a record; where there is no champion
yet the better baseline becomes one, and says so.
"""

import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from ml.artifacts.bundle import Bundle
from ml.artifacts.meta import Meta
from ml.artifacts.pictures import save_pictures
from ml.artifacts.store import ModelStore
from ml.config import Settings
from ml.data.store import bars_fingerprint, read_bars
from ml.errors import (
    ArtifactError,
    ArtifactWriteError,
    StoreError,
    TickerflowError,
    TooFewBarsError,
)
from ml.evaluation.baselines import build_baselines
from ml.evaluation.certificate import certified, check_certified
from ml.evaluation.contest import Contest, evaluation_json, hold, judged_meta, windows_of
from ml.evaluation.decision import Decision, Rival, decide
from ml.evaluation.rivalry import meet
from ml.outcomes import Challenger, Failure, TrainOutcome
from ml.series import SeriesKey


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
    try:
        with store.lock(key, settings.promote.lock_seconds):
            outcome, judged, evaluation = _judge(challenger, store, settings)
    except TickerflowError as error:
        if not error.retryable:
            discard_staged(challenger, settings)
        return failed(key, error, seconds=challenger.seconds + time.monotonic() - started)
    discard_staged(challenger, settings)
    if settings.run.plots != "never":
        outcome = _with_pictures(outcome, judged, evaluation, settings)
    if judged.training.note:
        outcome = outcome.model_copy(update={"reason": f"{outcome.reason}; {judged.training.note}"})
    seconds = challenger.seconds + time.monotonic() - started
    outcome = outcome.model_copy(update={"epochs": challenger.epochs, "seconds": seconds})
    return outcome if challenger.failure is None else _stood_in(outcome, challenger.failure)


def _stood_in(outcome: TrainOutcome, failure: Failure) -> TrainOutcome:
    """The outcome of a training that failed, where a baseline forecasts in its place."""
    reason = f"{failure.message}; no champion yet, so the baseline {outcome.model} is promoted"
    return outcome.model_copy(
        update={"status": "failed", "grade": "ERROR", "failure": failure, "reason": reason}
    )


def discard_staged(challenger: Challenger, settings: Settings) -> None:
    """Remove what was staged for a challenger, rival and final fit too; what is gone already is fine."""
    store = ModelStore(settings.models_dir)
    for staged in filter(None, (challenger.staged, challenger.rival, challenger.final)):
        # The verdict stands without: what cannot be removed now is swept a day later.
        with suppress(ArtifactError, ArtifactWriteError):
            store.discard(Path(staged))


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
    from ml.evaluation.pictures import (
        evaluation_plots,  # Matplotlib takes 0.4 s, which most runs do without
    )

    pictures = evaluation_plots(str(judged.key), judged.model, evaluation)
    try:
        paths = save_pictures(settings.models_dir, judged, pictures)
    except ArtifactWriteError as error:
        reason = f"{outcome.reason}; its plots could not be written: {error.__cause__}"
        return outcome.model_copy(update={"reason": reason})
    return outcome.model_copy(update={"plots": tuple(map(str, paths))})


def _judge(
    challenger: Challenger, store: ModelStore, settings: Settings
) -> tuple[TrainOutcome, Meta, dict[str, Any]]:
    """The outcome, and the challenger's meta and evaluation."""
    key = challenger.key
    bundle, extras = store.load_staged(Path(challenger.staged))
    bars = read_bars(settings.store_dir, key)
    if bars_fingerprint(bars) != bundle.meta.data.fingerprint:
        raise StoreError(
            f"expected the bars that {bundle.meta.version} was trained on, found others in the store",
            hint="the series was ingested again in between: train again",
            where=str(key),
        )
    contest = hold(bundle, windows_of(bars, bundle.meta), settings.promote, extras)
    champion = store.replaceable(key)
    rival = None if champion is None else meet(contest, champion, store, challenger.rival)
    decision = decide(bundle.meta.model, contest.walk, contest.drift, rival, settings.promote)
    if not decision.promote:
        outcome = _keep(contest, store, champion, rival, decision)
        return outcome, bundle.meta, evaluation_json(contest)
    verdict: Literal["promoted", "forced"] = "forced" if decision.forced else "promoted"
    meta = judged_meta(contest, rival, verdict, decision.reason)
    judged = replace(bundle, meta=meta)
    if challenger.final:
        judged = _final(judged, store.load_staged(Path(challenger.final))[0])
    meta = _promote(judged, contest, store, champion)
    outcome = _outcome(key, champion=meta, judged=meta, status="promoted", reason=decision.reason)
    return outcome, meta, evaluation_json(contest)


def _final(proxy: Bundle, final: Bundle) -> Bundle:
    """What a refit promotes: the fit on all bars, with the figures of the one that was judged for it."""
    meta = proxy.meta
    measured = (
        f"the same configuration fitted up to {meta.split.validation.last:%Y-%m-%d %H:%M}, on the test "
        "bars after it; the weights here have since learnt from those bars too"
    )
    training = final.meta.training.model_copy(update={"measured_on": measured})
    update = {
        "metrics": meta.metrics,
        "baselines": meta.baselines,
        "decision": meta.decision,
        "training": training,
    }
    return replace(final, meta=final.meta.model_copy(update=update))


def _keep(
    contest: Contest,
    store: ModelStore,
    champion: Meta | None,
    rival: Rival | None,
    decision: Decision,
) -> TrainOutcome:
    loser = judged_meta(contest, rival, "rejected", decision.reason)
    store.record_rejected(loser, evaluation_json(contest))
    key = contest.bundle.meta.key
    if champion is not None and rival is not None and rival.verdict is not None:
        reason = f"{decision.reason}: the champion {rival.name} stays"
        return _outcome(key, champion=champion, judged=loser, status="kept", reason=reason)
    best = min(
        (
            hold(baseline, contest.test, contest.rule, {"history": []})
            for baseline in build_baselines(contest.bundle, contest.test.bars)
        ),
        key=lambda baseline: baseline.evaluation.model.mae,
    )
    name = best.bundle.meta.model
    reason = f"{decision.reason}: no champion that serves, so the baseline {name} is promoted"
    judged = certified(
        replace(best.bundle, meta=judged_meta(best, None, "promoted", reason)), best.test.bars
    )
    meta = _promote(judged, best, store, champion)
    return _outcome(key, champion=meta, judged=loser, status="kept", reason=reason)


def _promote(bundle: Bundle, contest: Contest, store: ModelStore, champion: Meta | None) -> Meta:
    check_certified(bundle.meta.certificate, str(bundle.meta.key))
    expected = champion.version if champion is not None else None
    return store.promote(bundle, evaluation_json(contest), expected_champion=expected)


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
    proof = _proof(champion)
    return TrainOutcome(
        **proof,
        ticker=key.ticker,
        interval=str(key.interval),
        status=status,
        reason=reason,
        grade="PASS" if proof["proven"] else "WARN",
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


def _proof(champion: Meta | None) -> dict[str, Any]:
    """The outcome's fields on what serves against the random walk, as it was judged."""
    decision = champion.decision if champion is not None else None
    if decision is None:
        return {"proven": False}
    fields: dict[str, Any] = {"proven": decision.proven}
    walk, rule = decision.verdicts.get("walk"), decision.figures.get("rule")
    if isinstance(walk, dict):
        fields["verdict"] = walk["standing"]
        if walk["low"] is not None:  # else there were too few windows for a test
            fields["p_value"] = walk["p_better"]
    if isinstance(rule, dict):
        fields["level"] = rule["level"]
    return fields


def _numbers(figures: object) -> dict[str, float]:
    """The plain numbers of a section of meta.json, without its lists."""
    if not isinstance(figures, dict):
        return {}
    return {name: float(value) for name, value in figures.items() if isinstance(value, int | float)}
