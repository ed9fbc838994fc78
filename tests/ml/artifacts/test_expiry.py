"""A model that is too old says so: by its age in days, or by the bars since its training."""

from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest

from ml.artifacts.expiry import bars_since, expired, expired_series
from ml.artifacts.meta import Meta
from ml.artifacts.store import ModelStore
from ml.config import Settings, WatchConfig
from ml.evaluation.promotion import promote_series
from ml.series import SeriesKey
from ml.training.trainer import train_series
from tests.stored import quick_settings, store_bars
from tests.synthetic import make_bars

KEY, OTHER = SeriesKey.of("AAPL", "1d"), SeriesKey.of("MSFT", "1d")
BARS = make_bars(520)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Both series have a champion of 500 bars; 20 more of AAPL have come."""
    folder: Path = tmp_path_factory.mktemp("expiry")
    made = quick_settings(folder, train={"model": "naive"}, run={"plots": "never"})
    for key in (KEY, OTHER):
        store_bars(made, key, BARS.iloc[:500])
        promote_series(train_series(key, made), made)
    store_bars(made, KEY, BARS)
    return made


@pytest.fixture
def meta(settings: Settings) -> Meta:
    found = ModelStore(settings.models_dir).champion_meta(KEY)
    assert found is not None
    return found


def test_without_a_limit_no_model_ever_expires(meta: Meta) -> None:
    assert expired(meta, 10**6, meta.created_at + timedelta(days=10**5), WatchConfig()) == ""


def test_a_model_expires_after_its_days_and_not_before(meta: Meta) -> None:
    watch = WatchConfig(max_age_days=1.5)
    assert expired(meta, 0, meta.created_at + timedelta(days=1.5), watch) == ""
    words = expired(meta, 0, meta.created_at + timedelta(days=3, seconds=1), watch)
    assert words == "expired: trained 3 days ago, 1.5 are allowed"


def test_a_model_expires_after_its_bars_and_not_before(meta: Meta) -> None:
    watch = WatchConfig(max_age_bars=20)
    assert expired(meta, 20, meta.created_at, watch) == ""
    words = expired(meta, 21, meta.created_at, watch)
    assert words == "expired: 21 bars since its training, 20 are allowed"


def test_bars_are_counted_from_the_last_one_that_the_training_knew(meta: Meta) -> None:
    assert bars_since(meta, BARS["timestamp"]) == 20
    assert bars_since(meta, BARS["timestamp"].iloc[:500]) == 0
    assert bars_since(meta, BARS["timestamp"].iloc[:300]) == 0
    assert bars_since(meta, pd.Series(BARS["timestamp"].iloc[510:])) == 10


def test_the_expired_of_a_universe_are_found_by_days_and_by_the_bars_of_the_last_ingest(
    settings: Settings,
) -> None:
    def found(**watch: float) -> set[SeriesKey]:
        changed = settings.model_copy(update={"watch": WatchConfig.model_validate(watch)})
        return expired_series([KEY, OTHER, SeriesKey.of("NEW", "1d")], changed)

    assert found() == set()
    assert found(max_age_bars=19) == {KEY}
    assert found(max_age_bars=20) == set()
    assert found(max_age_days=1e-9) == {KEY, OTHER}


def test_a_damaged_champion_is_left_to_its_training(settings: Settings) -> None:
    (path,) = settings.models_dir.glob("*_MSFT_1d.meta.json")
    content = path.read_bytes()
    path.write_bytes(b"{}")
    try:
        watch = settings.model_copy(update={"watch": WatchConfig(max_age_days=1e-9)})
        assert expired_series([KEY, OTHER], watch) == {KEY}
    finally:
        path.write_bytes(content)
