import numpy as np
import pytest

from ml.evaluation.drift import drift, kolmogorov_smirnov, stability_index

RNG = np.random.default_rng(2)
ONE, OTHER = RNG.normal(0, 0.01, 900), RNG.normal(0.002, 0.013, 250)


def test_the_statistic_is_scipys_and_its_p_value_nearly() -> None:
    from scipy.stats import ks_2samp

    expected = ks_2samp(ONE, OTHER, method="asymp")
    distance, p = kolmogorov_smirnov(ONE, OTHER)
    assert distance == pytest.approx(expected.statistic, abs=1e-12)
    assert p == pytest.approx(expected.pvalue, rel=0.2)
    same, p = kolmogorov_smirnov(ONE, ONE)
    assert (same, p) == (0, 1)


def test_the_stability_index_is_the_sum_by_hand() -> None:
    expected, actual = np.arange(100.0), np.repeat([5.0, 95.0], [30, 70])
    # Tenths are expected in each bin; 30 fall in the first, 70 in the last, and none elsewhere.
    e, counts = 0.1, [30, 70, *[0] * 8]
    by_hand = sum((a - e) * np.log(a / e) for a in ((count + 0.5) / 105 for count in counts))
    assert stability_index(expected, actual) == pytest.approx(by_hand)


def test_the_same_market_is_stable_and_a_wilder_one_is_not() -> None:
    close = 100 * np.exp(np.cumsum(RNG.normal(0, 0.01, 1500)))
    same = drift(close[:1000], close[1000:1250])
    assert same.volatility == pytest.approx(1, abs=0.15)
    assert same.ks_p > 0.01
    assert same.psi < 0.1
    wild = drift(close[:1000], 100 * np.exp(np.cumsum(RNG.normal(0, 0.03, 250))))
    assert wild.volatility == pytest.approx(3, abs=0.4)
    assert wild.ks_p < 1e-6
    assert wild.psi > 0.25


def test_prices_that_do_not_move_have_no_drift_to_measure() -> None:
    with pytest.raises(ValueError, match="prices that move"):
        drift(np.full(100, 5.0), np.full(100, 5.0))
    with pytest.raises(ValueError, match="two returns"):
        drift(np.array([1.0, 2.0, 3.0]), np.array([1.0]))
