import time

import numpy as np
import pandas as pd
import pytest
import talib

from ml.config import DEFAULT_FEATURES
from ml.errors import FeatureError
from ml.features.indicators import feature_columns
from ml.features.inputs import Inputs, compute_inputs, tail_bars, warmup_bars
from ml.features.registry import REGISTRY, Indicator, Kind
from tests.ml.features.bars import EVERY_FEATURE, make_bars

BARS = make_bars(400)
CLOSE = BARS["close"].to_numpy()


def column(inputs: Inputs, name: str) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    return inputs.values[:, inputs.columns.index(name)]


def test_inputs_have_a_row_for_each_bar_and_a_column_for_each_feature_column() -> None:
    inputs = compute_inputs(BARS, DEFAULT_FEATURES)
    assert inputs.columns == feature_columns(DEFAULT_FEATURES)
    assert inputs.values.shape == (len(BARS), len(inputs.columns))
    assert inputs.values.dtype == np.float64


def test_the_warm_up_rows_are_nan_and_all_others_finite() -> None:
    for features in (DEFAULT_FEATURES, EVERY_FEATURE, ["close"], ["day_of_week"]):
        values = compute_inputs(BARS, features).values
        warmup = warmup_bars(features)
        assert np.isnan(values[:warmup]).all()
        assert np.isfinite(values[warmup:]).all()


def test_the_defaults_warm_up_in_at_most_150_bars() -> None:
    assert warmup_bars(DEFAULT_FEATURES) == 127
    assert warmup_bars(["close"]) == 1
    assert warmup_bars(["sma_20"]) == 19
    assert warmup_bars(["day_of_week"]) == 0


def test_close_is_the_change_and_other_prices_stand_relative_to_it() -> None:
    inputs = compute_inputs(BARS, ["close", "high", "sma_20", "atr_14", "rsi_14", "roc_10"])
    high, low = BARS["high"].to_numpy(), BARS["low"].to_numpy()
    t = 300
    assert column(inputs, "close")[t] == pytest.approx(np.log(CLOSE[t] / CLOSE[t - 1]))
    assert column(inputs, "high")[t] == pytest.approx(np.log(high[t] / CLOSE[t]))
    assert column(inputs, "sma_20")[t] == pytest.approx(np.log(talib.SMA(CLOSE, 20)[t] / CLOSE[t]))
    assert column(inputs, "atr_14")[t] == pytest.approx(talib.ATR(high, low, CLOSE, 14)[t] / CLOSE[t])
    assert column(inputs, "rsi_14")[t] == pytest.approx(talib.RSI(CLOSE, 14)[t] / 100)
    assert column(inputs, "roc_10")[t] == pytest.approx(talib.ROC(CLOSE, 10)[t] / 100)


def test_volume_is_relative_to_its_recent_mean_and_obv_a_share_of_recent_volume() -> None:
    inputs = compute_inputs(BARS, ["volume", "obv", "close"])
    volume = BARS["volume"].to_numpy()
    t = 300
    recent = volume[t - 19 : t + 1]
    assert column(inputs, "volume")[t] == pytest.approx(np.log1p(volume[t] / recent.mean()))
    signs = np.sign(np.diff(CLOSE[t - 20 : t + 1]))
    assert column(inputs, "obv")[t] == pytest.approx((signs * recent).sum() / recent.sum())


@pytest.mark.parametrize("price", [1e-8, 1e-3, 1.0, 1e6])
def test_inputs_do_not_depend_on_the_price_level_nor_on_the_unit_of_volume(price: float) -> None:
    other = make_bars(400, price=price)
    other["volume"] *= price
    expected = compute_inputs(BARS, EVERY_FEATURE).values
    assert compute_inputs(other, EVERY_FEATURE).values == pytest.approx(expected, abs=1e-6, nan_ok=True)


@pytest.mark.parametrize("indicator", REGISTRY.values(), ids=lambda indicator: str(indicator.name))
def test_a_history_cut_off_gives_almost_the_same_inputs(indicator: Indicator) -> None:
    name = indicator.example
    bars = make_bars(1200, seed=5)
    whole = compute_inputs(bars, [name]).values
    deviation = np.nanstd(whole, axis=0) + 1e-12
    warmup, tail = warmup_bars([name]), tail_bars([name], seq_len=60)
    for start in (37, 200, 500):
        # The first row after the warm-up: to a few thousandths of the column's deviation.
        cut = bars.iloc[start : start + warmup + 1].reset_index(drop=True)
        error = np.abs(compute_inputs(cut, [name]).values[warmup] - whole[start + warmup])
        assert (error <= 3e-3 * deviation).all()
        # A tail: practically exact in all rows that count.
        cut = bars.iloc[start : start + tail].reset_index(drop=True)
        expected = whole[start + tail - 60 : start + tail]
        assert compute_inputs(cut, [name]).values[-60:] == pytest.approx(expected, abs=1e-9)


def _flat(n_bars: int, price: float, volume: float) -> pd.DataFrame:
    bars = make_bars(n_bars)
    bars[["open", "high", "low", "close"]] = price
    bars["volume"] = volume
    return bars


@pytest.mark.parametrize("price", [1e-8, 0.1, 1.0, 123.456, 7e5])
@pytest.mark.parametrize("volume", [0.0, 0.1, 1e12])
def test_prices_that_stand_still_give_finite_constants(price: float, volume: float) -> None:
    features = [name for name in EVERY_FEATURE if "day" not in name and name not in ("month", "hour")]
    values = compute_inputs(_flat(400, price, volume), features).values[warmup_bars(features) :]
    assert np.isfinite(values).all()
    assert np.ptp(values, axis=0).max() < 1e-9


def test_zero_volume_throughout_gives_zeros_in_volume_inputs() -> None:
    features = ["volume", "obv", "ad", "adosc_3_10", "mfi_14", "cmf_20"]
    values = compute_inputs(BARS.assign(volume=0.0), features).values[warmup_bars(features) :]
    assert (values == 0).all()


@pytest.mark.parametrize("seed", range(10))
def test_broken_but_possible_bars_still_give_finite_bounded_inputs(seed: int) -> None:
    rng = np.random.default_rng(seed)
    bars = make_bars(500, seed)
    spikes = rng.choice(500, 8, replace=False)
    bars.loc[spikes, ["open", "high", "low", "close"]] *= 10.0 ** rng.integers(-4, 5)
    flat = int(rng.integers(130, 400))
    bars.loc[flat : flat + 60, ["open", "high", "low", "close"]] = 1 / 3
    quiet = int(rng.integers(130, 400))
    bars.loc[quiet : quiet + 60, "volume"] = 0.0
    values = compute_inputs(bars, EVERY_FEATURE).values[warmup_bars(EVERY_FEATURE) :]
    assert np.isfinite(values).all()
    unbounded = [
        name.startswith(("roc", "ppo", "natr", "trix")) for name in feature_columns(EVERY_FEATURE)
    ]
    assert np.abs(values[:, ~np.array(unbounded)]).max() <= 100


def test_prices_too_extreme_to_compute_with_are_refused_by_name() -> None:
    bars = BARS.copy()
    bars.loc[200, ["high", "close"]] = 1e200
    with pytest.raises(FeatureError, match="std_20 not finite at bar 200"):
        compute_inputs(bars, ["close", "std_20"])


def test_a_series_shorter_than_the_warm_up_gives_nan_rows_only() -> None:
    for n_bars in (0, 1, 30):
        values = compute_inputs(BARS.iloc[:n_bars], DEFAULT_FEATURES).values
        assert values.shape == (n_bars, len(feature_columns(DEFAULT_FEATURES)))
        assert np.isnan(values).all()


def test_periods_beyond_any_series_are_refused_or_give_a_long_warm_up() -> None:
    assert warmup_bars(["sma_100000"]) == 99_999
    assert warmup_bars(["trix_100000"]) > 300_000
    assert np.isnan(compute_inputs(BARS, ["close", "sma_5000"]).values).all()


def test_an_indicator_without_values_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    nothing = Indicator("nothing", "", lambda close: close * np.nan, ("close",), Kind.PLAIN)
    monkeypatch.setitem(REGISTRY, "nothing", nothing)
    with pytest.raises(FeatureError, match="expected values of 'nothing'"):
        compute_inputs(BARS, ["nothing"])


def test_inputs_are_computed_fast() -> None:
    bars = make_bars(150_000, freq="min")
    compute_inputs(bars.iloc[:500], DEFAULT_FEATURES)
    seconds = min(_seconds(bars) for _ in range(3))
    assert seconds < 1  # around 0.05 s on an idle core


def _seconds(bars: pd.DataFrame) -> float:
    start = time.process_time()
    compute_inputs(bars, DEFAULT_FEATURES)
    return time.process_time() - start
