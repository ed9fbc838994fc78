"""The verdict on a model beside a reference: better, not worse, undecided or worse, with its numbers.

The standing is that of the mean error over the horizon, by one one-sided test at ``rule.level``: a model
that is no better is called better in at most that share of series. The named steps have standings of
their own, each at the same level; they explain, and do not decide.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from ml.config import PromoteConfig, Standing
from ml.evaluation import metrics
from ml.evaluation.significance import DieboldMariano, diebold_mariano

Floats = NDArray[np.float64]

# Below this number of windows that do not overlap, a test of windows that do is wrong too often.
MIN_BLOCKS = 6
MIN_WINDOWS = 10
# Forecasts are float32: models whose errors differ by a smaller share say the same.
_ROUNDING = 1e-6
# Of differences that hardly vary: the ratio to their deviation has no bound.
_MOST_EFFECT = 1e6
_RELATIONS: dict[Standing, str] = {
    "worse": "worse than",
    "undecided": "not distinguishable from",
    "not_worse": "no worse than",
    "better": "better than",
}


class Result(BaseModel):
    """How a model stands to a reference, over the horizon or at one step.

    Attributes:
        standing: in a word.
        p_better: of the null hypothesis that the model is no better; small where it is better.
        p_worse: of the null hypothesis that the model is no worse.
        skill: ``1 - mean error / mean error of the reference``.
        low, high: bounds of the skill, each of which holds with probability ``1 - level``, the
            reference's mean error taken as given; None where there are too few windows.
        effect: mean gain in standard deviations of a single window's gain; positive is better.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, defer_build=True)

    standing: Standing
    p_better: float
    p_worse: float
    skill: float
    low: float | None
    high: float | None
    effect: float

    @property
    def p(self) -> float:
        """The p-value that belongs to what was seen: of being better, or of being worse."""
        return self.p_worse if self.skill < 0 else self.p_better

    @property
    def relation(self) -> str:
        """``no worse than``: what goes between the model and the reference."""
        if self.low is not None and not self.effect:
            return "exactly as good as"
        return _RELATIONS[self.standing]

    @property
    def brief(self) -> str:
        """``error 0.31% smaller, p = 0.12``."""
        change = f"error {abs(self.skill):.2%} {'larger' if self.skill < 0 else 'smaller'}"
        if self.low is None:
            return change
        return f"{change}, {p_words(self.p)}" if self.effect else "the same errors"

    @property
    def numbers(self) -> str:
        """``error 0.31% smaller, p = 0.12, bounds -0.74% to +0.12%, effect +0.05``."""
        if self.low is None or self.high is None or not self.effect:
            return self.brief
        bounds = f"{-self.high:+.2%} to {-self.low:+.2%}"
        return f"{self.brief}, bounds {bounds}, effect {self.effect:+.2f}"

    @property
    def words(self) -> str:
        """``not worse: error 0.31% smaller, p = 0.12, bounds -0.74% to +0.12%, effect +0.05``."""
        return f"{self.standing.replace('_', ' ')}: {self.numbers}"


class Comparison(Result):
    """The verdict over the horizon, and at each named step within it.

    Attributes:
        windows: on which both were judged.
        steps: of the horizon.
        over: the steps whose mean error it is about; all of the horizon where there are none.
        by_step: step to its own result.
    """

    windows: int
    steps: int
    over: tuple[int, ...] = ()
    by_step: dict[int, Result]

    @property
    def numbers(self) -> str:
        """As a step's, with the number of windows."""
        named = f"at step {', '.join(map(str, self.over))}" if self.over else f"of {self.steps} steps"
        of = f"{self.windows} windows {named}"
        if self.low is None:
            few = f"{of} are too few to tell"
            return f"{super().numbers}, but {few}" if self.windows else few
        return f"{super().numbers}, {of}"

    def figures(self) -> dict[str, Any]:
        """For meta.json."""
        return self.model_dump(mode="json")


def compare(loss: Floats, reference: Floats, rule: PromoteConfig, spacing: int = 1) -> Comparison:
    """Judge a model against a reference on the same windows.

    Args:
        loss: the model's absolute errors ``(windows, steps)``, in time order and in units that compare
            over time: divided by the anchor's close.
        reference: the reference's.
        rule: its level, margin and steps.
        spacing: bars between the anchors of neighbouring windows.
    """
    windows, steps = loss.shape
    over = tuple(step for step in rule.over if step <= steps)
    whole = _result(loss, reference, over or tuple(range(1, steps + 1)), rule, spacing)
    named = sorted({step for step in rule.steps if step <= steps})
    return Comparison(
        **whole.model_dump(),
        windows=windows,
        steps=steps,
        over=over,
        by_step={step: _result(loss, reference, (step,), rule, spacing) for step in named},
    )


def _result(
    loss: Floats, reference: Floats, steps: tuple[int, ...], rule: PromoteConfig, spacing: int
) -> Result:
    """Judge the mean error over the steps."""
    windows = len(loss)
    lag = math.ceil(max(steps) / spacing) - 1
    if not windows:
        return _untested(0.0, 0.0)
    columns = np.array(steps) - 1
    references = reference[:, columns].mean(axis=1)
    difference = loss[:, columns].mean(axis=1) - references
    scale = float(references.mean())
    if (np.abs(difference) <= _ROUNDING * scale).all():
        difference = np.zeros(windows)
    mean, spread = float(difference.mean()), float(difference.std())
    effect = -mean / max(spread, abs(mean) / _MOST_EFFECT) if mean else 0.0
    if windows < max(MIN_WINDOWS, MIN_BLOCKS * (lag + 1)):
        return _untested(metrics.skill(scale + mean, scale), effect)
    tested = diebold_mariano(difference, lag, rule.level)
    low, high = (metrics.skill(scale + float(bound), scale) for bound in (tested.high, tested.low))
    return Result(
        standing=_standing(tested, low, rule),
        p_better=float(tested.p_better),
        p_worse=float(tested.p_worse),
        skill=metrics.skill(scale + mean, scale),
        low=low,
        high=high,
        effect=effect,
    )


def _standing(tested: DieboldMariano, low: float, rule: PromoteConfig) -> Standing:
    if tested.p_better <= rule.level:
        return "better"
    if tested.p_worse <= rule.level:
        return "worse"
    return "not_worse" if low >= -rule.margin else "undecided"


def _untested(skill: float, effect: float) -> Result:
    return Result(
        standing="undecided", p_better=1.0, p_worse=1.0, skill=skill, low=None, high=None, effect=effect
    )


def p_words(p: float) -> str:
    """``p = 0.031``, ``p < 0.001``."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.2g}"
