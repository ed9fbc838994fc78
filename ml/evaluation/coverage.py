"""What share of outcomes lay inside the bands, by step and in calm and wild times; and their widths."""

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from ml.evaluation.intervals import Bands, Intervals, bands
from ml.forecasting.spec import AdaptiveConformal

Floats = NDArray[np.float64]

_VOLATILITY_BARS = 20
_FIFTH = 0.2


class Frozen(BaseModel):
    """Immutable and finite: it is written as JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Plain(Frozen):
    """Fixed split-conformal half widths, from the same held-out windows, on the same test windows."""

    coverage_80: float
    coverage_95: float
    width_80: float
    width_95: float


class Coverage(Frozen):
    """Share of test outcomes inside the intervals, over the horizon and by step.

    Calm and wild are the windows whose anchor's volatility (`volatility`) is in the lowest and the
    highest fifth of the test windows. Widths are mean half widths in log price.
    """

    overall_80: float
    overall_95: float
    by_step_80: tuple[float, ...]
    by_step_95: tuple[float, ...]
    calm_80: float
    calm_95: float
    wild_80: float
    wild_95: float
    width_80: float
    width_95: float
    plain: Plain | None

    def figures(self) -> dict[str, object]:
        """As meta.json's metrics name them."""
        figures: dict[str, object] = {
            "coverage_80": self.overall_80,
            "coverage_95": self.overall_95,
            "coverage_80_by_step": list(self.by_step_80),
            "coverage_95_by_step": list(self.by_step_95),
            "coverage_80_calm": self.calm_80,
            "coverage_95_calm": self.calm_95,
            "coverage_80_wild": self.wild_80,
            "coverage_95_wild": self.wild_95,
            "width_80": self.width_80,
            "width_95": self.width_95,
        }
        if self.plain is not None:
            figures |= {f"plain_{name}": value for name, value in self.plain.model_dump().items()}
        return figures


def measure_coverage(
    intervals: Intervals,
    close: Floats,
    anchors: NDArray[np.int64],
    residuals: Floats,
    made: Bands | None = None,
) -> Coverage:
    """Coverage of a model's bands.

    Args:
        intervals: the model's.
        close: of the series, ``(n_bars,)``.
        anchors: of the test windows, ``(n,)``.
        residuals: outcomes less forecasts in log price, ``(n, steps)``.
        made: the bands there, where they are known already.
    """
    made = bands(intervals, close, anchors, residuals.shape[1]) if made is None else made
    inside_80, inside_95 = np.abs(residuals) <= made.radius_80, np.abs(residuals) <= made.radius_95
    calm, wild = calm_and_wild(close, anchors)
    return Coverage(
        overall_80=float(inside_80.mean()),
        overall_95=float(inside_95.mean()),
        by_step_80=tuple(inside_80.mean(axis=0).tolist()),
        by_step_95=tuple(inside_95.mean(axis=0).tolist()),
        calm_80=float(inside_80[calm].mean()),
        calm_95=float(inside_95[calm].mean()),
        wild_80=float(inside_80[wild].mean()),
        wild_95=float(inside_95[wild].mean()),
        width_80=float(made.radius_80.mean()),
        width_95=float(made.radius_95.mean()),
        plain=_plain(intervals, close, anchors, residuals),
    )


def calm_and_wild(
    close: Floats, anchors: NDArray[np.int64]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which anchors are in the calmest, and which in the wildest fifth of them, each ``(n,)``."""
    known = volatility(close)[anchors]
    low, high = np.quantile(known, (_FIFTH, 1 - _FIFTH))
    return known <= low, known >= high


def volatility(close: Floats) -> Floats:
    """Root mean square of the last 20 one-bar log changes up to each bar, ``(n_bars,)``."""
    squares = np.cumsum(np.diff(np.log(close), prepend=np.log(close[:1])) ** 2)
    before = np.concatenate([np.zeros(_VOLATILITY_BARS), squares[:-_VOLATILITY_BARS]])[: len(close)]
    counted = np.clip(np.arange(len(close)), 1, _VOLATILITY_BARS)
    return np.asarray(np.sqrt(np.maximum(squares - before, 0.0) / counted))


def _plain(
    intervals: Intervals, close: Floats, anchors: NDArray[np.int64], residuals: Floats
) -> Plain | None:
    if not isinstance(intervals, AdaptiveConformal) or intervals.plain is None:
        return None
    made = bands(intervals.plain, close, anchors, residuals.shape[1])
    return Plain(
        coverage_80=float((np.abs(residuals) <= made.radius_80).mean()),
        coverage_95=float((np.abs(residuals) <= made.radius_95).mean()),
        width_80=float(made.radius_80.mean()),
        width_95=float(made.radius_95.mean()),
    )
