from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.errors import TooFewBarsError
from ml.features.windows import (
    check_enough_bars,
    chronological_split,
    minimum_bars,
    targets,
    windows,
)

SHARES = st.floats(0.01, 0.49)
HORIZONS = st.integers(1, 60)


@settings(deadline=None)
@given(st.integers(0, 3000), st.integers(0, 300), HORIZONS, SHARES, SHARES)
def test_segments_keep_order_and_a_gap_and_share_no_target(
    n_bars: int, first_anchor: int, horizon: int, val_share: float, test_share: float
) -> None:
    split = chronological_split(n_bars, first_anchor, horizon, val_share, test_share)
    pairs = [(split.train, split.train_bars), (split.val, split.val_bars), (split.test, split.test_bars)]

    # The bars are cut into three without rest.
    assert [*split.train_bars, *split.val_bars, *split.test_bars] == list(range(n_bars))
    for anchors, bars in pairs:
        for anchor in (anchors[0], anchors[-1]) if anchors else ():
            assert anchor >= first_anchor
            assert anchor in bars
            assert anchor + 1 in bars
            assert anchor + horizon in bars
    filled = [anchors for anchors, _ in pairs if anchors]
    for before, after in pairwise(filled):
        assert after[0] - before[-1] > horizon
        last_target, first_target = before[-1] + horizon, after[0] + 1
        assert last_target < after[0] < first_target
    if split.test:
        assert split.test[-1] == n_bars - 1 - horizon


def test_a_split_in_the_usual_proportions() -> None:
    split = chronological_split(1000, 186, 10, 0.15, 0.2)
    assert (split.train, split.val, split.test) == (range(186, 640), range(650, 790), range(800, 990))
    segments = (split.train_bars, split.val_bars, split.test_bars)
    assert segments == (range(650), range(650, 800), range(800, 1000))


@settings(deadline=None)
@given(st.integers(0, 300), HORIZONS, SHARES, SHARES)
def test_minimum_bars_is_the_fewest_and_more_bars_never_give_fewer_windows(
    first_anchor: int, horizon: int, val_share: float, test_share: float
) -> None:
    def counts(n_bars: int) -> tuple[int, int, int]:
        split = chronological_split(n_bars, first_anchor, horizon, val_share, test_share)
        return len(split.train), len(split.val), len(split.test)

    least = minimum_bars(first_anchor, horizon, val_share, test_share, 20, 5, 7)
    enough = [all(np.array(counts(n)) >= (20, 5, 7)) for n in range(least - 3, least + 40)]
    assert enough == [False] * 3 + [True] * 40
    more = [counts(n) for n in range(least, least + 40)]
    assert np.diff(np.array(more), axis=0).min() >= 0


def test_too_few_bars_are_refused_with_both_numbers() -> None:
    least = minimum_bars(186, 10, 0.15, 0.2)
    check_enough_bars(least, 186, 10, 0.15, 0.2)
    with pytest.raises(TooFewBarsError, match=f"at least {least} bars, found {least - 1}"):
        check_enough_bars(least - 1, 186, 10, 0.15, 0.2)
    with pytest.raises(TooFewBarsError, match="found 0"):
        check_enough_bars(0, 186, 10, 0.15, 0.2)


VALUES = np.arange(40, dtype=np.float32).reshape(20, 2)


@pytest.mark.parametrize(
    "anchors", [range(4, 10), [4, 5, 6, 7, 8, 9], np.arange(4, 10), range(5, 20, 3)]
)
def test_a_window_holds_the_bars_up_to_its_anchor(anchors: range | list[int]) -> None:
    batch = windows(VALUES, anchors, seq_len=5)
    assert batch.shape == (len(anchors), 5, 2)
    assert batch.dtype == np.float32
    for window, anchor in zip(batch, anchors, strict=True):
        np.testing.assert_array_equal(window, VALUES[anchor - 4 : anchor + 1])


def test_a_range_of_anchors_copies_nothing_and_a_batch_is_contiguous() -> None:
    assert np.shares_memory(windows(VALUES, range(4, 20), 5), VALUES)
    batch = windows(VALUES, [9, 4, 4], 5)
    assert batch.flags.c_contiguous
    assert batch.flags.writeable
    np.testing.assert_array_equal(batch[1], batch[2])


def test_targets_are_log_changes_from_the_anchors_close() -> None:
    close = np.exp(np.arange(20) ** 2 / 100)
    expected = [[((t + k) ** 2 - t**2) / 100 for k in (1, 2, 3)] for t in (0, 7, 16)]
    assert targets(close, [0, 7, 16], 3) == pytest.approx(np.array(expected))
    assert targets(close, range(17), 3).shape == (17, 3)


def test_no_anchor_gives_empty_batches() -> None:
    assert windows(VALUES, range(0), 5).shape == (0, 5, 2)
    assert targets(np.ones(20), [], 3).shape == (0, 3)
    assert windows(VALUES[:3], [], 5).shape == (0, 5, 2)


@pytest.mark.parametrize("anchors", [[3], [20], range(3, 6), range(15, 21), [-1]])
def test_an_anchor_whose_window_leaves_the_series_is_refused(anchors: range | list[int]) -> None:
    with pytest.raises(IndexError, match="expected anchors from 4 to 19"):
        windows(VALUES, anchors, 5)


@pytest.mark.parametrize("anchors", [[-1], [17], range(10, 18)])
def test_an_anchor_whose_targets_leave_the_series_is_refused(anchors: range | list[int]) -> None:
    with pytest.raises(IndexError, match="expected anchors from 0 to 16"):
        targets(np.ones(20), anchors, 3)
