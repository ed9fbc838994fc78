import numpy as np
import pandas as pd
import pytest

from ml.features.calendar import FloatArray
from ml.features.indicators import compute_features
from ml.features.leakage import find_leak
from ml.features.registry import REGISTRY, Indicator, Kind, Parameter
from tests.ml.features.bars import EVERY_FEATURE, make_bars


@pytest.mark.parametrize("seed", range(100))
def test_no_feature_of_the_past_changes_by_a_bit_when_the_future_does(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n_bars = int(rng.integers(180, 320))
    bars = make_bars(n_bars, seed, freq=str(rng.choice(["D", "h", "min"])))
    cut = int(rng.integers(0, n_bars - 1))
    assert find_leak(EVERY_FEATURE, bars, [cut], rng) == []


def test_no_feature_leaks_at_any_bar_of_a_series_with_flat_and_silent_stretches() -> None:
    bars = make_bars(250, seed=11)
    bars.loc[60:110, ["open", "high", "low", "close"]] = 0.1
    bars.loc[80:140, "volume"] = 0.0
    bars.loc[141:143, "volume"] = np.nan
    assert find_leak(EVERY_FEATURE, bars, range(0, 249, 17), np.random.default_rng(1)) == []


def test_a_volume_that_begins_late_is_no_leak() -> None:
    bars = make_bars(250, seed=2)
    bars.loc[:200, "volume"] = np.nan
    assert find_leak(EVERY_FEATURE, bars, [100, 199, 220], np.random.default_rng(1)) == []


def _centred_mean(close: FloatArray, period: int) -> FloatArray:
    mean: FloatArray = pd.Series(close).rolling(period, center=True).mean().to_numpy()
    return mean


def _share_of_all(close: FloatArray) -> FloatArray:
    return close / np.mean(close)


def _tomorrow(close: FloatArray) -> FloatArray:
    return np.append(close[1:], close[-1])


PLANTED = {
    "centred_5": Indicator(
        "centred_5", "", _centred_mean, ("close",), Kind.LEVEL, (Parameter("period"),)
    ),
    "whole": Indicator("whole", "", _share_of_all, ("close",), Kind.PLAIN),
    "tomorrow": Indicator("tomorrow", "", _tomorrow, ("close",), Kind.LEVEL),
}


@pytest.mark.parametrize("name", PLANTED)
@pytest.mark.parametrize("seed", range(5))
def test_a_planted_leak_is_found_by_name(name: str, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(REGISTRY, PLANTED[name].name, PLANTED[name])
    bars = make_bars(200, seed)
    leaks = find_leak(
        ["close", name, "rsi_14"], bars, [150], np.random.default_rng(seed), compute_features
    )
    assert leaks == [name]


def test_a_leak_into_the_inputs_is_found_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(REGISTRY, "whole", PLANTED["whole"])
    leaks = find_leak(["whole", "close"], make_bars(200), [120], np.random.default_rng(0))
    assert leaks == ["whole", "input whole"]


def test_scaling_by_all_rows_is_found_and_by_past_rows_is_not() -> None:
    def by_all(bars: pd.DataFrame, features: object) -> pd.DataFrame:
        close = bars["close"]
        return pd.DataFrame({"all": close / close.max(), "past": close / close.cummax()})

    # The highest close of all is made to come after the cut.
    bars = make_bars(100)
    bars.loc[90, ["open", "high", "low", "close"]] *= 10
    assert find_leak([], bars, [50], np.random.default_rng(0), by_all) == ["all"]
