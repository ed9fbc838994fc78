"""The certificate of what was trained: proof that it does not know the future."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ml.evaluation.certificate import Certificate, Rebuilt, certify
from ml.forecasting.spec import ForecastSpec
from ml.training.calibration import gain_and_intervals
from ml.training.configuration import Plan
from ml.training.course import Course, Taught
from ml.training.dataset import Dataset
from ml.training.slopes import solved_weights, with_slopes


def prove(taught: Taught, plan: Plan, course: Course) -> Certificate:
    """Certify what a course taught.

    Args:
        taught: the judged model, and the one that calibrated it.
        plan: by which they were trained: the course's, or that of what stands in for it.
        course: makes the datasets of other bars in the way that it made those of its own.

    Raises:
        LeakageError: what comes after a bar changes what was made of those before it.
    """
    judged, calibrated = taught.judged, taught.calibrated

    def rebuilt(dataset: Dataset, slopes: NDArray[np.float32]) -> Rebuilt:
        return Rebuilt(dataset.split, dataset.scaler, dataset.target, dataset.train.actual(), slopes)

    def slopes(dataset: Dataset) -> NDArray[np.float32]:
        found = with_slopes(judged.network, dataset.train)
        return solved_weights(judged.network, found or {})

    def rebuild(bars: pd.DataFrame) -> Rebuilt:
        dataset = course.build(bars) if judged is calibrated else course.build_proxy(bars)
        return rebuilt(dataset, slopes(dataset) if plan.start.weights is None else own)

    def recalibrate(bars: pd.DataFrame) -> ForecastSpec:
        dataset = course.build(bars)
        return gain_and_intervals(dataset, calibrated.network, plan.config, bars)[0]

    own = solved_weights(judged.network, judged.network.state_dict())
    return certify(
        course.bars,
        judged.forecaster,
        rebuilt(judged.dataset, own),
        rebuild,
        plan.config.seed,
        recalibrate,
    )
