"""The whole way of the data, without Prefect: discover to forecast, on files as users name them."""

import json
from pathlib import Path

import pandas as pd
import pytest

from ml.artifacts.store import ModelStore
from ml.data.discovery import RawSeries, discover
from ml.data.ingest import ingest_series
from ml.data.store import read_bars
from ml.evaluation.promotion import promote_series
from ml.inference.service import ForecastService
from ml.inference.writing import forecast_series
from ml.series import SeriesKey
from ml.training.trainer import train_series
from tests.stored import quick_settings
from tests.synthetic import make_bars

# Read as missing, as true, as 700; reserved by Windows; one dot apart; a slash; glob characters.
TICKERS = ["NA", "NULL", "TRUE", "0700", "CON", "AUX.X", "BRK.A", "BRK.B", "BTC/USD", "[A]", "ON", "1e5"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All of these tickers, each with bars of its own, taken through the pipeline once."""
    folder = tmp_path_factory.mktemp("universe")
    settings = quick_settings(folder, train={"epochs": 1})
    settings.raw_dir.mkdir()
    for seed, ticker in enumerate(TICKERS):
        bars = make_bars(400, seed=seed)
        bars.insert(1, "symbol", ticker)
        name = SeriesKey.of(ticker, "1d").stem
        bars.to_csv(settings.raw_dir / f"{name}.csv", index=False)
    for raw in discover(settings.raw_dir).series:
        ingested = ingest_series(raw, settings)
        assert ingested.status == "ok", ingested.failure
        trained = promote_series(train_series(raw.key, settings), settings)
        assert trained.status in ("promoted", "kept"), trained.failure
        forecast = forecast_series(raw.key, settings, 9)
        assert forecast.status == "ok", forecast.failure
    return folder


@pytest.mark.parametrize("ticker", TICKERS)
def test_a_ticker_that_looks_like_something_else_stays_itself(folder: Path, ticker: str) -> None:
    settings = quick_settings(folder)
    key = SeriesKey.of(ticker, "1d")
    expected = make_bars(400, seed=TICKERS.index(ticker))["close"]
    stored = read_bars(settings.store_dir, key)["close"]
    pd.testing.assert_series_equal(stored, expected, rtol=1e-12)

    meta = ModelStore(settings.models_dir).champion_meta(key)
    assert meta is not None
    assert meta.ticker == ticker

    (described,) = [
        document
        for path in settings.predictions_dir.glob("*.json")
        if (document := json.loads(path.read_text()))["ticker"] == ticker
    ]
    assert described["model"]["version"] == meta.version
    frame = ForecastService.of(settings).forecast(ticker, "1d", 9)
    assert list(frame["step"]) == list(range(1, 10))
    assert (frame["timestamp"] > make_bars(400)["timestamp"].iloc[-1]).all()
    assert frame["forecast"].iloc[0] == pytest.approx(expected.iloc[-1], rel=0.2)


def test_every_series_has_files_of_its_own(folder: Path) -> None:
    settings = quick_settings(folder)
    assert len(list(settings.store_dir.glob("*.parquet"))) == len(TICKERS)
    assert len(list(settings.models_dir.glob("*.meta.json"))) == len(TICKERS)
    assert len(list(settings.predictions_dir.glob("*.csv"))) == len(TICKERS)
    assert set(ModelStore(settings.models_dir).series()) == {SeriesKey.of(t, "1d") for t in TICKERS}
    names = [path.name.casefold() for path in settings.store_dir.iterdir()]
    assert len(set(names)) == len(names)


def test_new_bars_are_forecast_from_without_training_again(tmp_path: Path) -> None:
    settings = quick_settings(tmp_path)
    settings.raw_dir.mkdir()
    path = settings.raw_dir / "AAPL_1d.csv"
    bars = make_bars(410)
    bars.iloc[:400].to_csv(path, index=False)
    key = SeriesKey.of("AAPL", "1d")
    ingest_series(RawSeries(key, (path,)), settings)
    promote_series(train_series(key, settings), settings)
    before = forecast_series(key, settings, 5)
    bars.to_csv(path, index=False)
    after = forecast_series(key, settings, 5)
    assert (before.version, after.status) == (after.version, "ok")
    assert before.asof == bars["timestamp"].iloc[399]
    assert after.asof == bars["timestamp"].iloc[409]


def test_a_column_that_is_gone_is_named_when_its_model_is_to_forecast(tmp_path: Path) -> None:
    settings = quick_settings(tmp_path, promote={"force": True})
    settings.raw_dir.mkdir()
    path = settings.raw_dir / "AAPL_1d.csv"
    make_bars(400).to_csv(path, index=False)
    key = SeriesKey.of("AAPL", "1d")
    ingest_series(RawSeries(key, (path,)), settings)
    promote_series(train_series(key, settings), settings)
    make_bars(400).drop(columns="volume").to_csv(path, index=False)
    outcome = forecast_series(key, settings, 5)
    assert outcome.status == "failed"
    assert outcome.failure is not None
    assert outcome.failure.code == "TF040"
    assert "volume" in outcome.failure.message
