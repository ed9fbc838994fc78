import numpy as np
import pytest

from ml.evaluation.live import coverage_p, judged_steps


@pytest.mark.parametrize(("inside", "n", "nominal"), [(13, 20, 0.8), (70, 100, 0.8), (240, 250, 0.95)])
def test_the_probability_of_so_few_inside_is_scipys_binomial_test(
    inside: int, n: int, nominal: float
) -> None:
    from scipy.stats import binomtest

    expected = binomtest(inside, n, nominal, alternative="less").pvalue
    assert coverage_p(np.arange(n) < inside, nominal) == pytest.approx(expected)


def test_without_outcomes_nothing_is_lost() -> None:
    assert coverage_p(np.empty(0, dtype=np.bool_), 0.8) == 1.0


def test_a_band_that_holds_is_called_lost_as_rarely_as_the_level_says() -> None:
    rng = np.random.default_rng(5)
    p = np.array([coverage_p(rng.random(100) < 0.8, 0.8) for _ in range(2000)])
    assert (p < 0.05).mean() <= 0.06
    assert coverage_p(np.arange(100) < 60, 0.8) < 1e-5


def test_the_most_steps_are_judged_for_which_outcomes_are_there() -> None:
    errors = np.zeros((60, 10))
    assert judged_steps(errors, 20) == 10
    assert judged_steps(errors[:30], 20) == 5  # six forecasts that do not overlap, for each step
    assert judged_steps(errors[:19], 20) == 0
    assert judged_steps(errors[:20], 20, spacing=5) == 10
    errors[25:, 1] = np.nan  # the second step came for 25 of them alone
    assert judged_steps(errors, 20) == 4
    assert judged_steps(errors, 30) == 1
