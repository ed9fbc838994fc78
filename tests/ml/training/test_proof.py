"""Leaks planted in the real training path: each is caught, by its name, before anything is promoted."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from benchmarks.signals import autoregression
from ml.artifacts.bundle import Bundle
from ml.artifacts.store import ModelStore
from ml.config import ScalerName, Settings
from ml.evaluation.promotion import promote_series
from ml.features import windows as contract
from ml.features.indicators import default_features
from ml.features.registry import REGISTRY, Indicator, Kind, Parameter
from ml.features.scaling import Scaler, fit_scaler
from ml.features.windows import Split
from ml.forecasting import forecaster
from ml.outcomes import Challenger, TrainOutcome
from ml.series import SeriesKey
from ml.training import calibration, dataset, proof, slopes
from ml.training.dataset import Dataset
from ml.training.samples import Samples
from ml.training.trainer import train_series, train_together
from tests.stored import quick_settings, store_bars
from tests.synthetic import make_bars

Floats = NDArray[np.float64]

KEY = SeriesKey.of("AAPL", "1d")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = quick_settings(tmp_path)
    store_bars(settings, KEY, make_bars(500))
    return settings


def using(settings: Settings, *features: str) -> Settings:
    train = settings.train.model_copy(update={"features": features})
    return settings.model_copy(update={"train": train})


def failed(challenger: Challenger, settings: Settings) -> str:
    """The reason of the leak for which a training failed; nothing is promoted for it."""
    outcome = promote_series(challenger, settings)
    assert (outcome.status, challenger.staged) == ("failed", "")
    assert outcome.failure is not None
    assert outcome.failure.code == "TF052"
    assert outcome.failure.hint
    return outcome.failure.message.rpartition("found that this does: ")[2]


def _future_mean(close: Floats, period: int) -> Floats:
    mean: Floats = pd.Series(close).rolling(period, center=True, min_periods=1).mean().to_numpy()
    return mean


FUTURE_MEAN = Indicator(
    "future_mean_5", "centred mean", _future_mean, ("close",), Kind.LEVEL, (Parameter("period"),)
)


def test_an_indicator_that_looks_ahead_is_caught_by_name(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(REGISTRY, FUTURE_MEAN.name, FUTURE_MEAN)
    chosen = using(settings, "close", "future_mean_5", "rsi_14")
    assert failed(train_series(KEY, chosen), chosen).startswith(
        "feature future_mean_5, and with it the "
    )


def test_a_scaler_that_is_fitted_on_all_bars_is_caught_by_name(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def on_all_bars(name: ScalerName, train_values: Floats, columns: tuple[str, ...]) -> Scaler:
        assert isinstance(train_values.base, np.ndarray)
        every = train_values.base
        return fit_scaler(name, every[np.isfinite(every).all(axis=1)], columns)

    monkeypatch.setattr(dataset, "fit_scaler", on_all_bars)
    assert failed(train_series(KEY, settings), settings) == "scaler, and with it the intervals"


def test_target_units_of_all_bars_are_caught_by_name(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = dataset.fit_target

    def of_all_bars(train_close: Floats) -> Any:
        assert isinstance(train_close.base, np.ndarray)
        return honest(train_close.base.ravel())

    monkeypatch.setattr(dataset, "fit_target", of_all_bars)
    assert failed(train_series(KEY, settings), settings) == "target"


def test_a_forecast_that_reads_the_next_bar_is_caught_by_name(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def shifted(scaled: NDArray[np.float32], anchors: Any, seq_len: int) -> NDArray[np.float32]:
        return contract.windows(scaled, np.minimum(np.asarray(anchors) + 1, len(scaled) - 1), seq_len)

    monkeypatch.setattr(forecaster, "windows", shifted)
    assert failed(train_series(KEY, settings), settings) == "forecast"


def test_a_split_without_a_gap_is_caught_by_name(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = contract.chronological_split

    def without_gap(n_bars: int, first_anchor: int, *shares: Any) -> Split:
        split = honest(n_bars, first_anchor, *shares)
        train, val = range(first_anchor, split.train_bars.stop), range(*_ends(split.val_bars))
        return Split(train, val, split.test, split.train_bars, split.val_bars, split.test_bars)

    monkeypatch.setattr(dataset, "chronological_split", without_gap)
    found = failed(train_series(KEY, settings), settings)
    assert found == "split, and with it the outcomes, slopes, gain, intervals"


def _ends(bars: range) -> tuple[int, int]:
    return bars.start, bars.stop


def _next_candle(opened: Floats, close: Floats) -> Floats:
    return np.append(np.log(close / opened)[1:], 0.0)


def _position(close: Floats) -> Floats:
    return np.arange(len(close)) / len(close)


OF_ONE_BAR = {
    # Nothing of a bar is its own: its prices may all move, and what is read off it stays.
    "next_candle": Indicator("next_candle", "", _next_candle, ("open", "close"), Kind.PLAIN),
    # No value of a later bar is read, and yet how many come is known.
    "position": Indicator("position", "", _position, ("close",), Kind.PLAIN),
}


@pytest.mark.parametrize("name", OF_ONE_BAR)
def test_a_feature_that_knows_the_shape_or_number_of_later_bars_is_caught_by_name(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setitem(REGISTRY, name, OF_ONE_BAR[name])
    chosen = using(settings, "close", name)
    assert failed(train_series(KEY, chosen), chosen).split(",")[0] == f"feature {name}"


def test_gain_and_intervals_that_are_chosen_on_the_test_are_caught_by_name(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = calibration.gain_and_intervals

    def on_the_test(data: Dataset, *others: Any) -> Any:
        late = replace(data.validation, anchors=data.split.test)
        return honest(replace(data, validation=late), *others)

    for module in (calibration, proof):
        monkeypatch.setattr(module, "gain_and_intervals", on_the_test)
    found = failed(train_series(KEY, settings), settings)
    assert found in ("intervals", "gain, and with it the intervals")


def test_validation_windows_that_reach_into_the_test_are_caught_by_name(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = dataset._Material.dataset

    def reaching(*arguments: Any) -> Dataset:
        data = honest(*arguments)
        late = range(data.split.val.start, data.split.val.stop + 9)
        return replace(data, validation=replace(data.validation, anchors=late))

    monkeypatch.setattr(dataset._Material, "dataset", reaching)
    assert "intervals" in failed(train_series(KEY, settings), settings)


def test_slopes_that_are_solved_for_on_all_bars_are_caught_by_name(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    signal = autoregression(1500, settings.train.horizon, 5).bars
    store_bars(settings, KEY, signal)
    honest = slopes.fit_slopes

    def on_all_bars(samples: Samples) -> slopes.Slopes:
        every = range(samples.anchors.start, len(samples.log_close) - len(samples.unit))
        return honest(replace(samples, anchors=every))

    monkeypatch.setattr(slopes, "fit_slopes", on_all_bars)
    assert failed(train_series(KEY, settings), settings) == "slopes"


@pytest.mark.parametrize("mode", ["warm", "refit"])
def test_a_training_again_passes_and_its_leaks_are_caught(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    promote_series(train_series(KEY, settings), settings)
    store_bars(settings, KEY, make_bars(520))
    train = settings.train.model_copy(update={"mode": mode})
    again = settings.model_copy(update={"train": train})
    challenger = train_series(KEY, again)
    assert challenger.staged, challenger.outcome
    bundle, _ = ModelStore(settings.models_dir).load_staged(Path(challenger.staged))
    assert bundle.meta.training.mode == mode
    honest = calibration.gain_and_intervals

    def on_the_test(data: Dataset, *others: Any) -> Any:
        late = replace(data.validation, anchors=data.split.test)
        return honest(replace(data, validation=late), *others)

    for module in (calibration, proof):
        monkeypatch.setattr(module, "gain_and_intervals", on_the_test)
    assert "intervals" in failed(train_series(KEY, again), again)


def test_a_series_that_leaks_fails_alone_and_its_champion_serves_on(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = promote_series(train_series(KEY, settings), settings)
    other = SeriesKey.of("MSFT", "1d")
    store_bars(settings, other, make_bars(520, seed=5))
    store_bars(settings, KEY, make_bars(510))
    honest = dataset.fit_target

    def of_all_bars_once(train_close: Floats) -> Any:
        assert isinstance(train_close.base, np.ndarray)
        every = train_close.base.ravel()
        return honest(every if len(every) == 510 else train_close)

    monkeypatch.setattr(dataset, "fit_target", of_all_bars_once)
    outcomes: dict[SeriesKey, TrainOutcome] = {}
    for key, challenger in train_together([KEY, other], settings):
        assert isinstance(challenger, Challenger)
        outcomes[key] = promote_series(challenger, settings)
    assert outcomes[KEY].status == "failed"
    assert "target" in outcomes[KEY].reason
    assert outcomes[other].status != "failed"
    champion = ModelStore(settings.models_dir).champion_meta(KEY)
    assert champion is not None
    assert champion.version == first.version


def test_the_certificate_of_an_honest_training_is_recorded(settings: Settings) -> None:
    challenger = train_series(KEY, settings)
    bundle, _ = ModelStore(settings.models_dir).load_staged(Path(challenger.staged))
    certificate = bundle.meta.certificate
    assert certificate["passed"] is True
    assert certificate["checked"] == [
        "features",
        "split",
        "scaler",
        "target",
        "outcomes",
        "slopes",
        "forecasts",
        "bands",
        "gain",
        "intervals",
    ]
    cuts = certificate["cuts"]
    assert isinstance(cuts, list)
    stamps = {cut["after"]: cut["stamp"] for cut in cuts if isinstance(cut, dict)}
    split = bundle.meta.split
    assert pd.Timestamp(str(stamps["training"])) == split.train.last
    assert pd.Timestamp(str(stamps["validation"])) == split.validation.last


@pytest.mark.parametrize("volume", [True, False])
def test_every_indicator_there_is_passes(tmp_path: Path, volume: bool) -> None:
    features = [
        indicator.example for indicator in REGISTRY.values() if volume or "volume" not in indicator.needs
    ]
    chosen = using(quick_settings(tmp_path), *features)
    store_bars(chosen, KEY, make_bars(900, volume=volume, freq="4h"))
    challenger = train_series(KEY, chosen)
    assert challenger.staged, challenger.outcome


@pytest.mark.parametrize("model", ["naive", "drift", "gru", "cnn_lstm"])
def test_every_kind_of_model_passes(settings: Settings, model: str) -> None:
    train = settings.train.model_copy(update={"model": model, "features": default_features(True)})
    chosen = settings.model_copy(update={"train": train})
    challenger = train_series(KEY, chosen)
    assert challenger.staged, challenger.outcome


def test_a_baseline_that_promotion_builds_has_a_certificate_of_its_own(settings: Settings) -> None:
    promote = settings.promote.model_copy(update={"versus_walk": "better", "level": 1e-12})
    strict = settings.model_copy(update={"promote": promote})
    outcome = promote_series(train_series(KEY, strict), strict)
    assert outcome.model in ("naive", "drift")
    champion = ModelStore(settings.models_dir).champion_meta(KEY)
    assert champion is not None
    assert champion.certificate["passed"] is True
    assert champion.certificate["checked"] == ["features", "forecasts", "bands"]


def test_what_has_no_certificate_is_not_promoted(settings: Settings) -> None:
    challenger = train_series(KEY, settings)
    store = ModelStore(settings.models_dir)
    bundle, evaluation = store.load_staged(Path(challenger.staged))
    bare = bundle.meta.model_copy(update={"certificate": {}, "version": "", "sha256": None})
    staged = store.stage(Bundle(bare, bundle.weights, bundle.scaler), evaluation)
    outcome = promote_series(challenger.model_copy(update={"staged": str(staged)}), settings)
    assert outcome.status == "failed"
    assert outcome.failure is not None
    assert outcome.failure.code == "TF052"
    assert store.champion_meta(KEY) is None
