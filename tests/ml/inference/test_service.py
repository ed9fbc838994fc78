"""The service forecasts what is promoted now, from the bars that there are now."""

import os
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from ml.artifacts.store import ModelStore
from ml.config import Settings
from ml.data.discovery import Discovery, discover
from ml.errors import (
    ArtifactError,
    FeatureError,
    NoDataError,
    NotPromotedError,
    OverrideError,
    SeriesNameError,
    TooFewBarsError,
    UnrecognisedFileError,
    UsageError,
)
from ml.inference import sources
from ml.inference.service import FORECAST_COLUMNS, ForecastService
from ml.series import SeriesKey
from tests.ml.inference.worlds import AAPL, FEATURES, HORIZON, make_bars, promote, settings_in, write_raw

NEXT_SESSION = pd.Timestamp("2016-03-28", tz="UTC")  # after Good Friday and a weekend


def service_of(settings: Settings) -> ForecastService:
    return ForecastService(settings.models_dir, settings.raw_dir, settings.store_dir)


@pytest.fixture
def at_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files count as at rest after a moment, and not after two seconds."""
    monkeypatch.setattr(sources, "_SETTLED_NS", 20_000_000)


def rest() -> None:
    """Wait until they do."""
    time.sleep(0.03)


def test_a_forecast_has_the_files_columns_and_real_future_sessions(settings: Settings) -> None:
    forecast = service_of(settings).forecast("AAPL", "1d", 7)
    assert tuple(forecast.columns) == FORECAST_COLUMNS
    assert forecast["step"].tolist() == [1, 2, 3, 4, 5, 6, 7]
    assert str(forecast["timestamp"].dtype) == "datetime64[ns, UTC]"
    assert forecast["timestamp"].iloc[0] == NEXT_SESSION
    assert forecast["timestamp"].is_monotonic_increasing
    ordered = forecast[["lower_95", "lower_80", "forecast", "upper_80", "upper_95"]].to_numpy()
    assert (np.diff(ordered, axis=1) > 0).all()
    assert (np.diff(np.log(forecast["upper_80"] / forecast["lower_80"])) > 0).all()


def test_a_forecast_is_that_of_the_promoted_network(settings: Settings) -> None:
    one = service_of(settings).forecast("AAPL", "1d", HORIZON)
    again = service_of(settings).forecast("AAPL", "1d", HORIZON)
    pd.testing.assert_frame_equal(one, again)
    assert not np.allclose(one["forecast"], make_bars()["close"].iloc[-1], rtol=1e-4)
    promote(settings, make_bars(), model="naive")
    walk = service_of(settings).forecast("AAPL", "1d", HORIZON)
    assert walk["forecast"].to_numpy() == pytest.approx(make_bars()["close"].iloc[-1])


@pytest.mark.parametrize("steps", [1, 2, HORIZON, HORIZON + 1, 100, 500, np.int64(3)])
def test_any_number_of_steps_from_1_to_500_is_forecast(settings: Settings, steps: int) -> None:
    forecast = service_of(settings).forecast("AAPL", "1d", steps)
    assert len(forecast) == steps
    assert np.isfinite(forecast.drop(columns="timestamp").to_numpy()).all()


@pytest.mark.parametrize("steps", [0, -1, 501, 10**9, 2.0, "5", None, True, np.nan])
def test_any_other_number_of_steps_is_refused_with_the_bounds(settings: Settings, steps: int) -> None:
    with pytest.raises(UsageError) as caught:
        service_of(settings).forecast("AAPL", "1d", steps)
    assert "1 to 500" in str(caught.value)


def test_a_given_history_is_forecast_from_instead_of_the_series_bars(settings: Settings) -> None:
    service = service_of(settings)
    bars = make_bars()
    own = service.forecast("AAPL", "1d", 5)
    pd.testing.assert_frame_equal(service.forecast("AAPL", "1d", 5, history=bars), own)
    earlier = service.forecast("AAPL", "1d", 5, history=bars.iloc[:-1])
    assert earlier["timestamp"].iloc[0] == bars["timestamp"].iloc[-1]
    assert not np.allclose(earlier["forecast"], own["forecast"])


def test_a_given_history_needs_no_raw_files(settings: Settings) -> None:
    shutil.rmtree(settings.raw_dir)
    assert len(service_of(settings).forecast("AAPL", "1d", 3, history=make_bars())) == 3


def test_a_wrong_history_is_refused_at_the_edge(settings: Settings) -> None:
    with pytest.raises(UsageError, match="ascending timestamps"):
        service_of(settings).forecast("AAPL", "1d", 3, history=make_bars().iloc[::-1])


def test_too_few_bars_are_refused_with_both_numbers(settings: Settings) -> None:
    with pytest.raises(TooFewBarsError, match=r"at least \d+ bars .* found 9") as caught:
        service_of(settings).forecast("AAPL", "1d", 3, history=make_bars(9))
    assert caught.value.where == "AAPL 1d"


def test_a_missing_column_is_named_with_the_model_that_needs_it(settings: Settings) -> None:
    with pytest.raises(FeatureError, match="needs the column 'volume'") as caught:
        service_of(settings).forecast("AAPL", "1d", 3, history=make_bars().drop(columns="volume"))
    assert caught.value.message.startswith("lstm 2024")
    write_raw(settings, make_bars().assign(volume=np.nan))
    with pytest.raises(FeatureError, match="needs the column 'volume'"):
        service_of(settings).forecast("AAPL", "1d", 3)


def test_a_new_promotion_is_noticed_without_a_restart(settings: Settings) -> None:
    service = service_of(settings)
    before = service.predict(AAPL, 5)
    for seed, model in (
        (2, "lstm"),
        (3, "gru"),
        (4, "lstm"),
    ):  # the newest wins, of whatever architecture
        meta = promote(settings, make_bars(), model=model, seed=seed)
        after = service.predict(AAPL, 5)
        assert after.meta.version == meta.version
        assert after.meta.model == model
        assert not np.allclose(after.frame["forecast"], before.frame["forecast"])
        before = after


def test_a_rollback_is_noticed_without_a_restart(settings: Settings) -> None:
    service = service_of(settings)
    first = service.forecast("AAPL", "1d", 5)
    promote(settings, make_bars(), seed=2)
    assert not service.forecast("AAPL", "1d", 5).equals(first)
    ModelStore(settings.models_dir).rollback(AAPL)
    pd.testing.assert_frame_equal(service.forecast("AAPL", "1d", 5), first)


def test_a_swap_that_keeps_time_and_size_of_every_file_is_noticed(
    settings: Settings, tmp_path: Path
) -> None:
    other = settings_in(tmp_path / "other")
    promote(other, make_bars(), seed=2)
    service = service_of(settings)
    before = service.predict(AAPL, 5)
    now = time.time()
    for path in [*settings.models_dir.glob("lstm_*"), *other.models_dir.glob("lstm_*")]:
        os.utime(path, (now, now))
    for path in other.models_dir.glob("lstm_*"):
        shutil.copystat(settings.models_dir / path.name, path)
        with (settings.models_dir / path.name).open("r+b") as file:  # the same inode, too
            file.truncate()
            file.write(path.read_bytes())
        os.utime(settings.models_dir / path.name, (now, now))
    after = service.predict(AAPL, 5)
    assert after.meta.version != before.meta.version
    assert not np.allclose(after.frame["forecast"], before.frame["forecast"])


def test_a_loaded_model_is_not_loaded_again(settings: Settings) -> None:
    service = service_of(settings)
    before = service.forecast("AAPL", "1d", 5)
    for path in (*settings.models_dir.glob("*.pth"), *settings.models_dir.glob("versions/*/*/*.pth")):
        path.unlink()
    pd.testing.assert_frame_equal(service.forecast("AAPL", "1d", 5), before)


def test_a_damaged_model_is_refused(settings: Settings) -> None:
    (path,) = settings.models_dir.glob("*.pth")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(ArtifactError):
        service_of(settings).forecast("AAPL", "1d", 5)


def test_a_series_without_a_model_is_refused_with_the_way_to_get_one(settings: Settings) -> None:
    with pytest.raises(NotPromotedError, match="MSFT 1d") as caught:
        service_of(settings).forecast("MSFT", "1d", 5)
    assert "tickerflow train" in caught.value.hint


def test_a_model_that_is_taken_away_is_no_longer_served(settings: Settings) -> None:
    service = service_of(settings)
    service.forecast("AAPL", "1d", 5)
    shutil.rmtree(settings.models_dir)
    with pytest.raises(NotPromotedError):
        service.forecast("AAPL", "1d", 5)


@pytest.mark.parametrize(
    ("ticker", "interval"), [("../AAPL", "1d"), ("AAPL", "1M"), ("AAPL", "daily"), ("", "1d")]
)
def test_a_wrong_name_is_refused(settings: Settings, ticker: str, interval: str) -> None:
    with pytest.raises(SeriesNameError):
        service_of(settings).forecast(ticker, interval, 5)


def test_new_bars_in_a_raw_file_are_forecast_from_at_once(settings: Settings) -> None:
    write_raw(settings, make_bars().iloc[:-2])
    service = service_of(settings)
    assert service.forecast("AAPL", "1d", 2)["timestamp"].iloc[0] == make_bars()["timestamp"].iloc[-2]
    write_raw(settings, make_bars())
    assert service.forecast("AAPL", "1d", 2)["timestamp"].iloc[0] == NEXT_SESSION


@pytest.mark.usefixtures("at_rest")
def test_bars_that_rest_are_not_read_again(settings: Settings) -> None:
    rest()
    service = service_of(settings)
    first = service.predict(AAPL, 2)
    assert service.predict(AAPL, 2).series is first.series
    shutil.rmtree(settings.store_dir)
    assert service.predict(AAPL, 2).series is first.series


@pytest.mark.usefixtures("at_rest")
def test_the_raw_folder_is_listed_once_for_all_series_and_again_when_one_comes(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = [SeriesKey.of(ticker, "1d") for ticker in ("AAPL", "MSFT", "ORCL")]
    for key in keys:
        write_raw(settings, make_bars(), f"{key.stem}.csv")
    listed: list[Path] = []

    def listing(raw_dir: Path, *narrowed: list[str]) -> Discovery:
        listed.append(raw_dir)
        return discover(raw_dir, *narrowed)

    monkeypatch.setattr(sources, "discover", listing)
    rest()
    source = sources.BarSource(settings)
    assert [source.load(key).key for key in keys] == keys
    assert len(listed) == 1
    write_raw(settings, make_bars(), "IBM_1d.csv")
    assert source.load(SeriesKey.of("IBM", "1d")).key.ticker == "IBM"
    assert len(listed) == 2


@pytest.mark.usefixtures("at_rest")
@pytest.mark.parametrize("name", ["AAPL_1d.csv", "AAPL_1d_march.csv"])
def test_bars_that_rested_are_read_again_when_a_file_changes_or_comes(
    settings: Settings, name: str
) -> None:
    write_raw(settings, make_bars().iloc[:-2])
    rest()
    service = service_of(settings)
    service.forecast("AAPL", "1d", 2)
    path = write_raw(settings, make_bars(), name)
    os.utime(path, (1, 1))  # a copying tool that restores times
    assert service.forecast("AAPL", "1d", 2)["timestamp"].iloc[0] == NEXT_SESSION


@pytest.mark.usefixtures("at_rest")
def test_bars_that_rested_are_read_again_when_the_override_file_changes(settings: Settings) -> None:
    rest()
    service = service_of(settings)
    service.forecast("AAPL", "1d", 2)
    (settings.raw_dir / "overrides.toml").write_text("this is = no [ toml")
    with pytest.raises(OverrideError):
        service.forecast("AAPL", "1d", 2)


def test_bars_in_the_store_serve_when_the_raw_files_are_gone(settings: Settings) -> None:
    first = service_of(settings).forecast("AAPL", "1d", 2)
    shutil.rmtree(settings.raw_dir)
    pd.testing.assert_frame_equal(service_of(settings).forecast("AAPL", "1d", 2), first)


def test_a_series_without_any_bars_is_refused(settings: Settings) -> None:
    shutil.rmtree(settings.raw_dir)
    shutil.rmtree(settings.store_dir)
    with pytest.raises(NoDataError):
        service_of(settings).forecast("AAPL", "1d", 2)


def test_raw_files_that_are_no_bars_are_refused_with_ingests_reason(settings: Settings) -> None:
    (settings.raw_dir / "AAPL_1d.csv").write_text("nothing,here\n1,2\n3,4\n")
    with pytest.raises(UnrecognisedFileError):
        service_of(settings).forecast("AAPL", "1d", 2)


def test_the_store_folder_comes_from_the_settings_by_default(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TICKERFLOW_STORE_DIR", str(tmp_path / "from_environment"))
    service = ForecastService(models_dir=str(settings.models_dir), raw_dir=str(settings.raw_dir))
    service.forecast("AAPL", "1d", 2)
    assert (tmp_path / "from_environment" / "AAPL_1d.parquet").is_file()


def test_threads_share_a_service_while_models_are_promoted(settings: Settings) -> None:
    bars = make_bars()
    alone = {}
    for seed in range(1, 5):
        meta = promote(settings, bars, seed=seed)
        alone[meta.version] = service_of(settings).forecast("AAPL", "1d", 12)
    service = service_of(settings)
    store = ModelStore(settings.models_dir)
    threads = torch.get_num_threads()

    def forecast(_: int) -> bool:
        prediction = service.predict(AAPL, 12)
        return prediction.frame.equals(alone[prediction.meta.version])

    with ThreadPoolExecutor(4) as pool:
        answers = pool.map(forecast, range(60))
        for version in (*alone, *alone):
            store.rollback(AAPL, version)
        assert all(answers)
    assert torch.get_num_threads() == threads


@pytest.mark.usefixtures("at_rest")
def test_a_warm_forecast_of_100_steps_is_quick(settings: Settings) -> None:
    rest()
    service = service_of(settings)
    service.forecast("AAPL", "1d", 100)
    times = []
    for _ in range(5):
        started = time.process_time()
        service.forecast("AAPL", "1d", 100)
        times.append(time.process_time() - started)
    assert min(times) < 0.25


def test_the_features_of_the_model_are_those_of_the_file(settings: Settings) -> None:
    assert service_of(settings).predict(AAPL, 1).meta.features == FEATURES
