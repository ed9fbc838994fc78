"""The figures of one series: how each contender did on the same windows."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from pydantic import AwareDatetime, BaseModel, ConfigDict

from ml.backtesting.contenders import Contender
from ml.backtesting.run import FoldScore
from ml.config import PromoteConfig
from ml.evaluation import metrics
from ml.evaluation.verdict import Comparison, compare
from ml.outcomes import Failure
from ml.series import SeriesKey


class Frozen(BaseModel):
    """Immutable and finite: it is written as JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, defer_build=True)


class ContenderFigures(Frozen):
    """One contender on one series, over all folds; by step from 1 to the horizon.

    Attributes:
        contender: its name.
        model: the architecture.
        features: name of the feature set; empty for a baseline.
        mae_by_step: mean absolute error as a share of the last close.
        skill: ``1 - error / the random walk's``, over windows and steps.
        skill_by_step: the same by step.
        coverage_80_by_step: share of outcomes in the 80% interval.
        coverage_95_by_step: in the 95% interval.
        verdict: against the random walk.
        epochs: of all refits.
        seconds: of all refits and their forecasts.
    """

    contender: str
    model: str
    features: str
    mae_by_step: tuple[float, ...]
    skill: float
    skill_by_step: tuple[float, ...]
    coverage_80_by_step: tuple[float, ...]
    coverage_95_by_step: tuple[float, ...]
    verdict: Comparison
    epochs: int
    seconds: float


class SeriesFigures(Frozen):
    """All contenders on one series.

    Attributes:
        fingerprint: of the bars that were used.
        bars: their number.
        first: stamp of the first bar that was forecast.
        last: of the last.
        windows: forecasts of each contender.
        steps: of each forecast.
        folds: refits.
        spacing: bars between neighbouring forecasts.
        walk_by_step: the random walk's mean absolute error as a share of the last close.
        contenders: those that did all folds.
        failures: why the others did not, by name.
    """

    ticker: str
    interval: str
    fingerprint: str
    bars: int
    first: AwareDatetime
    last: AwareDatetime
    windows: int
    steps: int
    folds: int
    spacing: int
    walk_by_step: tuple[float, ...]
    contenders: tuple[ContenderFigures, ...]
    failures: dict[str, Failure]

    @property
    def key(self) -> SeriesKey:
        """The series' key."""
        return SeriesKey.of(self.ticker, self.interval)

    @property
    def best(self) -> ContenderFigures:
        """The one with the least error over the horizon; of equal ones the first."""
        return max(self.contenders, key=lambda contender: contender.skill)


def contender_figures(
    contender: Contender, scores: Sequence[FoldScore], rule: PromoteConfig, spacing: int
) -> ContenderFigures:
    """A contender's figures over all windows of its folds, in time order."""
    loss = np.concatenate([score.loss for score in scores])
    walk = np.concatenate([score.walk for score in scores])
    by_step = zip(loss.mean(axis=0).tolist(), walk.mean(axis=0).tolist(), strict=True)
    return ContenderFigures(
        contender=contender.name,
        model=contender.model,
        features=contender.features,
        mae_by_step=tuple(loss.mean(axis=0).tolist()),
        skill=metrics.skill(float(loss.mean()), float(walk.mean())),
        skill_by_step=tuple(metrics.skill(error, reference) for error, reference in by_step),
        coverage_80_by_step=_share([score.inside_80 for score in scores]),
        coverage_95_by_step=_share([score.inside_95 for score in scores]),
        verdict=compare(loss, walk, rule, spacing),
        epochs=sum(score.epochs for score in scores),
        seconds=sum(score.seconds for score in scores),
    )


def series_figures(
    key: SeriesKey,
    bars: pd.DataFrame,
    fingerprint: str,
    scores: Mapping[Contender, Sequence[FoldScore]],
    failures: Mapping[str, Failure],
    rule: PromoteConfig,
    spacing: int,
) -> SeriesFigures:
    """The account of a series; at least one contender did all of its folds.

    Its verdicts are on the whole horizon, as ranks and skill are, whatever steps a promotion is over.
    """
    rule = rule.model_copy(update={"over": ()})
    some = next(iter(scores.values()))
    walk = np.concatenate([score.walk for score in some])
    windows, steps = walk.shape
    stamps = bars["timestamp"]
    return SeriesFigures(
        ticker=key.ticker,
        interval=str(key.interval),
        fingerprint=fingerprint,
        bars=len(bars),
        first=stamps.iloc[some[0].fold.anchors[0] + 1].to_pydatetime(),
        last=stamps.iloc[some[-1].fold.anchors[-1] + steps].to_pydatetime(),
        windows=windows,
        steps=steps,
        folds=len(some),
        spacing=spacing,
        walk_by_step=tuple(walk.mean(axis=0).tolist()),
        contenders=tuple(
            contender_figures(contender, done, rule, spacing) for contender, done in scores.items()
        ),
        failures=dict(failures),
    )


def _share(inside: Sequence[np.ndarray]) -> tuple[float, ...]:
    return tuple(np.concatenate(inside).mean(axis=0).tolist())
