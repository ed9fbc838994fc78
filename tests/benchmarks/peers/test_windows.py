"""All contenders forecast the same held-out windows."""

import numpy as np
import pytest

from benchmarks.peers.windows import first_held_out, held_out_anchors, histories, outcomes
from ml.config import TrainConfig
from ml.features.windows import chronological_split
from tests.benchmarks.peers.worlds import make_series


@pytest.mark.parametrize("n_bars", [500, 777, 1259, 1260, 10_007])
def test_held_out_bars_and_anchors_are_those_that_tickerflow_tests_on(n_bars: int) -> None:
    config = TrainConfig()
    split = chronological_split(n_bars, 0, config.horizon, config.val_share, config.test_share)
    assert first_held_out(n_bars, config.test_share) == split.test_bars.start
    assert held_out_anchors(n_bars, config.test_share, config.horizon).tolist() == list(split.test)


def test_every_held_out_bar_with_a_full_horizon_after_it_is_an_anchor() -> None:
    assert held_out_anchors(20, 0.5, 3).tolist() == [10, 11, 12, 13, 14, 15, 16]


def test_a_share_is_not_rounded_down_for_a_binary_fraction() -> None:
    assert first_held_out(100, 0.29) == 71


def test_histories_end_at_their_anchor_and_outcomes_begin_after_it() -> None:
    close = np.arange(10.0)
    assert histories(close, np.array([3, 9]), 3).tolist() == [[1, 2, 3], [7, 8, 9]]
    assert outcomes(close, np.array([3, 6]), 3).tolist() == [[4, 5, 6], [7, 8, 9]]


def test_a_history_does_not_reach_around_to_the_end_of_the_series() -> None:
    with pytest.raises(IndexError, match="from 2 on, found 1"):
        histories(np.arange(10.0), np.array([1]), 3)


def test_an_outcome_after_the_last_bar_is_an_error() -> None:
    with pytest.raises(IndexError):
        outcomes(np.arange(10.0), np.array([8]), 3)


def test_a_contender_may_not_see_any_held_out_bar_while_it_trains() -> None:
    series = make_series()
    assert len(series.past) == series.anchors[0] == 240
    assert series.past.tolist() == series.close[:240].tolist()
    assert series.n_validation == 45
