import numpy as np
import pytest

from ml.config import TrainConfig
from ml.errors import ConstantSeriesError, FeatureError, TooFewBarsError, TrainingError
from ml.training.dataset import build_dataset, fit_target
from tests.synthetic import make_bars, with_close


def config(**changes: object) -> TrainConfig:
    return TrainConfig.model_validate({"seq_len": 20, "horizon": 5, **changes})


def test_nothing_is_fitted_on_bars_after_the_training_bars() -> None:
    bars = make_bars(700)
    dataset = build_dataset(bars, config())
    later = bars.copy()
    columns = ["open", "high", "low", "close", "volume"]
    later.loc[dataset.split.train_bars.stop :, columns] *= 3.7
    again = build_dataset(later, config())
    assert dataset.target == again.target
    assert np.array_equal(dataset.scaler.numbers["scale_"], again.scaler.numbers["scale_"])
    stop = dataset.split.train_bars.stop
    assert np.array_equal(dataset.train.scaled[:stop], again.train.scaled[:stop], equal_nan=True)
    assert np.array_equal(dataset.train.actual(), again.train.actual())


def test_targets_are_changes_in_volatility_times_the_root_of_the_step() -> None:
    bars = make_bars(700)
    dataset = build_dataset(bars, config())
    close = bars["close"].to_numpy()
    anchor, step = int(dataset.train.anchors[17]), 4
    expected = np.log(close[anchor + step] / close[anchor])
    assert dataset.train.actual()[17, step - 1] == pytest.approx(expected, rel=1e-9)
    assert dataset.train.unit[step - 1] == pytest.approx(dataset.target.sigma * np.sqrt(step))


def test_targets_of_the_segments_share_no_bar_and_a_horizon_lies_between_their_anchors() -> None:
    split = build_dataset(make_bars(700), config()).split
    assert split.val.start - split.train[-1] > 5
    assert split.test.start - split.val[-1] > 5
    assert split.train[-1] + 5 < split.val_bars.start
    assert split.val[-1] + 5 < split.test_bars.start


def test_a_series_without_volume_gets_the_default_features_that_need_none() -> None:
    dataset = build_dataset(make_bars(700, volume=False), config())
    assert "volume" not in dataset.features
    assert "obv" not in dataset.features
    assert "rsi_14" in dataset.features


def test_a_feature_that_was_asked_for_and_has_no_column_is_an_error() -> None:
    with pytest.raises(FeatureError, match="volume"):
        build_dataset(make_bars(700, volume=False), config(features=("close", "obv")))


def test_too_few_bars_are_refused_with_both_numbers() -> None:
    with pytest.raises(TooFewBarsError, match=r"at least \d+ bars, found 90"):
        build_dataset(make_bars(90), config())


def test_constant_prices_are_refused() -> None:
    bars = with_close(make_bars(700), np.full(700, 12.5))
    with pytest.raises(ConstantSeriesError, match=r"12\.5"):
        build_dataset(bars, config())


@pytest.mark.parametrize("factor", [1e120, 1e-120])
def test_closes_whose_squares_are_no_numbers_are_refused(factor: float) -> None:
    bars = make_bars(700)
    with pytest.raises(TrainingError, match=r"expected closes below 1e\+100"):
        build_dataset(with_close(bars, bars["close"].to_numpy() * factor), config())


def test_closes_that_leap_up_and_down_by_thousands_are_refused() -> None:
    bars = make_bars(700)
    close = bars["close"].to_numpy().copy()
    close[::2] *= 1e9
    with pytest.raises(TrainingError, match="deviation up to 10"):
        build_dataset(with_close(bars, close), config())


def test_the_drift_is_shrunk_by_its_uncertainty() -> None:
    rng = np.random.default_rng(1)
    noise = fit_target(np.exp(np.cumsum(rng.normal(0, 0.01, 500))))
    trend = fit_target(np.exp(np.cumsum(rng.normal(0.01, 0.01, 500))))
    assert abs(noise.drift) < abs(noise.mean)
    assert trend.drift == pytest.approx(trend.mean, rel=0.01)


@pytest.mark.parametrize(("count", "warm_up"), [(500, 400), (1250, 1200), (1250, 2000)])
def test_more_bars_to_warm_up_than_there_are_before_validation_are_refused(
    count: int, warm_up: int
) -> None:
    with pytest.raises(TooFewBarsError, match=f"at least {warm_up + 20} bars with inputs"):
        build_dataset(make_bars(count), config(warm_up=warm_up))
