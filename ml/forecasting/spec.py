"""All that is needed, beside weights and scaler, to forecast with a trained model.

It is the part of meta.json that the mathematics reads. Its numbers come from a file and are bounded,
for a ``hidden_size`` of a million is an attack and not a model.
"""

import math
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ml.config import MAX_FEATURES

MAX_STEPS = 500


class Frozen(BaseModel):
    """Immutable, no unknown field, no NaN."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, strict=False)


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
    gain: float = Field(
        1.0, ge=0, le=1, description="Factor of the network's output, chosen on validation windows"
    )


def baseline_target(model: str, target: Target) -> Target:
    """The target of a baseline: at any step naive repeats the last close, and drift goes on."""
    return target.model_copy(update={"gain": 1.0, "drift": 0.0 if model == "naive" else target.mean})


class Intervals(Frozen):
    """Split-conformal half widths in log price, one for each step up to ``len``.

    Beyond the last step they widen with the square root of the step.
    """

    method: Literal["split_conformal"] = "split_conformal"
    radius_80: tuple[float, ...] = Field(max_length=MAX_STEPS)
    radius_95: tuple[float, ...] = Field(max_length=MAX_STEPS)
    windows: int = Field(ge=1, description="Held-out windows that the residuals come from")

    @model_validator(mode="after")
    def _ordered(self) -> "Intervals":
        if not self.radius_80 or len(self.radius_80) != len(self.radius_95):
            raise ValueError("expected as many half widths at 80% as at 95%, and at least one")
        if any(not 0 <= a <= b < math.inf for a, b in zip(self.radius_80, self.radius_95, strict=True)):
            raise ValueError("expected 0 <= half width at 80% <= half width at 95%")
        return self


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

    @property
    def context(self) -> int:
        """Bars that the network reads for one forecast."""
        return self.warm_up + self.seq_len
