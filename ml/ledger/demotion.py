"""Taking a champion back to the baseline when its live skill is lost."""

from dataclasses import replace
from datetime import UTC, datetime

import pandas as pd

from ml.artifacts.bundle import Bundle
from ml.artifacts.forecaster import forecaster_of
from ml.artifacts.meta import Decision, Meta
from ml.artifacts.store import ModelStore
from ml.errors import BusySeriesError, TooFewBarsError
from ml.evaluation.baselines import build_baselines
from ml.evaluation.certificate import certified
from ml.evaluation.judge import Evaluation, TestWindows, evaluate
from ml.ledger.standing import BASELINE

# A training holds the series for seconds; the next scoring tries again.
_LOCK_SECONDS = 30


def demote(store: ModelStore, champion: Meta, bars: pd.DataFrame, reason: str) -> Meta:
    """Make the random walk the champion in place of ``champion``, of its horizon and training bars.

    One promotion like any other: atomic, fenced by the generation, in the history with its reason, and
    `ModelStore.rollback` goes back from it. The next training is judged against the baseline.

    Args:
        champion: what serves; another by now is not demoted.
        bars: the series' normalised bars, those of the champion's training among them.
        reason: a sentence with numbers.

    Returns:
        The baseline's meta, as committed.

    Raises:
        BusySeriesError: another process holds the series, or has promoted another champion.
        TooFewBarsError: the bars of the champion's test are no longer there.
        ArtifactError: the champion is damaged.
        ArtifactWriteError: nothing changed.
    """
    key = champion.key
    with store.lock(key, _LOCK_SECONDS):
        serving = store.champion(key)
        if serving.meta.generation != champion.generation:
            raise BusySeriesError(
                f"expected the champion {champion.version}, found {serving.meta.version}",
                hint="score again",
                where=str(key),
            )
        bundle, evaluation = _baseline(serving, bars)
        decision = Decision(
            verdict="demoted",
            reason=f"demoted {champion.model} {champion.version} to the random walk: {reason}",
            skill=evaluation.skill,
            figures={"from": champion.version},
        )
        meta = bundle.meta.model_copy(update={"decision": decision, "parent": champion.version})
        return store.promote(
            replace(bundle, meta=meta),
            evaluation.model_dump(mode="json"),
            expected_champion=champion.version,
        )


def _baseline(serving: Bundle, bars: pd.DataFrame) -> tuple[Bundle, Evaluation]:
    """The random walk as a bundle of its own, certified, and measured on the champion's test windows."""
    meta = serving.meta
    (walk,) = (each for each in build_baselines(serving, bars) if each.meta.model == BASELINE)
    forecaster = forecaster_of(walk)
    anchors = meta.split.test.anchors(pd.DatetimeIndex(bars["timestamp"]))
    anchors = anchors[(anchors + 1 >= forecaster.min_bars) & (anchors + meta.horizon < len(bars))]
    if not len(anchors):
        raise TooFewBarsError(
            f"expected the test bars of {meta.version} from {meta.split.test.first:%Y-%m-%d} on",
            hint="train the series again",
            where=str(meta.key),
        )
    evaluation = evaluate(forecaster, TestWindows(bars, anchors, meta.horizon))
    metrics = {
        **evaluation.model.summary(),
        "skill": evaluation.skill,
        "windows": evaluation.windows,
        "mae_by_step": list(evaluation.model.mae_by_step),
        "skill_by_step": list(evaluation.skill_by_step),
        "coverage_80": evaluation.coverage.overall_80,
        "coverage_95": evaluation.coverage.overall_95,
    }
    update = {
        "created_at": datetime.now(UTC),
        "metrics": metrics,
        "generation": 0,
        "promoted_at": None,
        "training": walk.meta.training.model_copy(update={"mode": "scratch", "source": None}),
    }
    return certified(replace(walk, meta=walk.meta.model_copy(update=update)), bars), evaluation
