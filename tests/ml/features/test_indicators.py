from typing import Any

import numpy as np
import pandas as pd
import pytest
import talib
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.config import DEFAULT_FEATURES
from ml.errors import FeatureError
from ml.features.indicators import (
    available_features,
    compute_features,
    default_features,
    feature_columns,
    parse_feature,
    required_columns,
)
from ml.features.registry import REGISTRY, Indicator
from tests.ml.features.bars import EVERY_FEATURE, make_bars

BARS = make_bars(300)
CLOSE, HIGH, LOW, VOLUME = (BARS[name].to_numpy() for name in ("close", "high", "low", "volume"))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("close", CLOSE),
        ("sma_20", talib.SMA(CLOSE, 20)),
        ("sma_7", talib.SMA(CLOSE, 7)),
        ("ema_12", talib.EMA(CLOSE, 12)),
        ("rsi_14", talib.RSI(CLOSE, 14)),
        ("macd_12_26_9", talib.MACD(CLOSE, 12, 26, 9)),
        ("stoch_14_3_3", talib.STOCH(HIGH, LOW, CLOSE, 14, 3, 0, 3, 0)),  # type: ignore[arg-type]
        ("bbands_20_2.5", talib.BBANDS(CLOSE, 20, 2.5, 2.5)),
        ("atr_14", talib.ATR(HIGH, LOW, CLOSE, 14)),
        ("adx_14", talib.ADX(HIGH, LOW, CLOSE, 14)),
        ("obv", talib.OBV(CLOSE, VOLUME)),
        ("ad", talib.AD(HIGH, LOW, CLOSE, VOLUME)),
        ("adosc_3_10", talib.ADOSC(HIGH, LOW, CLOSE, VOLUME, 3, 10)),
        ("mfi_14", talib.MFI(HIGH, LOW, CLOSE, VOLUME, 14)),
        ("vwma_20", talib.VWMA(CLOSE, VOLUME, 20)),
        ("roc_10", talib.ROC(CLOSE, 10)),
        ("std_20", talib.STDDEV(CLOSE, 20)),
        ("aroon_25", talib.AROON(HIGH, LOW, 25)),
    ],
)
def test_raw_values_are_exactly_talibs(name: str, expected: Any) -> None:
    outputs = expected if isinstance(expected, tuple | list) else (expected,)
    frame = compute_features(BARS, [name])
    for column, values in zip(frame.columns, outputs, strict=True):
        np.testing.assert_array_equal(frame[column].to_numpy(), values)


def test_returns_and_volatility_are_of_log_changes() -> None:
    frame = compute_features(BARS, ["return_1", "return_5", "volatility_20"])
    change = np.log(BARS["close"]).diff()
    assert frame["return_1"].to_numpy() == pytest.approx(change.to_numpy(), nan_ok=True, abs=1e-12)
    assert frame["return_5"].iloc[50] == pytest.approx(np.log(CLOSE[50] / CLOSE[45]))
    expected = change.rolling(20).std(ddof=0).to_numpy()
    assert frame["volatility_20"].to_numpy() == pytest.approx(expected, nan_ok=True, rel=1e-6)


def test_stochrsi_has_a_second_smoothing_as_charts_have() -> None:
    frame = compute_features(BARS, ["stochrsi_14_14_3_3"])
    k = talib.SMA(talib.STOCHRSI(CLOSE, 14, 14, 1)[0], 3)
    assert frame["stochrsi_14_14_3_3.k"].iloc[-50:].to_numpy() == pytest.approx(k[-50:])
    assert frame["stochrsi_14_14_3_3.d"].iloc[-50:].to_numpy() == pytest.approx(talib.SMA(k, 3)[-50:])


def test_columns_stand_in_the_order_of_the_features() -> None:
    features = ("macd_12_26_9", "sma_20", "day_of_week")
    expected = (
        "macd_12_26_9.macd",
        "macd_12_26_9.signal",
        "macd_12_26_9.hist",
        "sma_20",
        "day_of_week.sin",
        "day_of_week.cos",
        "day_of_week.sin2",
        "day_of_week.cos2",
        "day_of_week.sin3",
        "day_of_week.cos3",
    )
    assert feature_columns(features) == expected
    assert tuple(compute_features(BARS, features).columns) == expected


@pytest.mark.parametrize("indicator", REGISTRY.values(), ids=lambda indicator: str(indicator.name))
def test_every_indicator_has_a_working_example_and_as_many_columns_as_it_says(
    indicator: Indicator,
) -> None:
    frame = compute_features(BARS, [indicator.example])
    assert tuple(frame.columns) == feature_columns([indicator.example])
    assert frame.index.equals(BARS.index)
    assert np.isfinite(frame.iloc[-1].to_numpy()).all()
    # NaN while it warms up, and never after.
    defined = frame.notna().all(axis=1).to_numpy()
    assert defined[np.argmax(defined) :].all()


@pytest.mark.parametrize("indicator", REGISTRY.values(), ids=lambda indicator: str(indicator.name))
def test_the_least_parameters_are_accepted_by_talib(indicator: Indicator) -> None:
    values = [parameter.least for parameter in indicator.parameters]
    names = [parameter.name for parameter in indicator.parameters]
    if "fast" in names:
        values[names.index("slow")] = values[names.index("fast")] + 1
    name = "_".join([indicator.name, *(f"{value:g}" for value in values)])
    assert np.isfinite(compute_features(BARS, [name]).iloc[-1].to_numpy()).all()


@pytest.mark.parametrize("n_bars", [0, 1, 2, 19])
def test_series_shorter_than_an_indicator_give_rows_of_nan(n_bars: int) -> None:
    frame = compute_features(BARS.iloc[:n_bars], EVERY_FEATURE)
    assert len(frame) == n_bars
    assert frame["sma_20"].isna().all()


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [
        ("rsi14", "rsi_14"),
        ("RSI_14", "rsi_14"),
        ("rsi", "rsi_14"),
        ("sma-20", "sma_20"),
        ("smaa_20", "sma_20"),
        ("macd_12_26", "macd_12_26_9"),
        ("bbands_20_2.0", "bbands_20_2"),
        ("closee", "close"),
        ("dayofweek", "day_of_week"),
    ],
)
def test_a_wrong_name_gets_the_nearest_one_and_the_list(wrong: str, meant: str) -> None:
    with pytest.raises(FeatureError, match="found") as caught:
        parse_feature(wrong)
    assert f"did you mean {meant!r}?" in caught.value.hint
    assert "macd_{fast}_{slow}_{signal}" in caught.value.hint
    assert repr(wrong) in caught.value.message


@pytest.mark.parametrize(
    "wrong",
    [
        *(
            "",
            "_",
            "_20",
            "sma_",
            "sma__20",
            "sma_0",
            "rsi_1",
            "sma_-5",
            "sma_020",
            "sma_2.5",
            "sma_20 ",
        ),
        *(
            "sma_20\n",
            "sma_100001",
            "sma_1e3",
            "sma_²",
            "sma_٣",
            "bbands_20_0",
            "bbands_20_nan",
            "close_5",
        ),
        *(
            "macd_26_12_9",
            "macd_12_12_9",
            "bbands_20_1000",
            "sma_99999999999999999999",
            "sma.20",
            "../x",
        ),
    ],
)
def test_malformed_names_and_parameters_out_of_range_are_refused(wrong: str) -> None:
    with pytest.raises(FeatureError) as caught:
        parse_feature(wrong)
    assert caught.value.hint


@settings(deadline=None, max_examples=50)
@given(st.text(max_size=20))
def test_any_text_is_a_feature_or_a_feature_error(text: str) -> None:
    try:
        feature = parse_feature(text)
    except FeatureError:
        return
    assert feature.name == text


def test_a_range_error_says_the_range() -> None:
    with pytest.raises(FeatureError, match=r"from 2 to 100000 as period in 'rsi_1', found '1'"):
        parse_feature("rsi_1")


def test_more_features_than_a_model_can_record_are_refused_before_it_is_trained() -> None:
    names = [f"sma_{period}" for period in range(1, 258)]
    with pytest.raises(FeatureError, match="at most 256 features, found 257"):
        feature_columns(names)
    assert len(feature_columns(names[:256])) == 256


def test_no_feature_and_a_feature_twice_are_refused() -> None:
    with pytest.raises(FeatureError, match="at least one"):
        feature_columns(())
    with pytest.raises(FeatureError, match="sma_20 several times"):
        feature_columns(("sma_20", "close", "sma_20"))


def test_a_missing_column_is_named_with_the_feature_that_needs_it() -> None:
    null = BARS.assign(volume=np.nan)
    for bars in (null, BARS.drop(columns="volume")):
        with pytest.raises(FeatureError, match="'obv' needs the column 'volume'") as caught:
            compute_features(bars, ["close", "obv", "rsi_14"])
        assert "close rsi_14" in caught.value.hint


def test_the_default_set_does_without_volume_where_there_is_none() -> None:
    assert default_features(has_volume=True) == DEFAULT_FEATURES
    without = default_features(has_volume=False)
    assert "volume" not in without
    assert "obv" not in without
    assert "rsi_14" in without
    compute_features(BARS.assign(volume=np.nan), without)


def test_required_columns_are_those_that_the_features_read() -> None:
    assert required_columns(["sma_20", "obv"]) == {"close", "volume"}
    assert required_columns(["hour"]) == {"timestamp"}


def test_a_null_volume_amid_others_counts_as_none_traded() -> None:
    holes = BARS.copy()
    holes.loc[[0, 50, 51], "volume"] = np.nan
    expected = compute_features(holes.fillna({"volume": 0.0}), EVERY_FEATURE)
    pd.testing.assert_frame_equal(compute_features(holes, EVERY_FEATURE), expected)


def test_volume_averages_survive_bars_without_volume() -> None:
    quiet = BARS.copy()
    quiet.loc[100:150, "volume"] = 0.0
    frame = compute_features(quiet, ["vwma_20", "mfi_14", "cmf_20", "sma_20"])
    assert frame["vwma_20"].iloc[130] == frame["sma_20"].iloc[130]
    assert frame["mfi_14"].iloc[130] == 0
    assert frame["cmf_20"].iloc[130] == 0
    assert frame.iloc[30:].notna().all(axis=None)


def test_the_bars_are_left_as_they_were() -> None:
    before = BARS.copy()
    compute_features(BARS, EVERY_FEATURE)
    pd.testing.assert_frame_equal(BARS, before)


def test_the_help_table_has_pattern_example_and_meaning_of_each_feature() -> None:
    rows = available_features()
    assert len(rows) == len(REGISTRY)
    assert ("rsi_{period}", "rsi_14", "relative strength index") in rows
    assert all(row.about for row in rows)
