"""What is judged, on which windows, and what is written down about it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ml.artifacts.bundle import Bundle
from ml.artifacts.forecaster import forecaster_of
from ml.artifacts.meta import Decision as DecisionRecord
from ml.artifacts.meta import Meta
from ml.config import PromoteConfig
from ml.evaluation.copying import Copying, lag1_copy
from ml.evaluation.decision import Rival
from ml.evaluation.intervals import bands
from ml.evaluation.judge import Evaluation, TestWindows, evaluate, relative_errors
from ml.evaluation.sketch import sketch
from ml.evaluation.verdict import Comparison, compare

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Contest:
    """A model on its test windows, beside the random walk and the drift.

    Attributes:
        bundle: the model.
        errors: its absolute errors, relative to each anchor's close, ``(windows, steps)``.
        evaluation: all figures.
        test: the windows.
        walk, drift: the verdicts.
        rule: by which they were reached.
        copying: how much its forecasts are the last close.
        extras: the training's part of evaluation.json, and what its pictures are drawn from.
    """

    bundle: Bundle
    errors: Floats
    evaluation: Evaluation
    test: TestWindows
    walk: Comparison
    drift: Comparison
    rule: PromoteConfig
    copying: Copying
    extras: Mapping[str, Any]


def hold(bundle: Bundle, test: TestWindows, rule: PromoteConfig, extras: Mapping[str, Any]) -> Contest:
    """Have a model forecast the windows, and judge it."""
    forecaster = forecaster_of(bundle)
    changes = forecaster.changes(test.bars, test.anchors)[:, : test.steps]
    errors = relative_errors(changes, test)
    close = test.bars["close"].to_numpy(dtype=np.float64)
    made = bands(forecaster.spec.intervals, close, test.anchors, test.steps)
    drift = np.arange(1, test.steps + 1) * bundle.meta.target.mean
    return Contest(
        bundle=bundle,
        errors=errors,
        evaluation=evaluate(forecaster, test, changes, made),
        test=test,
        walk=compare(errors, relative_errors(np.zeros(test.steps), test), rule),
        drift=compare(errors, relative_errors(np.asarray(drift, dtype=np.float64), test), rule),
        rule=rule,
        copying=lag1_copy(close, test.anchors, changes),
        extras={**extras, "sketch": sketch(forecaster, test, changes, made)},
    )


def windows_of(bars: pd.DataFrame, meta: Meta) -> TestWindows:
    """The windows whose anchors and targets lie in the test bars that meta.json states."""
    return TestWindows(bars, meta.split.test.anchors(pd.DatetimeIndex(bars["timestamp"])), meta.horizon)


def judged_meta(
    contest: Contest,
    rival: Rival | None,
    verdict: Literal["promoted", "forced", "rejected"],
    reason: str,
) -> Meta:
    """The model's meta with its figures and the decision."""
    evaluation, walk = contest.evaluation, contest.walk
    metrics: dict[str, Any] = {
        **evaluation.model.summary(),
        "skill": evaluation.skill,
        "windows": evaluation.windows,
        "mae_by_step": list(evaluation.model.mae_by_step),
        "skill_by_step": list(evaluation.skill_by_step),
        **evaluation.coverage.figures(),
        "lag1_copy": contest.copying.score,
        "best_lag": contest.copying.lag,
        "beyond": [step.model_dump(mode="json") for step in evaluation.beyond],
    }
    baselines = {
        name: {**scores.summary(), "mae_by_step": list(scores.mae_by_step)}
        for name, scores in (("naive", evaluation.naive), ("drift", evaluation.drift))
    }
    verdicts = {"walk": walk.figures(), "drift": contest.drift.figures()}
    figures: dict[str, Any] = {"rule": contest.rule.model_dump(mode="json", exclude={"lock_seconds"})}
    if rival is not None:
        figures |= {"champion": rival.name, "champion_note": rival.note}
        if rival.verdict is not None:
            verdicts["champion"] = rival.verdict.figures()
    decision = DecisionRecord(
        verdict=verdict,
        reason=reason,
        skill=evaluation.skill,
        proven=walk.standing == "better",
        verdicts=verdicts,
        figures=figures,
    )
    return contest.bundle.meta.model_copy(
        update={"metrics": metrics, "baselines": baselines, "decision": decision}
    )


def evaluation_json(contest: Contest) -> dict[str, Any]:
    """What evaluation.json holds."""
    return {**contest.evaluation.model_dump(mode="json"), **contest.extras}
