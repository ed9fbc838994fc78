import pickle
from typing import Any, get_args

import numpy as np
import pytest
from sklearn.preprocessing import MinMaxScaler, RobustScaler, StandardScaler

from ml.config import ScalerName
from ml.errors import FeatureError
from ml.features.scaling import BOUNDS, Scaler, fit_plainly, fit_scaler, scale

NAMES: tuple[ScalerName, ...] = get_args(ScalerName)
SCIKIT_LEARN: dict[ScalerName, Any] = {
    "minmax": MinMaxScaler(feature_range=(-1, 1)),
    "standard": StandardScaler(),
    "robust": RobustScaler(),
}
RNG = np.random.default_rng(3)
TRAIN = np.column_stack([RNG.normal(0, 0.01, 1000), RNG.uniform(0, 1, 1000), RNG.normal(5, 1, 1000)])


@pytest.mark.parametrize("name", NAMES)
def test_scaled_values_are_float32_centred_and_of_order_one(name: ScalerName) -> None:
    scaled = scale(fit_scaler(name, TRAIN), TRAIN)
    assert scaled.dtype == np.float32
    assert scaled.shape == TRAIN.shape
    assert np.abs(np.median(scaled, axis=0)).max() < 0.3
    assert (scaled.std(axis=0) > 0.3).all()
    assert (scaled.std(axis=0) < 1.2).all()


def test_minmax_fills_minus_one_to_one_with_ordinary_rows() -> None:
    low, high = np.quantile(TRAIN, (0.005, 0.995), axis=0)
    scaled = scale(fit_scaler("minmax", TRAIN), np.array([low, high, (low + high) / 2]))
    assert scaled == pytest.approx(np.array([[-1] * 3, [1] * 3, [0] * 3]), abs=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_one_crash_does_not_squeeze_the_ordinary_days(name: ScalerName) -> None:
    crash = TRAIN.copy()
    crash[500, 0] = -0.9
    calm, shaken = fit_scaler(name, TRAIN), fit_scaler(name, crash)
    assert scale(shaken, TRAIN).std(axis=0) == pytest.approx(scale(calm, TRAIN).std(axis=0), rel=0.05)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("sign", [-1, 1])
def test_unseen_extremes_stay_within_the_bound(name: ScalerName, sign: int) -> None:
    scaler = fit_scaler(name, TRAIN)
    scaled = scale(scaler, np.full((1, 3), sign * 1e300))
    assert (scaled == np.float32(sign * BOUNDS[scaler.name])).all()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("level", [0.0, 0.1, -7.3, 1e-12])
def test_a_column_constant_in_training_is_zero_then_and_later(name: ScalerName, level: float) -> None:
    train = TRAIN.copy()
    train[:, 1] = level + 1e-15 * RNG.normal(size=len(train))
    later = TRAIN.copy()
    later[:, 1] = [0.0, 1e6] * 500
    scaler = fit_scaler(name, train)
    for values in (train, later):
        assert (scale(scaler, values)[:, 1] == 0).all()
    assert scale(scaler, later)[:, 0].std() > 0.3


def test_robust_scales_a_column_that_is_mostly_one_value_by_its_spread() -> None:
    train = TRAIN.copy()
    train[:, 1] = np.where(np.arange(1000) % 5 == 0, 0.02, 0.0)
    scaled = scale(fit_scaler("robust", train), train)[:, 1]
    assert set(scaled.tolist()) == {0.0, 1.0}


@pytest.mark.parametrize("name", NAMES)
def test_warm_up_rows_stay_nan(name: ScalerName) -> None:
    values = np.vstack([np.full((2, 3), np.nan), TRAIN[:2]])
    train = TRAIN.copy()
    train[:, 2] = 1.0
    scaled = scale(fit_scaler(name, train), values)
    assert np.isnan(scaled[:2]).all()
    assert np.isfinite(scaled[2:]).all()


def test_values_that_are_not_finite_are_refused_by_column() -> None:
    train = TRAIN.copy()
    train[0, 1] = np.nan
    with pytest.raises(FeatureError, match="others in sma_20"):
        fit_scaler("minmax", train, ["close", "sma_20", "rsi_14"])
    with pytest.raises(FeatureError, match="others in column 1"):
        fit_scaler("minmax", train)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("seed", range(8))
def test_what_is_fitted_and_scaled_is_scikit_learns_to_the_bit(name: ScalerName, seed: int) -> None:
    rng = np.random.default_rng(seed)
    columns = int(rng.integers(3, 12))
    train = rng.normal(
        rng.normal(0, 10, columns), 10.0 ** rng.integers(-8, 4, columns), (1 + 250 * seed, columns)
    )
    train[:, 0] = 1.5  # constant
    train[:, 1] = np.where(rng.random(len(train)) < 0.2, 0.02, 0.0)  # mostly one value
    train = np.asfortranarray(train) if seed % 2 else train
    expected = SCIKIT_LEARN[name].fit(train)
    fitted = fit_plainly(name, train)
    for attribute, numbers in fitted.items():
        np.testing.assert_array_equal(numbers, getattr(expected, attribute), attribute)
    later = rng.normal(0.3, 10, (500, columns))
    later[:3] = np.nan
    scaled = Scaler(name, fitted, len(train)).transform(later)
    np.testing.assert_array_equal(scaled, expected.transform(later))


def test_no_rows_and_another_number_of_columns_are_refused() -> None:
    with pytest.raises(FeatureError, match=r"shape \(0, 3\)"):
        fit_scaler("standard", TRAIN[:0])
    with pytest.raises(FeatureError, match=r"expected 3 input columns for this standard scaler"):
        scale(fit_scaler("standard", TRAIN), TRAIN[:, :2])


@pytest.mark.parametrize("name", NAMES)
def test_a_scaler_survives_pickling_and_leaves_the_values_alone(name: ScalerName) -> None:
    values = TRAIN.copy()
    scaler = fit_scaler(name, values)
    expected = scale(scaler, values)
    assert (values == TRAIN).all()
    copy = pickle.loads(pickle.dumps(scaler))
    np.testing.assert_array_equal(scale(copy, values), expected)
