import numpy as np
import pytest

from ml.artifacts.store import ModelStore
from ml.config import Settings
from ml.evaluation.intervals import bands
from ml.forecasting.spec import AdaptiveConformal
from ml.inference.walk import walk_radius
from tests.ml.inference.worlds import AAPL, make_bars


def test_the_band_is_that_of_a_model_that_is_as_good_as_the_random_walk(settings: Settings) -> None:
    meta = ModelStore(settings.models_dir).champion(AAPL).meta
    bars = make_bars()
    level = AdaptiveConformal(sigma=meta.target.sigma, ratio=(1.0,) * meta.horizon)
    close = bars["close"].to_numpy(dtype=np.float64)
    expected = bands(level, close, [len(close) - 1], 100).radius_80[0]
    assert walk_radius(bars, meta, 100).tolist() == expected.tolist()
    assert (np.diff(expected) >= 0).all()


def test_a_single_bar_gets_the_band_of_a_normal_walk(settings: Settings) -> None:
    meta = ModelStore(settings.models_dir).champion(AAPL).meta
    radius = walk_radius(make_bars(1), meta, 4)
    walks = np.random.default_rng(1).normal(0, meta.target.sigma, (20_000, 4)).cumsum(axis=1)
    assert (np.abs(walks) <= radius).mean(axis=0) == pytest.approx(np.full(4, 0.8), abs=0.015)
