import math

import numpy as np
import pytest
from numpy.typing import NDArray

from ml.evaluation.conformal import half_widths, memory, rolling_quantiles
from ml.forecasting.spec import AdaptiveConformal

Floats = NDArray[np.float64]

STEPS = np.array([1, 2, 5, 10, 40])


def quantiles_by_hand(scores: Floats, stop: int, window: int, overlap: float) -> list[float]:
    known = np.sort(scores[max(0, stop - window) : max(stop, 0)])
    made = []
    for level in (0.80, 0.95):
        count = len(known) / overlap
        share = level * (count + 1) / count if count else math.inf
        made.append(float(np.quantile(known, share)) if share <= 1 else math.nan)
    return made


@pytest.mark.parametrize("stride", [1, 3, 90])
@pytest.mark.parametrize(("window", "overlap"), [(100, 1.0), (60, 4.0), (1000, 2.5)])
def test_rolling_quantiles_are_those_of_each_window_sorted_anew(
    window: int, overlap: float, stride: int
) -> None:
    scores = np.random.default_rng(0).gamma(2, 1, 400).round(1)  # with ties
    stops = np.arange(-5, 400, stride)
    found = rolling_quantiles(scores, stops, window, overlap)
    expected = [quantiles_by_hand(scores, stop, window, overlap) for stop in stops.tolist()]
    np.testing.assert_allclose(found.T, expected, rtol=1e-12)


def test_a_level_without_enough_independent_scores_has_no_quantile() -> None:
    found = rolling_quantiles(np.arange(1.0, 19.0), np.array([3, 4, 18]), 100, 1.0)
    assert np.isnan(found[0]).tolist() == [True, False, False]  # 80% needs 4 scores
    assert np.isnan(found[1]).all()  # 95% needs 19
    assert np.isfinite(rolling_quantiles(np.arange(1.0, 20.0), np.array([19]), 100, 1.0)[1]).all()


def test_half_widths_are_of_the_scale_of_the_anchor_and_of_the_scores_known_there() -> None:
    """The definition, with plain sums instead of doubling and rolling."""
    rng = np.random.default_rng(3)
    log_close = np.cumsum(rng.normal(0, 0.01, 300))
    intervals = AdaptiveConformal(sigma=0.01, short=4, long=16, scores=50, scores_per_step=2)
    anchor, step = 280, 5
    mean = math.sqrt(2 / math.pi)

    def average(bar: int, half_life: int) -> float:
        back = np.arange(4 * half_life)  # a power of two
        back = back[back < bar]
        weight = 0.5 ** (back / half_life)
        moves = np.abs(log_close[bar - back] - log_close[bar - back - 1])
        return float(((weight * moves).sum() + 10 * mean * 0.01) / (weight.sum() + 10))

    def expected(bar: int) -> float:
        share = np.mean([0.8 * 0.8**j for j in range(step)])
        return math.sqrt(step * (share * average(bar, 4) ** 2 + (1 - share) * average(bar, 16) ** 2))

    last = anchor - step  # whose outcome is the anchor's close
    scores = [
        abs(log_close[bar + step] - log_close[bar]) / expected(bar) for bar in range(last - 59, last + 1)
    ]
    both = quantiles_by_hand(np.array(scores), 60, 60, step / 3)
    found = half_widths(intervals, log_close, np.array([anchor]), np.array([step]))
    np.testing.assert_allclose(found[:, 0, 0], np.array(both) * expected(anchor), rtol=1e-10)


def test_half_widths_are_the_same_to_the_bit_wherever_the_bars_begin() -> None:
    log_close = np.cumsum(np.random.default_rng(1).standard_t(4, 5000) * 0.01)
    intervals = AdaptiveConformal(sigma=0.01)
    anchors = np.array([4700, 4990])
    whole = half_widths(intervals, log_close, anchors, STEPS)
    start = 4700 + 1 - memory(intervals, 40)
    part = half_widths(intervals, log_close[start:], anchors - start, STEPS)
    assert whole.tobytes() == part.tobytes()
