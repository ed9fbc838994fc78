"""All that is needed, beside weights and scaler, to forecast with a trained model.

It is the part of meta.json that the mathematics reads. Its numbers come from a file and are bounded,
for a ``hidden_size`` of a million is an attack and not a model.
"""

import math
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ml.config import MAX_FEATURES

MAX_STEPS = 500


class Frozen(BaseModel):
    """Immutable, no unknown field, no NaN."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, strict=False)


Share = Annotated[float, Field(ge=0, le=1)]


class Target(Frozen):
    """What the network's output means.

    Output ``y[k]`` at step ``k`` (1-based) is ``log(close[t+k] / close[t]) / (sigma * sqrt(k))``: the
    change from the last close in units of the training volatility times the square root of the step.
    Zero is the random walk.
    """

    kind: Literal["log_change"] = "log_change"
    sigma: float = Field(gt=0, le=10, description="Std of one-bar log changes over training bars")
    mean: float = Field(ge=-1, le=1, description="Mean one-bar log change over training bars")
    drift: float = Field(ge=-1, le=1, description="The mean, shrunk by its uncertainty")
    gain: tuple[Share, ...] = Field(
        (1.0,),
        min_length=1,
        max_length=MAX_STEPS,
        description="Factor of the network's output by step, chosen on validation windows; one for all "
        "steps where there is one",
    )


def baseline_target(model: str, target: Target) -> Target:
    """The target of a baseline: at any step naive repeats the last close, and drift goes on."""
    return target.model_copy(update={"gain": (1.0,), "drift": 0.0 if model == "naive" else target.mean})


class SplitConformal(Frozen):
    """Half widths in log price that stay as they are, one for each step up to ``len``.

    Beyond the last step they widen with the square root of the step.
    """

    method: Literal["split_conformal"] = "split_conformal"
    radius_80: tuple[float, ...] = Field(max_length=MAX_STEPS)
    radius_95: tuple[float, ...] = Field(max_length=MAX_STEPS)
    windows: int = Field(ge=1, description="Held-out windows that the residuals come from")

    @model_validator(mode="after")
    def _ordered(self) -> "SplitConformal":
        if not self.radius_80 or len(self.radius_80) != len(self.radius_95):
            raise ValueError("expected as many half widths at 80% as at 95%, and at least one")
        if any(not 0 <= a <= b < math.inf for a, b in zip(self.radius_80, self.radius_95, strict=True)):
            raise ValueError("expected 0 <= half width at 80% <= half width at 95%")
        return self


Ratio = Annotated[float, Field(ge=0.1, le=10)]


class AdaptiveConformal(Frozen):
    """Half widths that are made anew at each bar, of the closes up to it.

    The expected move at a bar mixes a short and a long mean of past moves: at step ``k`` the short one
    counts the mean of ``share * fade ** j`` over ``j = 0 .. k - 1``, for volatility goes back to normal.
    """

    method: Literal["adaptive_conformal"] = "adaptive_conformal"
    sigma: float = Field(gt=0, le=10, description="Std of one-bar log changes over training bars")
    ratio: tuple[Ratio, ...] = Field(
        (1.0,),
        min_length=1,
        max_length=MAX_STEPS,
        description="Residuals over those of the random walk, by step, on held-out windows",
    )
    short: int = Field(20, ge=1, le=500, description="Half-life of the short mean, in bars")
    long: int = Field(250, ge=1, le=500, description="Half-life of the long mean, in bars")
    share: float = Field(0.8, ge=0, le=1, description="Of the short mean, one bar ahead")
    fade: float = Field(0.8, ge=0, lt=1, description="What is left of that share one bar later")
    scores: int = Field(400, ge=20, le=5000, description="Past bars that quantiles are taken of")
    scores_per_step: int = Field(5, ge=0, le=20, description="That many more for each step ahead")
    plain: SplitConformal | None = Field(None, description="Of the same windows, to compare with")


Intervals = Annotated[SplitConformal | AdaptiveConformal, Field(discriminator="method")]


class ForecastSpec(Frozen):
    """Architecture, inputs and output of one trained model."""

    model: str = Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")
    config: dict[str, int | float] = Field(max_length=32, description="The architecture's own config")
    features: tuple[str, ...] = Field(max_length=MAX_FEATURES, description="Feature names, in order")
    inputs: tuple[str, ...] = Field(max_length=1024, description="Input columns of these features")
    seq_len: int = Field(ge=1, le=2000)
    warm_up: int = Field(0, ge=0, le=2000, description="Bars before the window, for the state to settle")
    horizon: int = Field(ge=1, le=MAX_STEPS)
    target: Target
    decay: float = Field(0.5, ge=0, le=1, description="Weight of each further block beyond the horizon")
    intervals: Intervals

    @model_validator(mode="after")
    def _one_gain_or_one_a_step(self) -> "ForecastSpec":
        if len(self.target.gain) not in (1, self.horizon):
            raise ValueError(
                f"expected one gain or one for each of {self.horizon} steps, "
                f"found {len(self.target.gain)}"
            )
        return self

    @property
    def context(self) -> int:
        """Bars that the network reads for one forecast."""
        return self.warm_up + self.seq_len
