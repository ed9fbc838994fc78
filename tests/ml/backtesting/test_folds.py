import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.backtesting.folds import cut_folds
from ml.errors import TooFewBarsError, UsageError


def test_the_newest_bars_are_cut_into_stretches_that_follow_each_other() -> None:
    folds = cut_folds(1000, 10, test_share=0.2, count=4)
    assert [fold.learn for fold in folds] == [range(0, stop) for stop in (800, 850, 900, 950)]
    assert [fold.anchors for fold in folds] == [
        range(800, 850),
        range(850, 900),
        range(900, 950),
        range(950, 990),
    ]


def test_a_sliding_window_learns_from_the_newest_bars_alone() -> None:
    folds = cut_folds(1000, 10, count=2, fold_bars=100, window=300)
    assert [fold.learn for fold in folds] == [range(500, 800), range(600, 900)]


def test_anchors_are_evenly_spaced_across_the_folds() -> None:
    folds = cut_folds(1000, 5, count=3, fold_bars=67, spacing=7)
    every = [anchor for fold in folds for anchor in fold.anchors]
    assert every == list(range(1000 - 3 * 67, 995, 7))


@given(
    n_bars=st.integers(60, 3000),
    horizon=st.integers(1, 40),
    count=st.integers(1, 8),
    window=st.integers(0, 500),
    spacing=st.integers(1, 9),
)
def test_no_model_learns_from_a_bar_of_its_stretch_or_later(
    n_bars: int, horizon: int, count: int, window: int, spacing: int
) -> None:
    try:
        folds = cut_folds(n_bars, horizon, count=count, window=window, spacing=spacing)
    except TooFewBarsError:
        return
    for fold in folds:
        assert fold.learn.stop <= fold.anchors[0]
        assert fold.anchors[-1] + horizon < n_bars
    for before, after in itertools.pairwise(folds):
        assert before.anchors[-1] < after.learn.stop <= after.anchors[0]
        assert after.anchors[0] - before.anchors[-1] == spacing


def test_bounds_and_lengths_are_checked() -> None:
    with pytest.raises(UsageError, match="0 folds"):
        cut_folds(1000, 10, count=0)
    with pytest.raises(TooFewBarsError, match="found 100 bars"):
        cut_folds(100, 10, count=2)
    with pytest.raises(TooFewBarsError, match="of which 1000"):
        cut_folds(1000, 10, count=10, fold_bars=100)
    # The last stretch has no anchor whose outcome is known.
    with pytest.raises(TooFewBarsError):
        cut_folds(1000, 30, count=10)
