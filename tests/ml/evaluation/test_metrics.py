import numpy as np
import pytest
from sklearn.metrics import (
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
)

from ml.evaluation import metrics

RNG = np.random.default_rng(5)
ANCHOR = RNG.uniform(50, 150, 40)
ACTUAL = ANCHOR[:, None] * np.exp(RNG.normal(0, 0.02, (40, 3)))
FORECAST = ANCHOR[:, None] * np.exp(RNG.normal(0, 0.02, (40, 3)))


def test_errors_by_step_are_those_of_scikit_learn() -> None:
    for step in range(3):
        actual, forecast = ACTUAL[:, step], FORECAST[:, step]
        assert metrics.absolute_error(ACTUAL, FORECAST)[step] == pytest.approx(
            mean_absolute_error(actual, forecast)
        )
        assert metrics.squared_error(ACTUAL, FORECAST)[step] == pytest.approx(
            mean_squared_error(actual, forecast)
        )
        assert metrics.percentage_error(ACTUAL, FORECAST)[step] == pytest.approx(
            100 * mean_absolute_percentage_error(actual, forecast)
        )


def test_directions_count_only_where_there_is_one() -> None:
    anchor = np.array([10.0, 10.0, 10.0, 10.0])
    actual = np.array([[11.0], [9.0], [10.0], [11.0]])
    forecast = np.array([[12.0], [11.0], [12.0], [10.0]])
    assert metrics.directional_accuracy(anchor, actual, forecast).tolist() == [0.5]


def test_the_random_walk_has_no_direction() -> None:
    flat = np.repeat(ANCHOR[:, None], 3, axis=1)
    assert np.isnan(metrics.directional_accuracy(ANCHOR, ACTUAL, flat)).all()


def test_coverage_counts_the_bounds_as_inside() -> None:
    actual = np.array([[1.0], [2.0], [3.0], [3.1]])
    assert metrics.coverage(actual, np.full((4, 1), 1.0), np.full((4, 1), 3.0)).tolist() == [0.75]


@pytest.mark.parametrize(
    ("error", "reference", "expected"),
    [(1.0, 2.0, 0.5), (2.0, 2.0, 0.0), (3.0, 2.0, -0.5), (0.0, 0.0, 0.0), (1.0, 0.0, -1.0)],
)
def test_skill_is_one_minus_the_ratio_of_errors(error: float, reference: float, expected: float) -> None:
    assert metrics.skill(error, reference) == expected
