import sys
from types import FrameType

import numpy as np
import pytest

from ml.artifacts.store import ModelStore
from ml.config import Settings
from ml.evaluation.conformal import half_widths
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


def test_models_and_the_walk_over_the_same_bars_share_one_pass(settings: Settings) -> None:
    meta = ModelStore(settings.models_dir).champion(AAPL).meta
    bars = make_bars(117)  # so many no other test has asked for
    close = bars["close"].to_numpy(dtype=np.float64)
    passes = 0

    def count(frame: FrameType, event: str, argument: object) -> None:
        nonlocal passes
        passes += event == "call" and frame.f_code is half_widths.__code__

    sys.setprofile(count)
    try:
        walk = walk_radius(bars, meta, 100)
        for ratio in (0.9, 0.8):
            model = AdaptiveConformal(sigma=meta.target.sigma, ratio=(ratio,))
            narrower = bands(model, close, [len(close) - 1], 100).radius_80[0]
            assert narrower[0] == pytest.approx(ratio * walk[0], rel=1e-12)
    finally:
        sys.setprofile(None)
    assert passes == 1
    wilder = AdaptiveConformal(sigma=2 * meta.target.sigma)
    assert bands(wilder, close, [len(close) - 1], 100).radius_80[0][0] != walk[0]


def test_a_single_bar_gets_the_band_of_a_normal_walk(settings: Settings) -> None:
    meta = ModelStore(settings.models_dir).champion(AAPL).meta
    radius = walk_radius(make_bars(1), meta, 4)
    walks = np.random.default_rng(1).normal(0, meta.target.sigma, (20_000, 4)).cumsum(axis=1)
    assert (np.abs(walks) <= radius).mean(axis=0) == pytest.approx(np.full(4, 0.8), abs=0.015)
