import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from ml.evaluation.coverage import calm_and_wild, measure_coverage, volatility
from ml.evaluation.intervals import bands, calibrate, conformal_radius, fan, split_conformal, widths
from ml.features.windows import targets
from ml.forecasting.spec import AdaptiveConformal, Intervals, SplitConformal
from tests.ml.forecasting.test_forecaster import BARS, make_forecaster

Floats = NDArray[np.float64]

WALK = AdaptiveConformal(sigma=0.01)
FIXED = SplitConformal(radius_80=(0.1, 0.2), radius_95=(0.2, 0.3), windows=10)


def garch(count: int, seed: int) -> Floats:
    """Closes of a GARCH(1,1) with t(6) noise, as volatile as a stock and as slow to calm down."""
    rng = np.random.default_rng(seed)
    noise = rng.standard_t(6, count) / np.sqrt(1.5)
    variance, changes = 1e-4, np.empty(count)
    for index in range(count):
        changes[index] = np.sqrt(variance) * noise[index]
        variance = 1e-4 * 0.02 + 0.05 * changes[index] ** 2 + 0.93 * variance
    return np.asarray(100 * np.exp(np.cumsum(changes)))


def test_the_half_width_is_the_conformal_quantile() -> None:
    residuals = np.arange(1.0, 20.0)[:, None]  # 19 windows
    assert conformal_radius(residuals, 80).tolist() == [16.0]  # ceil(20 * 0.8)
    assert conformal_radius(residuals, 95).tolist() == [19.0]  # ceil(20 * 0.95)


def test_with_few_windows_the_largest_residual_is_taken() -> None:
    assert conformal_radius(np.array([[1.0], [-5.0], [2.0]]), 95).tolist() == [5.0]


def test_split_conformal_never_shrinks_with_the_step_and_widens_beyond_the_last_one() -> None:
    rng = np.random.default_rng(0)
    width = widths(split_conformal(rng.normal(0, 1, (100, 8))).radius_80, 40)
    assert (np.diff(width) >= 0).all()
    assert (np.diff(width[7:]) > 0).all()
    assert width[31] == pytest.approx(width[7] * 2)  # four times the steps, twice the width


@pytest.mark.parametrize("seed", [1, 2])
def test_the_past_s_bands_are_the_same_to_the_bit_whatever_comes_after(seed: int) -> None:
    close = garch(1300, seed)
    other = close.copy()
    other[1001:] *= np.exp(np.random.default_rng(9).normal(0, 0.3, 299))
    anchors = np.arange(900, 1001)
    one, two = bands(WALK, close, anchors, 60), bands(WALK, other, anchors, 60)
    assert one.radius_80.tobytes() == two.radius_80.tobytes()
    assert one.radius_95.tobytes() == two.radius_95.tobytes()
    assert not np.array_equal(
        bands(WALK, close, [1100], 5).radius_80, bands(WALK, other, [1100], 5).radius_80
    )


@pytest.mark.parametrize("steps", [1, 10, 37, 500])
def test_a_band_is_the_same_to_the_bit_judged_among_others_and_served_alone(steps: int) -> None:
    close = garch(4000, 3)
    judged = bands(WALK, close, np.arange(3000, 4000, 7), 10)
    for index in (0, 60, 142):
        anchor = 3000 + 7 * index
        served = bands(WALK, close[: anchor + 1], [anchor], steps)
        common = min(steps, 10)
        assert served.radius_80[0, :common].tobytes() == judged.radius_80[index, :common].tobytes()
        assert served.radius_95[0, :common].tobytes() == judged.radius_95[index, :common].tobytes()


def test_the_fan_is_the_forecast_with_the_bands_that_are_judged() -> None:
    forecaster = make_forecaster(BARS)
    last = len(BARS) - 1
    forecaster.spec = forecaster.spec.model_copy(update={"intervals": WALK})
    made = fan(forecaster, BARS, 30)
    close = BARS["close"].to_numpy(dtype=np.float64)
    judged = bands(WALK, close, np.arange(last - 50, last + 1), 30)
    path = forecaster.paths(BARS, [last], 30)[0]
    np.testing.assert_array_equal(made.point, close[last] * np.exp(path))
    np.testing.assert_array_equal(made.upper_80, close[last] * np.exp(path + judged.radius_80[-1]))
    np.testing.assert_array_equal(made.lower_95, close[last] * np.exp(path - judged.radius_95[-1]))
    assert (made.lower_95 < made.lower_80).all()
    assert (made.upper_80 < made.upper_95).all()


def test_bands_never_shrink_with_the_step_nor_from_80_to_95_percent() -> None:
    narrowing = AdaptiveConformal(sigma=0.01, ratio=tuple(np.linspace(1, 0.4, 10).tolist()))
    for seed in range(4):
        made = bands(narrowing, garch(700, seed), np.arange(1, 700, 9), 300)
        assert (np.diff(made.radius_80, axis=1) >= 0).all()
        assert (np.diff(made.radius_95, axis=1) >= 0).all()
        assert (made.radius_80 <= made.radius_95).all()
        assert (made.radius_80 > 0).all()


def test_coverage_on_garch_is_what_is_promised_in_calm_and_in_wild_times() -> None:
    measured = []
    for seed in range(12):
        close = garch(2600, seed)
        anchors = np.arange(1100, 2590)
        measured.append(measure_coverage(WALK, close, anchors, targets(close, anchors, 10)))
    for level in (80, 95):
        by_step = np.mean([getattr(each, f"by_step_{level}") for each in measured], axis=0)
        assert by_step == pytest.approx(np.full(10, level / 100), abs=0.02)
        for part in ("calm", "wild"):
            share = np.mean([getattr(each, f"{part}_{level}") for each in measured])
            assert share == pytest.approx(level / 100, abs=0.05)


def test_bands_widen_when_volatility_rises_and_fixed_ones_do_not() -> None:
    moves = np.random.default_rng(4).normal(0, 0.01, 1000)
    moves[900:] *= 4
    close = 100 * np.exp(np.cumsum(moves))
    before, after = bands(WALK, close, [899, 960], 5).radius_80
    assert (after > 1.7 * before).all()
    before, after = bands(FIXED, close, [899, 960], 5).radius_80
    np.testing.assert_array_equal(before, after)


def test_older_models_keep_their_fixed_half_widths() -> None:
    made = bands(FIXED, garch(50, 1), [49, 20, 20], 8)
    np.testing.assert_array_equal(made.radius_80, np.tile(widths(FIXED.radius_80, 8), (3, 1)))
    read: Intervals = TypeAdapter(Intervals).validate_json(FIXED.model_dump_json(), strict=True)
    assert read == FIXED


def test_one_bar_gets_the_bands_of_a_normal_walk_of_the_training_volatility() -> None:
    made = bands(WALK, np.array([50.0]), [0], 100)
    assert made.radius_80[0, [0, 8, 99]] == pytest.approx(0.0128155 * np.array([1, 3, 10]), rel=1e-2)
    assert made.radius_95[0, [0, 8, 99]] == pytest.approx(0.0195996 * np.array([1, 3, 10]), rel=1e-2)


def test_short_histories_have_finite_growing_bands() -> None:
    close = garch(30, 5)
    made = bands(WALK, close, np.arange(30), 500)
    assert np.isfinite(made.radius_95).all()
    assert (made.radius_80[:, -1] > made.radius_80[:, 0]).all()


@pytest.mark.parametrize("jump", [1.0, 3.0, 1 / 3])
def test_constant_stretches_and_one_bar_jumps_leave_the_bands_finite_and_positive(jump: float) -> None:
    close = garch(2500, 6)
    close[400:1900] = close[400]  # longer than what is remembered
    close[2300:] *= jump
    made = bands(WALK, close, np.arange(300, 2500, 10), 100)
    assert np.isfinite(made.radius_95).all()
    assert (made.radius_80 > 0).all()
    # One jump among hundreds of bars is no new normal: a step is back below twice its width of before.
    before, after = bands(WALK, close, [2290, 2499], 1).radius_80[:, 0]
    assert after < 2 * before


def test_anchors_may_come_in_any_order_and_none_is_none() -> None:
    close = garch(600, 7)
    straight, turned = bands(WALK, close, [400, 500, 599], 7), bands(WALK, close, [599, 400, 500], 7)
    np.testing.assert_array_equal(straight.radius_80[[2, 0, 1]], turned.radius_80)
    assert bands(WALK, close, [], 7).radius_95.shape == (0, 7)


def test_a_skilled_model_has_narrower_bands_which_become_the_walk_s_beyond_its_horizon() -> None:
    rng = np.random.default_rng(8)
    changes = rng.normal(0, 0.01, (80, 4))
    skilled = calibrate(changes * np.array([0.6, 0.7, 0.8, 0.9]), changes, 0.01)
    assert skilled.ratio == pytest.approx((0.6, 0.7, 0.8, 0.9))
    close = garch(1200, 8)
    model, walk = (bands(each, close, [1199], 400).radius_80[0] for each in (skilled, WALK))
    assert model[:4] / walk[:4] == pytest.approx(skilled.ratio)
    assert model[399] / walk[399] == pytest.approx(1.0, abs=0.002)
    assert skilled.plain == split_conformal(changes * np.array([0.6, 0.7, 0.8, 0.9]))


def test_the_ratio_of_few_windows_is_bounded() -> None:
    changes = np.array([[0.01, 0.0], [0.02, 0.0]])
    assert calibrate(changes * 9, changes, 0.01).ratio == (2.0, 1.0)
    assert calibrate(changes * 0, changes, 0.01).ratio == (0.5, 1.0)


@pytest.mark.parametrize(
    "wrong",
    [
        {"sigma": 0.0},
        {"ratio": ()},
        {"ratio": (0.01,)},
        {"ratio": (1.0,) * 501},
        {"long": 10**6},
        {"fade": 1.0},
        {"scores": 10**9},
        {"unknown": 1},
    ],
)
def test_stored_intervals_out_of_bounds_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        AdaptiveConformal.model_validate({"sigma": 0.01, **wrong})


def test_volatility_is_that_of_the_last_twenty_bars_and_its_fifths_are_fifths() -> None:
    close = garch(500, 9)
    moves = np.diff(np.log(close))
    known = volatility(close)
    assert known[[1, 7, 300]] == pytest.approx(
        [abs(moves[0]), np.sqrt((moves[:7] ** 2).mean()), np.sqrt((moves[280:300] ** 2).mean())]
    )
    anchors = np.arange(100, 500)
    calm, wild = calm_and_wild(close, anchors)
    assert (calm.sum(), wild.sum()) == (80, 80)
    assert known[anchors][calm].max() < known[anchors][wild].min()


def test_the_judge_s_coverage_stands_beside_that_of_plain_split_conformal() -> None:
    close = garch(900, 10)
    held, anchors = np.arange(400, 600), np.arange(610, 890)
    changes = targets(close, held, 5)
    made = measure_coverage(
        calibrate(changes, changes, 0.01), close, anchors, targets(close, anchors, 5)
    )
    figures = made.figures()
    inside = np.abs(targets(close, anchors, 5)) <= bands(WALK, close, anchors, 5).radius_80
    assert figures["coverage_80"] == pytest.approx(inside.mean())
    assert figures["coverage_80_by_step"] == pytest.approx(inside.mean(axis=0).tolist())
    calm, wild = calm_and_wild(close, anchors)
    assert figures["coverage_80_calm"] == pytest.approx(inside[calm].mean())
    assert figures["coverage_80_wild"] == pytest.approx(inside[wild].mean())
    fixed = conformal_radius(changes, 80)
    assert figures["plain_width_80"] == pytest.approx(fixed.mean())
    assert figures["plain_coverage_80"] == pytest.approx(
        (np.abs(targets(close, anchors, 5)) <= fixed).mean()
    )
    assert measure_coverage(FIXED, close, anchors, targets(close, anchors, 2)).plain is None
