from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from ml.backtesting.folds import cut_folds
from ml.backtesting.run import learn_fold, learn_folds, walk_forward
from ml.config import TrainConfig
from ml.errors import TooFewBarsError
from tests.stored import QUICK
from tests.synthetic import make_bars

CONFIG = TrainConfig.model_validate({**QUICK, "warm_up": 4})


def disturbed(bars: pd.DataFrame, start: int) -> pd.DataFrame:
    """The same bars up to ``start``; from there on others, with other volumes."""
    rest = make_bars(len(bars), seed=99).iloc[start:]
    return pd.concat([bars.iloc[:start], rest.assign(timestamp=bars["timestamp"].iloc[start:])])


@pytest.mark.parametrize("window", [0, 330])
@pytest.mark.parametrize("model", ["lstm", "gru", "drift"])
def test_no_bar_of_a_stretch_reaches_what_is_learnt_before_it(model: str, window: int) -> None:
    bars = make_bars(420)
    config = CONFIG.model_copy(update={"model": model})
    (_, fold) = cut_folds(len(bars), config.horizon, count=2, window=window)
    before = learn_fold(bars, config, fold)
    after = learn_fold(disturbed(bars, fold.learn.stop), config, fold)
    assert before.spec == after.spec  # gain, intervals, volatility, drift
    for old, new in zip(before.fit.history, after.fit.history, strict=True):
        assert replace(old, seconds=0.0) == replace(new, seconds=0.0)  # losses, to the bit
    assert before.fit.epochs == (0 if model == "drift" else config.epochs)
    weights = after.network.state_dict()
    for name, tensor in before.network.state_dict().items():
        assert torch.equal(tensor, weights[name])


def test_no_forecast_of_a_stretch_reads_a_bar_after_its_anchor() -> None:
    bars = make_bars(420)
    (fold,) = cut_folds(len(bars), CONFIG.horizon, count=1)
    middle = fold.anchors[len(fold.anchors) // 2]
    known = [anchor for anchor in fold.anchors if anchor <= middle - CONFIG.horizon]
    (before,) = walk_forward(bars, CONFIG, [fold])
    (after,) = walk_forward(disturbed(bars, middle + 1), CONFIG, [fold])
    np.testing.assert_array_equal(before.loss[: len(known)], after.loss[: len(known)])
    np.testing.assert_array_equal(before.inside_80[: len(known)], after.inside_80[: len(known)])
    assert not np.array_equal(before.loss, after.loss)


def test_losses_are_shares_of_the_last_close_beside_those_of_the_random_walk() -> None:
    bars = make_bars(420)
    folds = cut_folds(len(bars), CONFIG.horizon, count=3, spacing=2)
    naive = CONFIG.model_copy(update={"model": "naive", "features": ("close",)})
    close = bars["close"].to_numpy()
    for fold, score in zip(folds, walk_forward(bars, naive, folds), strict=True):
        assert score.fold == fold
        expected = [
            [abs(close[t + k] - close[t]) / close[t] for k in range(1, CONFIG.horizon + 1)]
            for t in fold.anchors
        ]
        np.testing.assert_allclose(score.walk, expected)
        np.testing.assert_allclose(score.loss, score.walk)
        assert score.skill == pytest.approx(0.0)


def test_a_caller_can_stop_after_any_fold() -> None:
    bars = make_bars(420)
    folds = cut_folds(len(bars), CONFIG.horizon, count=3)
    # The second fold has a model that no bars suffice for: it is not asked for.
    scores = walk_forward(bars, CONFIG, [folds[0], replace(folds[1], learn=range(0, 20))])
    assert next(scores).loss.shape == (len(folds[0].anchors), CONFIG.horizon)
    with pytest.raises(TooFewBarsError):
        next(scores)


def test_a_fold_that_cannot_be_learnt_does_not_take_its_fleet_along() -> None:
    bars = make_bars(420)
    config = CONFIG.model_copy(update={"model": "gru"})
    (fold,) = cut_folds(len(bars), config.horizon, count=1)
    flat = bars.assign(open=1.0, high=1.0, low=1.0, close=1.0)
    first, broken, last = learn_folds([(bars, fold), (flat, fold), (bars, fold)], config)
    assert type(broken).__name__ == "ConstantSeriesError"
    assert not isinstance(first, Exception)
    assert not isinstance(last, Exception)
