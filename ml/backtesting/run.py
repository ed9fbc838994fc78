"""Fit and forecast fold after fold, in memory: what evaluations and tuning share."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ml.backtesting.folds import Fold
from ml.config import TrainConfig
from ml.evaluation import metrics
from ml.evaluation.intervals import bands
from ml.features.windows import targets
from ml.training.learning import Learnt, learn, learn_together

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class FoldScore:
    """How the forecasts of one fold went; arrays are ``(windows, steps)``, in the order of the anchors.

    Attributes:
        fold: what was learnt from, and where it was forecast.
        loss: absolute errors as shares of the anchor's close, so that they compare over time.
        walk: those of the random walk.
        inside_80: whether the outcome lay in the 80% interval.
        inside_95: in the 95% interval.
        epochs: that the training took; 0 for a baseline.
        seconds: wall clock of fit and forecasts; of a fleet, an equal part.
    """

    fold: Fold
    loss: Floats
    walk: Floats
    inside_80: Bools
    inside_95: Bools
    epochs: int
    seconds: float

    @property
    def skill(self) -> float:
        """``1 - mean loss / mean loss of the random walk``, over windows and steps."""
        return metrics.skill(float(self.loss.mean()), float(self.walk.mean()))


def walk_forward(bars: pd.DataFrame, config: TrainConfig, folds: Sequence[Fold]) -> Iterator[FoldScore]:
    """Fit at each fold, on the bars before its stretch alone, and score its forecasts.

    A generator, so that a caller can stop after any fold (pruning). To keep bars out of it, leave them
    out of ``bars``: tuning hands in the bars before the test, and cuts the folds from these.

    Args:
        bars: normalised bars.
        config: what is trained, and how.
        folds: as `ml.backtesting.folds.cut_folds` makes them of ``len(bars)`` and the config's horizon.

    Raises:
        FeatureError, TooFewBarsError, ConstantSeriesError, TrainingError: as `learn`.
    """
    for fold in folds:
        began = time.monotonic()
        learnt = learn_fold(bars, config, fold)
        yield score_fold(bars, learnt, fold, began)


def learn_fold(bars: pd.DataFrame, config: TrainConfig, fold: Fold) -> Learnt:
    """Train and calibrate on the fold's bars: no other is handed on. Raises as `learn`."""
    return learn(_known(bars, fold), config, len(fold.learn))


def learn_folds(
    problems: Sequence[tuple[pd.DataFrame, Fold]], config: TrainConfig
) -> list[Learnt | Exception]:
    """`learn_fold` for several (bars, fold), in fleets where that is faster; what fails is returned.

    Where a fleet fails (memory, one odd series), it is tried in ever smaller parts.
    """
    try:
        known = [(_known(bars, fold), len(fold.learn)) for bars, fold in problems]
        return list(learn_together(known, config))
    except Exception as error:  # noqa: BLE001  # it is handed on with the fold that it is about
        if len(problems) == 1:
            return [error]
    half = len(problems) // 2
    return [*learn_folds(problems[:half], config), *learn_folds(problems[half:], config)]


def _known(bars: pd.DataFrame, fold: Fold) -> pd.DataFrame:
    return bars.iloc[fold.learn.start : fold.learn.stop].reset_index(drop=True)


def score_fold(bars: pd.DataFrame, learnt: Learnt, fold: Fold, began: float) -> FoldScore:
    """Forecast at the fold's anchors, and compare with what happened.

    ``began`` is when the fold's clock started, by `time.monotonic`.
    """
    anchors = np.asarray(fold.anchors, dtype=np.int64)
    forecaster = learnt.forecaster
    steps = forecaster.spec.horizon
    last = int(anchors[-1]) + steps
    seen = bars.iloc[: last + 1]
    close = seen["close"].to_numpy(dtype=np.float64)
    changes = forecaster.changes(seen, anchors)
    actual = targets(close, anchors, steps)
    made = bands(forecaster.spec.intervals, close, anchors, steps)
    residual = np.abs(actual - changes)
    return FoldScore(
        fold=fold,
        loss=np.abs(np.exp(actual) - np.exp(changes)),
        walk=walk_loss(close, fold, steps),
        inside_80=residual <= made.radius_80,
        inside_95=residual <= made.radius_95,
        epochs=learnt.fit.epochs,
        seconds=time.monotonic() - began,
    )


def walk_loss(close: Floats, fold: Fold, steps: int) -> Floats:
    """Absolute errors of the random walk at the fold's anchors, as shares of their closes."""
    actual = targets(close, np.asarray(fold.anchors, dtype=np.int64), steps)
    return np.abs(np.exp(actual) - 1.0)
