import numpy as np
import pytest

from benchmarks import signals
from benchmarks.signals import Generator, Signal

HORIZON = 10
KNOWN = [signals.autoregression, signals.weekday, signals.switching_drift]
WALKS = [signals.random_walk, signals.garch]


def changes(signal: Signal, steps: int = 1) -> np.ndarray:
    """Log changes from each bar over so many steps, NaN where the series ends."""
    log_close = np.log(signal.bars["close"].to_numpy())
    found = np.full(len(log_close), np.nan)
    found[:-steps] = log_close[steps:] - log_close[:-steps]
    return found


def explained(signal: Signal, gain: float, steps: int) -> float:
    """Share of the squared changes that the truth, times a factor, explains."""
    happened, said = changes(signal, steps)[:-steps], gain * signal.truth[:-steps, steps - 1]
    return float(1 - ((happened - said) ** 2).sum() / (happened**2).sum())


@pytest.mark.parametrize("generate", [*KNOWN, *WALKS])
def test_a_seed_gives_the_same_normalised_bars_and_another_seed_others(generate: Generator) -> None:
    one, again, other = (generate(300, HORIZON, seed) for seed in (1, 1, 2))
    assert one.bars.equals(again.bars)
    assert np.array_equal(one.truth, again.truth)
    assert not one.bars["close"].equals(other.bars["close"])
    bars = one.bars
    assert one.truth.shape == (300, HORIZON)
    assert set(bars["timestamp"].dt.day_of_week) == {0, 1, 2, 3, 4}
    assert (bars["high"] >= bars[["open", "close"]].max(axis=1)).all()
    assert (bars["low"] <= bars[["open", "close"]].min(axis=1)).all()


@pytest.mark.parametrize("generate", WALKS)
def test_nothing_can_be_known_of_a_random_walk(generate: Generator) -> None:
    signal = generate(20_000, HORIZON, 3)
    moved = changes(signal)[:-1]
    assert not signal.truth.any()
    assert moved.std() == pytest.approx(signals.SIGMA, rel=0.1)
    assert abs(np.corrcoef(moved[1:], moved[:-1])[0, 1]) < 0.04


def test_garch_has_volatility_that_lasts_and_heavy_tails_and_the_plain_walk_has_not() -> None:
    plain, garch = (changes(generate(20_000, 1, 3))[:-1] for generate in WALKS)
    for moved, lasting in ((plain, False), (garch, True)):
        size = np.abs(moved)
        assert (np.corrcoef(size[10:], size[:-10])[0, 1] > 0.08) == lasting
        assert (((moved / moved.std()) ** 4).mean() > 4) == lasting


def test_an_autoregression_has_its_phi() -> None:
    moved = changes(signals.autoregression(20_000, 1, 3))[:-1]
    assert np.corrcoef(moved[1:], moved[:-1])[0, 1] == pytest.approx(signals.PHI, abs=0.03)


def test_a_week_explains_as_much_of_the_next_bar_as_an_autoregression() -> None:
    for generate in (signals.autoregression, signals.weekday):
        assert explained(generate(50_000, 1, 3), 1.0, 1) == pytest.approx(0.085, abs=0.015)


def test_states_last_as_long_as_said_and_the_filter_is_calibrated() -> None:
    signal = signals.switching_drift(50_000, 1, 3)
    # Of the bars after which a rise was said to be so likely, as many rose on the mean as follows.
    said = signal.truth[:-1, 0] / signals.SIGMA
    happened = changes(signal)[:-1] / signals.SIGMA
    for low, high in ((-0.5, -0.3), (-0.3, 0.0), (0.0, 0.3), (0.3, 0.5)):
        chosen = (said >= low) & (said < high)
        error = 4 / np.sqrt(chosen.sum())
        assert happened[chosen].mean() == pytest.approx(said[chosen].mean(), abs=error)


@pytest.mark.parametrize("generate", KNOWN)
@pytest.mark.parametrize("steps", [1, 3, 8])
def test_no_bolder_or_meeker_forecast_than_the_truth_is_better(generate: Generator, steps: int) -> None:
    signal = generate(50_000, HORIZON, 4)
    truth = explained(signal, 1.0, steps)
    assert truth > 0.01
    for gain in (0.6, 1.4):
        assert explained(signal, gain, steps) < truth


@pytest.mark.parametrize("generate", KNOWN)
def test_what_the_truth_leaves_unexplained_has_no_memory(generate: Generator) -> None:
    signal = generate(50_000, 1, 4)
    left = changes(signal)[:-1] - signal.truth[:-1, 0]
    for lag in (1, 2, 5):
        assert abs(np.corrcoef(left[lag:], left[:-lag])[0, 1]) < 0.02


@pytest.mark.parametrize("generate", KNOWN)
def test_the_truth_knows_no_later_bar(generate: Generator) -> None:
    whole = generate(400, HORIZON, 5)
    if generate is signals.switching_drift:
        moved = np.log(whole.bars["close"].to_numpy() / whole.bars["open"].to_numpy()) / signals.SIGMA
        assert np.array_equal(signals.filtered(moved)[:200], signals.filtered(moved[:200]))
    if generate is signals.autoregression:
        moved = np.log(whole.bars["close"].to_numpy() / whole.bars["open"].to_numpy())
        np.testing.assert_allclose(whole.truth[:, 0], signals.PHI * moved)
    if generate is signals.weekday:
        days = whole.bars["timestamp"].dt.day_of_week.to_numpy()
        same = whole.truth[days == 2]
        np.testing.assert_allclose(same, np.broadcast_to(same[0], same.shape))
