import numpy as np
import pandas as pd
import pytest
import torch

import models
from ml.errors import FeatureError, TooFewBarsError, UsageError
from ml.features.inputs import compute_inputs, warmup_bars
from ml.features.scaling import fit_scaler
from ml.forecasting.forecaster import Forecaster
from ml.forecasting.spec import ForecastSpec, SplitConformal, Target
from tests.synthetic import make_bars

FEATURES = ("close", "rsi_14", "volume", "day_of_week")
HORIZON, SEQ_LEN = 5, 12


def make_forecaster(
    bars: pd.DataFrame,
    model: str = "lstm",
    decay: float = 0.5,
    drift: float = 0.0,
    features: tuple[str, ...] = FEATURES,
    warm_up: int = 0,
) -> Forecaster:
    """A network with random weights: what it says means nothing, but it says something."""
    inputs = compute_inputs(bars, features)
    scaler = fit_scaler("minmax", inputs.values[warmup_bars(features) :])
    torch.manual_seed(1)
    network = models.build(model, len(inputs.columns), HORIZON, {})
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    spec = ForecastSpec(
        model=model,
        config={},
        features=features,
        inputs=inputs.columns,
        seq_len=SEQ_LEN,
        warm_up=warm_up,
        horizon=HORIZON,
        target=Target(sigma=0.01, mean=drift, drift=drift),
        decay=decay,
        intervals=SplitConformal(
            radius_80=tuple(0.01 * np.sqrt(np.arange(1, HORIZON + 1))),
            radius_95=tuple(0.02 * np.sqrt(np.arange(1, HORIZON + 1))),
            windows=50,
        ),
    )
    return Forecaster(spec, network, scaler)


BARS = make_bars(500)


@pytest.mark.parametrize("warm_up", [0, 20])
def test_a_forecast_from_the_last_bar_is_the_one_that_evaluation_judges(warm_up: int) -> None:
    forecaster = make_forecaster(BARS, warm_up=warm_up)
    served = forecaster.paths(BARS, [len(BARS) - 1], HORIZON)[0]
    judged = forecaster.changes(BARS, [300, len(BARS) - 1])[1]
    assert np.abs(served).max() > 1e-4
    np.testing.assert_allclose(served, judged, rtol=0, atol=1e-6)


@pytest.mark.parametrize(("without", "anchor"), [(slice(0, 450), 440), (slice(10, None), 499)])
def test_a_volume_that_begins_late_or_ends_early_is_none_traded_in_the_tail_too(
    without: slice, anchor: int
) -> None:
    bars = BARS.copy()
    bars.loc[without, "volume"] = np.nan
    forecaster = make_forecaster(bars)
    judged = forecaster.changes(bars, [anchor])[0]
    np.testing.assert_allclose(forecaster.paths(bars, [anchor], HORIZON)[0], judged, rtol=0, atol=1e-6)
    assert np.isfinite(forecaster.paths(bars, [anchor], 3 * HORIZON)[0]).all()


def test_inputs_that_are_not_those_of_the_training_are_refused() -> None:
    forecaster = make_forecaster(BARS)
    forecaster.spec = forecaster.spec.model_copy(update={"inputs": forecaster.spec.inputs[::-1]})
    with pytest.raises(FeatureError, match=r"expected the inputs day_of_week\.cos"):
        forecaster.changes(BARS, [400])


def test_a_forecast_does_not_depend_on_later_bars() -> None:
    forecaster = make_forecaster(BARS)
    later = BARS.copy()
    later.loc[401:, ["open", "high", "low", "close", "volume"]] *= 5
    assert np.array_equal(forecaster.changes(BARS, [400]), forecaster.changes(later, [400]))
    assert np.array_equal(forecaster.paths(BARS, [400], 40)[0], forecaster.paths(later, [400], 40)[0])


@pytest.mark.parametrize("steps", [1, 4, 5, 6, 37, 500])
def test_any_number_of_steps_can_be_asked_for_and_fewer_are_a_beginning_of_more(steps: int) -> None:
    forecaster = make_forecaster(BARS)
    path = forecaster.paths(BARS, [len(BARS) - 1], steps)[0]
    longest = forecaster.paths(BARS, [len(BARS) - 1], 500)[0]
    assert path.shape == (steps,)
    assert np.array_equal(path, longest[:steps])


def test_beyond_the_horizon_the_path_settles_into_its_drift() -> None:
    forecaster = make_forecaster(BARS, drift=0.0003)
    path = forecaster.paths(BARS, [len(BARS) - 1], 200)[0]
    moves = np.diff(path)
    assert np.abs(moves[: HORIZON - 1]).max() > 0.001
    np.testing.assert_allclose(moves[100:], 0.0003, atol=1e-12)


def test_with_no_decay_left_the_path_beyond_the_horizon_is_the_drift_at_once() -> None:
    forecaster = make_forecaster(BARS, decay=0.0, drift=0.001)
    path = forecaster.paths(BARS, [len(BARS) - 1], 20)[0]
    np.testing.assert_allclose(np.diff(path[HORIZON - 1 :]), 0.001)


def test_stamps_of_future_bars_reach_the_calendar_features_of_the_blocks() -> None:
    forecaster = make_forecaster(BARS)
    anchor = len(BARS) - 1
    weekdays = pd.date_range("2025-01-06", periods=40, freq="B", tz="UTC")
    weekends = pd.date_range("2025-01-04", periods=40, freq="7D", tz="UTC")
    paths = forecaster.paths(BARS, [anchor, anchor], 40, [weekdays, weekends])
    assert np.allclose(paths[0, :HORIZON], paths[1, :HORIZON], rtol=0, atol=1e-6)
    assert not np.allclose(paths[0, HORIZON:], paths[1, HORIZON:], rtol=0, atol=1e-6)


def test_stamps_that_are_not_known_go_on_as_the_last_bars_were_spaced() -> None:
    bars = BARS.assign(timestamp=pd.date_range("2024-01-01", periods=500, freq="D", tz="UTC"))
    forecaster = make_forecaster(bars)
    known = pd.date_range(bars["timestamp"].iloc[-1], periods=41, freq="D")[1:]
    paths = forecaster.paths(bars, [499] * 3, 40, [known, known[:7], known[:0]])
    for path in paths:
        np.testing.assert_allclose(path, paths[0], rtol=0, atol=1e-6)
    np.testing.assert_allclose(forecaster.paths(bars, [499], 40)[0], paths[0], rtol=0, atol=1e-6)


@pytest.mark.parametrize("volume", [True, False])
def test_each_block_is_forecast_from_bars_that_the_block_before_was_written_into(volume: bool) -> None:
    bars = make_bars(500, volume=volume)
    features = ("close", "open", "high", "low", "atr_5", *(["volume", "obv"] if volume else []))
    forecaster = make_forecaster(bars, features=features, drift=0.001)
    path = forecaster.paths(bars, [450], 4 * HORIZON)[0]

    history, expected, start, weight = bars.iloc[:451], [], 0.0, 1.0
    usual = history["volume"].iloc[-20:].mean()
    for _ in range(4):
        block = forecaster.changes(history, [len(history) - 1])[0]
        block = start + weight * block + (1 - weight) * 0.001 * np.arange(1, HORIZON + 1)
        expected += block.tolist()
        for change in block:
            before, close = history["close"].iloc[-1], bars["close"].iloc[450] * np.exp(change)
            stamp = history["timestamp"].iloc[-1] + pd.Timedelta(days=1)
            bar = [stamp, before, max(before, close), min(before, close), close, usual]
            history = pd.concat([history, pd.DataFrame([bar], columns=bars.columns)], ignore_index=True)
        start, weight = block[-1], weight * 0.5
    assert np.ptp(path) > 1e-3
    np.testing.assert_allclose(path, expected, rtol=0, atol=1e-6)


def test_paths_from_several_bars_are_those_from_each_bar_alone() -> None:
    forecaster = make_forecaster(BARS, warm_up=20)
    fewest, last = forecaster.min_bars - 1, len(BARS) - 1
    anchors = [last, fewest, fewest + 1, 300, 300]  # a short history beside long ones, in any order
    stamps = pd.DatetimeIndex(BARS["timestamp"])
    futures = [stamps[anchor + 1 : anchor + 41] for anchor in anchors]
    together = forecaster.paths(BARS, anchors, 40, futures)
    for row, (anchor, future) in enumerate(zip(anchors, futures, strict=True)):
        alone = forecaster.paths(BARS, [anchor], 40, [future])[0]
        np.testing.assert_allclose(together[row], alone, rtol=0, atol=1e-6)
    assert forecaster.paths(BARS, [], 40).shape == (0, 40)


@pytest.mark.parametrize("origins", [1, 12])
def test_a_hundred_steps_cost_seven_calls_of_the_network_for_any_number_of_origins(origins: int) -> None:
    forecaster = make_forecaster(BARS, warm_up=20)
    shapes: list[tuple[int, ...]] = []
    forecaster.network.register_forward_pre_hook(lambda _, given: shapes.append(tuple(given[0].shape)))
    forecaster.paths(BARS, range(400, 400 + origins), 100)
    assert shapes == [(origins, 20 + SEQ_LEN, len(forecaster.spec.inputs))] * 7


@pytest.mark.parametrize("steps", [0, -1, 501])
def test_steps_out_of_bounds_are_refused(steps: int) -> None:
    with pytest.raises(UsageError, match="1 to 500"):
        make_forecaster(BARS).paths(BARS, [400], steps)


def test_too_few_bars_are_refused_with_both_numbers() -> None:
    forecaster = make_forecaster(BARS)
    with pytest.raises(TooFewBarsError, match=rf"at least {forecaster.min_bars} bars .* found 20"):
        forecaster.paths(BARS, [19], 5)


def test_the_fewest_bars_that_are_promised_are_enough() -> None:
    forecaster = make_forecaster(BARS)
    few = BARS.iloc[: forecaster.min_bars]
    assert np.isfinite(forecaster.paths(few, [len(few) - 1], 12)).all()
