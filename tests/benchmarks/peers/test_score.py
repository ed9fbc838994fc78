"""One judge for all contenders."""

import math

import numpy as np
import pytest

from benchmarks.peers.exchange import Protocol, Series
from benchmarks.peers.score import (
    Difference,
    Row,
    judged_row,
    losses,
    median_seconds,
    paired_difference,
    skills,
)
from benchmarks.peers.windows import outcomes
from tests.benchmarks.peers.worlds import make_account, make_series


def test_the_random_walk_has_no_skill_and_the_truth_has_all() -> None:
    series = make_series()
    naive = np.repeat(series.close[series.anchors, None], 10, axis=1)
    truth = outcomes(series.close, series.anchors, 10)
    assert skills([series], {"AAA_1d": naive}) == pytest.approx(np.zeros((1, 10)))
    assert skills([series], {"AAA_1d": truth}) == pytest.approx(np.ones((1, 10)))


def test_an_error_twice_that_of_the_random_walk_is_a_skill_of_minus_one() -> None:
    series = make_series()
    naive = np.repeat(series.close[series.anchors, None], 10, axis=1)
    truth = outcomes(series.close, series.anchors, 10)
    assert skills([series], {"AAA_1d": truth + 2 * (naive - truth)}) == pytest.approx(-np.ones((1, 10)))


def test_a_series_that_does_not_move_cannot_be_judged() -> None:
    series = Series("FLAT_1d", np.full(300, 5.0), Protocol())
    with pytest.raises(ValueError, match="FLAT_1d: expected closes that move"):
        skills([series], {"FLAT_1d": np.full((len(series.anchors), 10), 5.0)})


def test_the_interval_holds_the_mean_and_is_the_same_with_the_same_seed() -> None:
    rng = np.random.default_rng(3)
    ours, theirs = rng.normal(0.01, 0.02, 30), rng.normal(0, 0.02, 30)
    found = paired_difference(ours, theirs, seed=7)
    assert found.mean == pytest.approx((ours - theirs).mean())
    assert found.low < found.mean < found.high
    assert paired_difference(ours, theirs, seed=7) == found
    # As wide as the normal approximation has it.
    width = 2 * 1.96 * (ours - theirs).std() / math.sqrt(30)
    assert found.high - found.low == pytest.approx(width, rel=0.1)


def test_pairing_removes_what_the_series_have_in_common() -> None:
    rng = np.random.default_rng(3)
    level = rng.normal(0, 1, 20)
    found = paired_difference(level + 0.01, level, seed=7)
    assert (found.mean, found.low, found.high) == pytest.approx((0.01, 0.01, 0.01))
    assert found.verdict == "better"
    assert paired_difference(level, level + 0.01, seed=7).verdict == "worse"
    assert paired_difference(level, rng.permutation(level), seed=7).verdict == "equal"


def test_one_series_gives_a_difference_without_an_interval() -> None:
    found = paired_difference(np.array([0.2]), np.array([0.1]), seed=7)
    assert found.mean == pytest.approx(0.1)
    assert math.isnan(found.low)
    assert math.isnan(found.high)
    assert found.verdict == "equal"


def test_seconds_are_the_median_over_series_of_fit_and_forecast_together() -> None:
    assert median_seconds({"A": 1.0, "B": 9.0, "C": 2.0}, {"A": 1.0, "B": 0.5, "C": 2.0}) == 4.0


def test_a_row_compares_with_tickerflow_on_the_same_series() -> None:
    ours, theirs = make_account("A", "B", fit=0.5), make_account("A", "B", fit=5.0)
    our_skill, their_skill = np.full((2, 10), 0.02), np.full((2, 10), -0.3)
    row = judged_row("x", "X", their_skill, theirs, (our_skill, ours), seed=7)
    assert row.ratio == row.cpu_ratio == pytest.approx(10)
    assert row.seconds == pytest.approx(5.5)
    assert row.difference is not None
    assert row.difference[5].mean == pytest.approx(0.32)
    itself = judged_row("o", "O", our_skill, ours, (our_skill, ours), seed=7)
    assert (itself.difference, itself.ratio) == (None, 1.0)


def test_where_tickerflow_is_behind_is_said_for_skill_time_and_memory() -> None:
    ours = Row("tickerflow", "Tickerflow", 1, peak_mb=400)
    ahead, surely = Difference(0.1, 0.05, 0.2), Difference(-0.1, -0.2, -0.05)
    unsure = Difference(-0.01, -0.02, 0.01)
    rival = Row("x", "X", 1, difference={1: ahead, 5: surely, 10: unsure}, ratio=0.5, peak_mb=300)
    found = losses([ours, rival])
    assert len(found) == 4
    assert "step 5 by 0.1000, surely" in found[0]
    assert "step 10 by 0.0100, within the interval" in found[1]
    assert "0.50 of Tickerflow's seconds" in found[2]
    assert "300 MB" in found[3]
    slower = Row("y", "Y", 1, difference={1: ahead, 5: ahead, 10: ahead}, ratio=9, peak_mb=900)
    assert losses([ours, slower]) == []
