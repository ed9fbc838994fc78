"""A model's figures on test bars it never saw, the random walk and the drift on the same windows."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from ml.evaluation import metrics
from ml.evaluation.coverage import Coverage, measure_coverage
from ml.evaluation.intervals import Bands, bands
from ml.features.windows import targets
from ml.forecasting.forecaster import Forecaster
from ml.forecasting.spec import MAX_STEPS

Floats = NDArray[np.float64]

# Origins at which the forecast beyond the horizon is judged: each costs several network calls.
_BEYOND_ORIGINS = 12
_BEYOND_STEPS = (2, 5, 10)  # in horizons


class Frozen(BaseModel):
    """Immutable and finite: it is written as JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Scores(Frozen):
    """Errors in price units over the horizon and by step; MAPE in percent."""

    mae: float
    mse: float
    rmse: float
    mape: float
    directional_accuracy: float | None
    mae_by_step: tuple[float, ...]
    mse_by_step: tuple[float, ...]
    rmse_by_step: tuple[float, ...]
    mape_by_step: tuple[float, ...]
    directional_accuracy_by_step: tuple[float | None, ...]

    def summary(self) -> dict[str, float]:
        """The figures over the horizon."""
        figures = {"mae": self.mae, "mse": self.mse, "rmse": self.rmse, "mape": self.mape}
        if self.directional_accuracy is not None:
            figures["directional_accuracy"] = self.directional_accuracy
        return figures


class Beyond(Frozen):
    """Figures at one step beyond the horizon, from a few origins on the test bars."""

    step: int
    windows: int
    mae: float
    mae_naive: float
    skill: float
    coverage_80: float
    coverage_95: float


class Evaluation(Frozen):
    """All that was measured on the test bars."""

    windows: int
    steps: int
    first: str
    last: str
    model: Scores
    naive: Scores
    drift: Scores
    skill: float
    skill_by_step: tuple[float, ...]
    coverage: Coverage
    beyond: tuple[Beyond, ...]


@dataclass(frozen=True)
class TestWindows:
    """Frozen windows on which models are compared.

    Attributes:
        bars: the series.
        anchors: last bar that each forecast sees, ``(n,)``.
        steps: steps of each forecast.
    """

    __test__ = False  # not a pytest class

    bars: pd.DataFrame
    anchors: NDArray[np.int64]
    steps: int

    @property
    def anchor_close(self) -> Floats:
        """``(n,)``."""
        return np.asarray(self.bars["close"].to_numpy(dtype=np.float64)[self.anchors])

    @property
    def actual_changes(self) -> Floats:
        """Log changes that happened, ``(n, steps)``."""
        return targets(self.bars["close"].to_numpy(dtype=np.float64), self.anchors, self.steps)


def evaluate(
    forecaster: Forecaster,
    test: TestWindows,
    changes: Floats | None = None,
    made: Bands | None = None,
) -> Evaluation:
    """Measure a model on the windows; its horizon is at least their number of steps.

    ``changes`` are its forecasts there, ``(windows, steps)``, and ``made`` its bands, where they are
    known already.
    """
    anchor_close = test.anchor_close
    actual_changes = test.actual_changes
    actual = anchor_close[:, None] * np.exp(actual_changes)
    if changes is None:
        changes = forecaster.changes(test.bars, test.anchors)[:, : test.steps]
    steps = np.arange(1, test.steps + 1)

    forecast = anchor_close[:, None] * np.exp(changes)
    naive = np.repeat(anchor_close[:, None], test.steps, axis=1)
    drift = anchor_close[:, None] * np.exp(forecaster.spec.target.mean * steps)
    model_scores = score(anchor_close, actual, forecast)
    naive_scores = score(anchor_close, actual, naive)
    stamps = test.bars["timestamp"]
    return Evaluation(
        windows=len(test.anchors),
        steps=test.steps,
        first=stamps.iloc[int(test.anchors[0]) + 1].isoformat(),
        last=stamps.iloc[int(test.anchors[-1]) + test.steps].isoformat(),
        model=model_scores,
        naive=naive_scores,
        drift=score(anchor_close, actual, drift),
        skill=metrics.skill(model_scores.mae, naive_scores.mae),
        skill_by_step=tuple(
            metrics.skill(error, reference)
            for error, reference in zip(model_scores.mae_by_step, naive_scores.mae_by_step, strict=True)
        ),
        coverage=measure_coverage(
            forecaster.spec.intervals,
            test.bars["close"].to_numpy(dtype=np.float64),
            test.anchors,
            actual_changes - changes,
            made,
        ),
        beyond=_beyond(forecaster, test),
    )


def relative_errors(changes: Floats, test: TestWindows) -> Floats:
    """Absolute errors as shares of each anchor's close, ``(windows, steps)``: alike in all years.

    Args:
        changes: forecast log changes, ``(windows, steps)``; or ``(steps,)``, the same for each window.
        test: the windows.
    """
    return np.asarray(np.abs(np.exp(test.actual_changes) - np.exp(changes)))


def score(anchor: Floats, actual: Floats, forecast: Floats) -> Scores:
    """All errors of forecasts ``(windows, steps)`` in prices."""
    mae = metrics.absolute_error(actual, forecast)
    mse = metrics.squared_error(actual, forecast)
    mape = metrics.percentage_error(actual, forecast)
    direction = metrics.directional_accuracy(anchor, actual, forecast)
    known = direction[~np.isnan(direction)]
    return Scores(
        mae=float(mae.mean()),
        mse=float(mse.mean()),
        rmse=float(np.sqrt(mse.mean())),
        mape=float(mape.mean()),
        directional_accuracy=float(known.mean()) if len(known) else None,
        mae_by_step=tuple(mae.tolist()),
        mse_by_step=tuple(mse.tolist()),
        rmse_by_step=tuple(np.sqrt(mse).tolist()),
        mape_by_step=tuple(mape.tolist()),
        directional_accuracy_by_step=tuple(None if np.isnan(d) else float(d) for d in direction),
    )


def _beyond(forecaster: Forecaster, test: TestWindows) -> tuple[Beyond, ...]:
    """Judge the blocks that are fed back, at the steps for which test bars are left."""
    close = test.bars["close"].to_numpy(dtype=np.float64)
    stamps = pd.DatetimeIndex(test.bars["timestamp"])
    first = int(test.anchors[0])
    steps = [s for s in (f * forecaster.spec.horizon for f in _BEYOND_STEPS) if s < len(close) - first]
    steps = [step for step in steps if step <= MAX_STEPS]
    if not steps:
        return ()
    origins = np.unique(np.linspace(first, len(close) - 1 - steps[0], _BEYOND_ORIGINS).astype(np.int64))
    futures = [stamps[t + 1 : t + 1 + steps[-1]] for t in origins]
    ahead = forecaster.paths(test.bars, origins, steps[-1], futures)
    paths = {int(t): path[: len(close) - 1 - t] for t, path in zip(origins, ahead, strict=True)}
    made = bands(forecaster.spec.intervals, close, origins, steps[-1])
    radii = {int(t): both for t, *both in zip(origins, made.radius_80, made.radius_95, strict=True)}
    return tuple(_judge_step(close, paths, radii, step) for step in steps)


def _judge_step(
    close: Floats, paths: dict[int, Floats], radii: dict[int, list[Floats]], step: int
) -> Beyond:
    origins = np.array([t for t, path in paths.items() if len(path) >= step])
    change = np.array([paths[int(t)][step - 1] for t in origins])
    start, actual = close[origins], close[origins + step]
    error = float(np.abs(actual - start * np.exp(change)).mean())
    naive_error = float(np.abs(actual - start).mean())
    residual = np.abs(np.log(actual / start) - change)
    radius = np.array([[radius[step - 1] for radius in radii[int(t)]] for t in origins])
    return Beyond(
        step=step,
        windows=len(origins),
        mae=error,
        mae_naive=naive_error,
        skill=metrics.skill(error, naive_error),
        coverage_80=float((residual <= radius[:, 0]).mean()),
        coverage_95=float((residual <= radius[:, 1]).mean()),
    )
