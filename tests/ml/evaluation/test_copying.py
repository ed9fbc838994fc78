import numpy as np
import pytest
from numpy.typing import NDArray

from ml.evaluation.copying import lag1_copy

Floats = NDArray[np.float64]

ANCHORS = np.arange(50, 480)
STEPS = 10


def _walk(seed: int = 0) -> Floats:
    rng = np.random.default_rng(seed)
    return np.asarray(100 * np.exp(np.cumsum(rng.normal(0, 0.01, 500))))


def _outcomes(close: Floats) -> Floats:
    ahead = ANCHORS[:, None] + np.arange(1, STEPS + 1)
    return np.asarray(np.log(close[ahead] / close[ANCHORS, None]))


def test_the_last_close_is_an_exact_copy() -> None:
    copying = lag1_copy(_walk(), ANCHORS, np.zeros((len(ANCHORS), STEPS)))
    assert (copying.score, copying.by_step, copying.lag) == (1.0, (1.0,) * STEPS, 1)
    assert copying.words == "its forecasts are the last close"


def test_what_happened_is_no_copy_and_matches_its_own_bar() -> None:
    close = _walk()
    copying = lag1_copy(close, ANCHORS, _outcomes(close))
    assert copying.score == pytest.approx(0, abs=1e-12)
    assert copying.lag == 0


def test_a_forecast_that_moves_a_quarter_as_far_as_prices_is_three_quarters_a_copy() -> None:
    close = _walk()
    copying = lag1_copy(close, ANCHORS, 0.25 * _outcomes(close))
    assert copying.score == pytest.approx(0.75)
    assert "move 25% as far" in copying.words


def test_the_size_of_the_moves_counts_and_not_whether_they_are_right() -> None:
    close = _walk()
    assert lag1_copy(close, ANCHORS, -0.25 * _outcomes(close)).score == pytest.approx(0.75)
    assert lag1_copy(close, ANCHORS, -3 * _outcomes(close)).score == 0


def test_a_copy_of_an_older_close_shows_by_its_lag() -> None:
    close = _walk()
    older = np.repeat(np.log(close[ANCHORS - 2] / close[ANCHORS])[:, None], STEPS, axis=1)
    copying = lag1_copy(close, ANCHORS, older)
    assert copying.lag == 3
    assert "it lags" in copying.words


def test_each_step_has_its_own_score_and_a_drift_far_out_does_not_hide_a_copy_of_the_next_bar() -> None:
    close = _walk()
    changes = np.zeros((len(ANCHORS), STEPS))
    changes[:, 5:] = _outcomes(close)[:, 5:]
    copying = lag1_copy(close, ANCHORS, changes)
    assert copying.by_step == pytest.approx((1.0,) * 5 + (0.0,) * 5)
    assert copying.score == pytest.approx(0.5)


def test_of_a_price_that_stands_still_only_the_last_close_is_a_copy() -> None:
    close, still = np.full(500, 9.0), np.zeros((len(ANCHORS), STEPS))
    assert lag1_copy(close, ANCHORS, still).score == 1
    assert lag1_copy(close, ANCHORS, still + 0.01).score == 0
    assert lag1_copy(close, ANCHORS, still).lag == 1


def test_unit_and_level_of_the_price_do_not_matter() -> None:
    close = _walk(3)
    changes = np.random.default_rng(1).normal(0, 0.004, (len(ANCHORS), STEPS))
    copying = lag1_copy(close, ANCHORS, changes)
    assert lag1_copy(close * 1e-7, ANCHORS, changes).score == pytest.approx(copying.score)
    assert 0 < copying.score < 1
