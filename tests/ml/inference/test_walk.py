"""The random walk's band is made as the model's is, on the same bars."""

import numpy as np
import pytest

from ml.artifacts.store import ModelStore
from ml.config import Settings
from ml.features.windows import targets
from ml.inference.walk import walk_radius
from tests.ml.inference.worlds import AAPL, HORIZON, make_bars


def test_the_band_holds_80_percent_of_the_changes_on_the_validation_bars(settings: Settings) -> None:
    meta = ModelStore(settings.models_dir).champion(AAPL).meta
    bars = make_bars()
    radius = walk_radius(bars, meta, HORIZON)
    close = bars["close"].to_numpy(dtype=np.float64)
    changes = targets(close, np.arange(meta.split.validation.windows), HORIZON)
    inside = (np.abs(changes) <= radius).mean(axis=0)
    assert (inside >= 0.8).all()
    assert inside[0] == pytest.approx(0.8, abs=0.05)


def test_the_band_widens_beyond_the_horizon(settings: Settings) -> None:
    meta = ModelStore(settings.models_dir).champion(AAPL).meta
    radius = walk_radius(make_bars(), meta, 100)
    assert (np.diff(radius) >= 0).all()
    assert radius[99] == pytest.approx(radius[HORIZON - 1] * np.sqrt(100 / HORIZON))


@pytest.mark.parametrize("count", [1, 20, 119])
def test_bars_without_the_validation_windows_get_the_band_of_a_normal_walk(
    settings: Settings, count: int
) -> None:
    meta = ModelStore(settings.models_dir).champion(AAPL).meta
    radius = walk_radius(make_bars(count), meta, 4)
    walks = np.random.default_rng(1).normal(0, meta.target.sigma, (20_000, 4)).cumsum(axis=1)
    assert (np.abs(walks) <= radius).mean(axis=0) == pytest.approx(np.full(4, 0.8), abs=0.015)
