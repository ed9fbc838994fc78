import numpy as np
import pytest
from dieboldmariano import dm_test
from numpy.typing import NDArray
from scipy import stats
from statsmodels.regression.linear_model import OLS

from ml.evaluation.significance import (
    benjamini_hochberg,
    diebold_mariano,
    diebold_mariano_by_column,
    long_run_variance,
)

Floats = NDArray[np.float64]


def overlapping(n: int, lag: int, *, seed: int = 0, mean: float = 0.0) -> Floats:
    """Differences that share ``lag`` neighbours' news, ``(n,)``."""
    news = np.random.default_rng(seed).standard_t(5, n + lag)
    return mean + np.convolve(news, np.ones(lag + 1) / (lag + 1), "valid")


@pytest.mark.parametrize("lag", [0, 4, 9])
@pytest.mark.parametrize("mean", [-0.1, 0.0, 0.2])
def test_the_test_is_that_of_another_implementation(lag: int, mean: float) -> None:
    difference = overlapping(400, lag, seed=lag, mean=mean)
    nothing = np.zeros(400)
    ours = diebold_mariano(difference, lag)
    theirs = [
        dm_test(
            nothing.tolist(),
            difference.tolist(),
            nothing.tolist(),
            loss=lambda _actual, forecast: forecast,
            h=lag + 1,
            one_sided=True,
            variance_estimator=estimator,
        )
        for estimator in ("acf", "bartlett")
    ]
    statistic, p_better = min(theirs, key=lambda found: abs(found[0]))
    assert float(ours.statistic) == pytest.approx(statistic, rel=1e-9)
    # As many degrees of freedom as windows that do not overlap; without overlap, as theirs.
    freedom = 400 / (lag + 1) - 1
    assert float(ours.p_better) == pytest.approx(float(stats.t.cdf(statistic, freedom)))
    assert float(ours.p_better) == pytest.approx(p_better, rel=1e-6 if lag == 0 else 0.5, abs=2e-3)
    assert float(ours.p_better + ours.p_worse) == pytest.approx(1.0)


@pytest.mark.parametrize("lag", [0, 3, 11])
def test_the_variance_is_the_larger_of_two_that_statsmodels_finds(lag: int) -> None:
    difference = overlapping(250, lag, seed=5)
    model = OLS(difference, np.ones(250))
    found = []
    for kernel in ("uniform", "bartlett"):
        options = {"maxlags": lag, "kernel": kernel, "use_correction": False}
        found.append(float(model.fit(cov_type="HAC", cov_kwds=options).bse[0]) ** 2 * 250)
    ours = float(long_run_variance(difference[:, None], np.array([lag]))[0])
    assert ours == pytest.approx(max(found), rel=1e-9)


def test_without_overlap_it_is_students_t_test() -> None:
    difference = overlapping(80, 0, mean=-0.2)
    ours = diebold_mariano(difference, 0)
    theirs = stats.ttest_1samp(difference, 0.0, alternative="less")
    assert float(ours.statistic) == pytest.approx(float(theirs.statistic))
    assert float(ours.p_better) == pytest.approx(float(theirs.pvalue))
    interval = theirs.confidence_interval(0.95)
    assert float(ours.high) == pytest.approx(float(interval.high))


def test_columns_are_tested_each_with_its_own_lag() -> None:
    differences = np.column_stack([overlapping(300, lag, seed=lag) for lag in (0, 4, 9)])
    together = diebold_mariano_by_column(differences, np.array([0, 4, 9]), 0.05)
    for column, lag in enumerate((0, 4, 9)):
        alone = diebold_mariano(differences[:, column], lag)
        assert together.p_better[column] == pytest.approx(float(alone.p_better))
        assert together.high[column] == pytest.approx(float(alone.high))


def test_no_difference_at_all_is_no_evidence() -> None:
    found = diebold_mariano(np.zeros(50), 9)
    assert [float(found.mean), float(found.statistic)] == [0.0, 0.0]
    assert [float(found.p_better), float(found.p_worse)] == [1.0, 1.0]
    assert [float(found.low), float(found.high)] == [0.0, 0.0]


def test_the_same_gain_in_every_window_is_certain() -> None:
    found = diebold_mariano(np.full(50, -0.5), 4)
    assert found.p_better == pytest.approx(0.0)
    assert found.p_worse == pytest.approx(1.0)


def test_a_negative_variance_never_passes_for_certainty() -> None:
    swinging = np.tile([1.0, -1.0], 15) + 1e-3  # autocovariances with equal weights add up below zero
    assert float(long_run_variance(swinging[:, None], np.array([1]))[0]) > 0
    assert 0.3 < float(diebold_mariano(swinging, 1).p_better) < 0.7


def test_no_more_differences_than_a_lag_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="expected more than 9 differences, found 9"):
        diebold_mariano(np.ones(9), 9)


@pytest.mark.parametrize(("n", "lag"), [(60, 9), (100, 4), (600, 9)])
def test_where_nothing_differs_few_are_called_better(n: int, lag: int) -> None:
    rng = np.random.default_rng(11)
    news = np.cumsum(rng.standard_t(5, (n + lag + 1, 2000)), axis=0)
    differences = (news[lag + 1 :] - news[: -lag - 1]) * rng.normal(1, 0.3, (n, 2000))
    found = diebold_mariano_by_column(differences, np.full(2000, lag), 0.05)
    for p in (found.p_better, found.p_worse):
        assert float((p <= 0.05).mean()) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 2000)


def test_adjusted_p_values_are_those_of_scipy() -> None:
    p = np.random.default_rng(3).uniform(size=200) ** 2
    p[:3] = 0.01  # ties
    assert benjamini_hochberg(p) == pytest.approx(stats.false_discovery_control(p, method="bh"))


def test_adjusted_p_values_of_the_published_example() -> None:
    # The 15 p-values of section 3.2 of Benjamini and Hochberg (1995): four are rejected at 5%.
    p = [
        *(0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344),
        *(0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0000),
    ]
    assert (benjamini_hochberg(np.array(p)) <= 0.05).sum() == 4


def test_one_p_value_and_none_need_no_adjusting() -> None:
    assert benjamini_hochberg(np.array([0.03])).tolist() == [0.03]
    assert benjamini_hochberg(np.array([])).tolist() == []
