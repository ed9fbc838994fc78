"""The fits of one series: one from its start, or those of a refit, and those of a rival.

A challenger can only be judged beside its champion on bars that neither has learnt from. Where the
champion has learnt from the challenger's test (it was refitted on all bars, or cut in larger shares), a
rival stands in for it: the champion's configuration, fitted again on the bars before that test.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import pandas as pd

from ml.artifacts.meta import Meta
from ml.config import Settings, TrainConfig
from ml.errors import FeatureError, TooFewBarsError, TrainingError
from ml.evaluation.rivalry import learnt_until
from ml.training.configuration import Plan, epochs_behind, is_baseline, refit_config
from ml.training.dataset import Dataset, Refits, build_dataset, build_refits
from ml.training.learning import FRESH, Learnt, Start, finish, finish_refit
from ml.training.loop import Fit, Outcome

# In the order in which they are trained: what judges a series first.
Role = Literal["main", "probe", "proxy", "final", "rival_probe", "rival"]
_REFIT: tuple[Role, ...] = ("probe", "proxy", "final")
_RIVAL: tuple[Role, ...] = ("rival_probe", "rival")


@dataclass(frozen=True)
class Lesson:
    """One fit: what is learnt, with which configuration, from which start."""

    dataset: Dataset
    config: TrainConfig
    start: Start = FRESH


@dataclass(frozen=True)
class Taught:
    """What came out of a course: the challenger, and where there are any the other two."""

    judged: Learnt
    calibrated: Learnt  # whose forecasts of validation chose gain and intervals of the judged one
    final: Learnt | None = None
    rival: Learnt | None = None


@dataclass(frozen=True)
class Rival:
    """The champion's configuration, to be fitted on the bars before the challenger's test."""

    plan: Plan
    cuts: Refits


@dataclass(frozen=True)
class Course:
    """All fits of one series.

    Attributes:
        plan: how the series is trained.
        bars: normalised bars.
        lessons: the fits, by their role.
        refits: the cuts of a refit.
        rival: what is fitted for one, where it is needed and is not the challenger itself.
        needs_rival: whether the champion has learnt from the test.
    """

    plan: Plan
    bars: pd.DataFrame
    lessons: Mapping[Role, Lesson]
    refits: Refits | None = None
    rival: Rival | None = field(default=None, repr=False)
    needs_rival: bool = False

    @property
    def dataset(self) -> Dataset:
        """The challenger's, cut into training, validation and test."""
        return self.lessons["probe" if "probe" in self.lessons else "main"].dataset

    def build(self, bars: pd.DataFrame) -> Dataset:
        """`dataset` of other bars, made as it was made of its own."""
        return build_dataset(bars, self.plan.config, basis=self.plan.basis)

    def build_proxy(self, bars: pd.DataFrame) -> Dataset:
        """The same of a refit's proxy."""
        return build_refits(bars, self.plan.config).proxy

    def finish(self, fits: Mapping[Role, Outcome]) -> Taught:
        """Calibrate what was fitted; raises the `TrainingError` of a fit that failed.

        A rival whose fit failed is none: the champion is judged on what windows there are.
        """
        config = self.plan.config
        rival = self._rival(fits)
        if self.refits is None:
            learnt = finish(self.dataset, _done(fits["main"]), config, self.bars)
            return Taught(learnt, learnt, rival=rival)
        refit = finish_refit(self.refits, [_done(fits[role]) for role in _REFIT], config, self.bars)
        # The champion's configuration on these bars is what was just fitted.
        rival = refit.proxy if self.needs_rival else None
        return Taught(refit.proxy, refit.probe, refit.final, rival)

    def _rival(self, fits: Mapping[Role, Outcome]) -> Learnt | None:
        if self.rival is None:
            return None
        results = [fits[role] for role in _RIVAL]
        done = [result for result in results if isinstance(result, Fit)]
        if len(done) < len(results):
            return None
        return finish_refit(self.rival.cuts, done, self.rival.plan.config, self.bars).proxy


def course_of(plan: Plan, champion: Meta | None, bars: pd.DataFrame, settings: Settings) -> Course:
    """The fits that a series needs; raises as `build_dataset`."""
    config = plan.config
    if plan.mode == "refit":
        cuts = build_refits(bars, config)
        datasets = zip(_REFIT, (cuts.probe, cuts.proxy, cuts.final), strict=True)
        lessons: dict[Role, Lesson] = {
            role: Lesson(dataset, config, plan.start) for role, dataset in datasets
        }
        needed = needs_rival(champion, cuts.probe, bars, settings.promote.min_windows)
        return Course(plan, bars, lessons, refits=cuts, needs_rival=needed)
    dataset = build_dataset(bars, config, basis=plan.basis)
    lessons = {"main": Lesson(dataset, config, plan.start)}
    if champion is None or not needs_rival(champion, dataset, bars, settings.promote.min_windows):
        return Course(plan, bars, lessons)
    rival = _rival_of(champion, dataset, bars, settings.train)
    if rival is not None:
        own, cuts = rival.plan, rival.cuts
        lessons["rival_probe"] = Lesson(cuts.probe, own.config, own.start)
        lessons["rival"] = Lesson(cuts.proxy, own.config, own.start)
    return Course(plan, bars, lessons, rival=rival, needs_rival=True)


def needs_rival(champion: Meta | None, dataset: Dataset, bars: pd.DataFrame, min_windows: int) -> bool:
    """Whether a trained champion has learnt from too many of the test's windows to be judged on them."""
    if champion is None or is_baseline(champion):
        return False
    anchors = dataset.split.test
    unknown = int((bars["timestamp"].iloc[anchors.start : anchors.stop] >= learnt_until(champion)).sum())
    return unknown < min(min_windows, len(anchors))


def _rival_of(
    champion: Meta, dataset: Dataset, bars: pd.DataFrame, present: TrainConfig
) -> Rival | None:
    """The champion's configuration on the bars before the test; None where it does not fit them."""
    config = refit_config(champion, present)
    if config is None:
        return None
    try:
        cuts = build_refits(bars, config, test_start=dataset.split.test_bars.start)
    except (FeatureError, TooFewBarsError):
        return None
    return Rival(Plan("refit", config, champion, Start(epochs=epochs_behind(champion))), cuts)


def _done(outcome: Outcome) -> Fit:
    if isinstance(outcome, TrainingError):
        raise outcome
    return outcome
