import numpy as np
import pandas as pd
import pytest
import torch

import models
from ml.errors import FeatureError, TooFewBarsError, UsageError
from ml.features.inputs import compute_inputs, warmup_bars
from ml.features.scaling import fit_scaler
from ml.forecasting.forecaster import Forecaster
from ml.forecasting.spec import ForecastSpec, Intervals, Target
from tests.synthetic import make_bars

FEATURES = ("close", "rsi_14", "volume", "day_of_week")
HORIZON, SEQ_LEN = 5, 12


def make_forecaster(
    bars: pd.DataFrame, model: str = "lstm", decay: float = 0.5, drift: float = 0.0
) -> Forecaster:
    """A network with random weights: what it says means nothing, but it says something."""
    inputs = compute_inputs(bars, FEATURES)
    scaler = fit_scaler("minmax", inputs.values[warmup_bars(FEATURES) :])
    torch.manual_seed(1)
    network = models.build(model, len(inputs.columns), HORIZON, {})
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    spec = ForecastSpec(
        model=model,
        config={},
        features=FEATURES,
        inputs=inputs.columns,
        seq_len=SEQ_LEN,
        horizon=HORIZON,
        target=Target(sigma=0.01, mean=drift, drift=drift),
        decay=decay,
        intervals=Intervals(
            radius_80=tuple(0.01 * np.sqrt(np.arange(1, HORIZON + 1))),
            radius_95=tuple(0.02 * np.sqrt(np.arange(1, HORIZON + 1))),
            windows=50,
        ),
    )
    return Forecaster(spec, network, scaler)


BARS = make_bars(500)


def test_a_forecast_from_the_last_bar_is_the_one_that_evaluation_judges() -> None:
    forecaster = make_forecaster(BARS)
    served = forecaster.paths(BARS, len(BARS) - 1, HORIZON)
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
    np.testing.assert_allclose(forecaster.paths(bars, anchor, HORIZON), judged, rtol=0, atol=1e-6)
    assert np.isfinite(forecaster.paths(bars, anchor, 3 * HORIZON)).all()


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
    assert np.array_equal(forecaster.paths(BARS, 400, 40), forecaster.paths(later, 400, 40))


@pytest.mark.parametrize("steps", [1, 4, 5, 6, 37, 500])
def test_any_number_of_steps_can_be_asked_for_and_fewer_are_a_beginning_of_more(steps: int) -> None:
    forecaster = make_forecaster(BARS)
    path = forecaster.paths(BARS, len(BARS) - 1, steps)
    longest = forecaster.paths(BARS, len(BARS) - 1, 500)
    assert path.shape == (steps,)
    assert np.array_equal(path, longest[:steps])


def test_beyond_the_horizon_the_path_settles_into_its_drift() -> None:
    forecaster = make_forecaster(BARS, drift=0.0003)
    path = forecaster.paths(BARS, len(BARS) - 1, 200)
    moves = np.diff(path)
    assert np.abs(moves[: HORIZON - 1]).max() > 0.001
    np.testing.assert_allclose(moves[100:], 0.0003, atol=1e-12)


def test_with_no_decay_left_the_path_beyond_the_horizon_is_the_drift_at_once() -> None:
    forecaster = make_forecaster(BARS, decay=0.0, drift=0.001)
    path = forecaster.paths(BARS, len(BARS) - 1, 20)
    np.testing.assert_allclose(np.diff(path[HORIZON - 1 :]), 0.001)


def test_stamps_of_future_bars_reach_the_calendar_features_of_the_blocks() -> None:
    forecaster = make_forecaster(BARS)
    anchor = len(BARS) - 1
    weekdays = pd.date_range("2025-01-06", periods=40, freq="B", tz="UTC")
    weekends = pd.date_range("2025-01-04", periods=40, freq="7D", tz="UTC")
    assert not np.array_equal(
        forecaster.paths(BARS, anchor, 40, weekdays), forecaster.paths(BARS, anchor, 40, weekends)
    )


def test_intervals_enclose_the_forecast_and_widen() -> None:
    fan = make_forecaster(BARS).forecast(BARS, 60)
    assert (fan.lower_95 < fan.lower_80).all()
    assert (fan.lower_80 < fan.point).all()
    assert (fan.point < fan.upper_80).all()
    assert (fan.upper_80 < fan.upper_95).all()
    width = np.log(fan.upper_95 / fan.lower_95)
    assert (np.diff(width) > 0).all()


@pytest.mark.parametrize("steps", [0, -1, 501])
def test_steps_out_of_bounds_are_refused(steps: int) -> None:
    with pytest.raises(UsageError, match="1 to 500"):
        make_forecaster(BARS).forecast(BARS, steps)


def test_too_few_bars_are_refused_with_both_numbers() -> None:
    forecaster = make_forecaster(BARS)
    with pytest.raises(TooFewBarsError, match=rf"at least {forecaster.min_bars} bars .* found 20"):
        forecaster.forecast(BARS.iloc[:20], 5)


def test_the_fewest_bars_that_are_promised_are_enough() -> None:
    forecaster = make_forecaster(BARS)
    fan = forecaster.forecast(BARS.iloc[: forecaster.min_bars], 12)
    assert np.isfinite(fan.point).all()
