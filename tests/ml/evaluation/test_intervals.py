import numpy as np
import pytest

from ml.evaluation.intervals import calibrate, conformal_radius
from ml.forecasting.forecaster import widths


def test_the_half_width_is_the_conformal_quantile() -> None:
    residuals = np.arange(1.0, 20.0)[:, None]  # 19 windows
    assert conformal_radius(residuals, 80).tolist() == [16.0]  # ceil(20 * 0.8)
    assert conformal_radius(residuals, 95).tolist() == [19.0]  # ceil(20 * 0.95)


def test_with_few_windows_the_largest_residual_is_taken() -> None:
    assert conformal_radius(np.array([[1.0], [-5.0], [2.0]]), 95).tolist() == [5.0]


def test_exchangeable_residuals_are_covered_as_promised() -> None:
    rng = np.random.default_rng(0)
    inside = {80: 0, 95: 0}
    for _ in range(400):
        intervals = calibrate(rng.standard_t(4, (60, 1)))
        outcome = abs(float(rng.standard_t(4)))
        inside[80] += outcome <= intervals.radius_80[0]
        inside[95] += outcome <= intervals.radius_95[0]
    assert inside[80] / 400 == pytest.approx(0.80, abs=0.06)
    assert inside[95] / 400 == pytest.approx(0.95, abs=0.03)


def test_intervals_never_shrink_with_the_step_and_widen_beyond_the_last_one() -> None:
    rng = np.random.default_rng(0)
    intervals = calibrate(rng.normal(0, 1, (100, 8)))
    width = widths(intervals.radius_80, 40)
    assert (np.diff(width) >= 0).all()
    assert (np.diff(width[7:]) > 0).all()
    assert width[31] == pytest.approx(width[7] * 2)  # four times the steps, twice the width
