import numpy as np
import pandas as pd
import pytest

from ml.data.suspects import find_suspects


def walk(n: int = 400, sigma: float = 0.015, seed: int = 1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    close = 80 * np.exp(np.cumsum(rng.normal(0, sigma, n)))
    open_ = np.r_[80, close[:-1]] * np.exp(rng.normal(0, sigma / 5, n))
    spread = 1 + np.abs(rng.normal(0, sigma / 3, (2, n)))
    return pd.DataFrame(
        {
            "timestamp": pd.date_range("2020-01-01", periods=n, freq="1D", tz="UTC").as_unit("ns"),
            "open": open_,
            "high": np.maximum(open_, close) * spread[0],
            "low": np.minimum(open_, close) / spread[1],
            "close": close,
            "volume": 1000.0,
        }
    )


def scale(bars: pd.DataFrame, rows: slice | int, factor: float, *columns: str) -> pd.DataFrame:
    bars = bars.copy()
    names = list(columns) or ["open", "high", "low", "close"]
    at = bars.index[rows] if isinstance(rows, slice) else [rows]
    bars.loc[at, names] *= factor
    return bars


def found(bars: pd.DataFrame) -> list[int]:
    suspects = find_suspects(bars)
    assert str(suspects.dtype) == "datetime64[ns, UTC]"
    return bars.index[bars["timestamp"].isin(suspects)].tolist()


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("sigma", [0.0005, 0.01, 0.05, 0.1])
def test_a_random_walk_is_not_suspect_however_wild(sigma: float, seed: int) -> None:
    assert found(walk(2000, sigma, seed)) == []


@pytest.mark.parametrize("factor", [100, 0.01, 1000, 10, 0.1])
@pytest.mark.parametrize("at", [0, 1, 200, 399])
def test_a_bar_in_another_unit_is_suspect(factor: float, at: int) -> None:
    assert found(scale(walk(), at, factor)) == [at]


@pytest.mark.parametrize(
    ("column", "factor"), [("low", 0.01), ("high", 100), ("low", 0.1), ("high", 10)]
)
def test_a_single_price_that_strays_is_suspect(column: str, factor: float) -> None:
    assert found(scale(walk(), 200, factor, column)) == [200]


@pytest.mark.parametrize("rows", [slice(50, 59), slice(200, 300), slice(0, 40), slice(390, 400)])
def test_a_block_in_another_unit_is_suspect_whole(rows: slice) -> None:
    assert found(scale(walk(), rows, 100)) == list(range(*rows.indices(400)))


def test_most_bars_have_the_right_unit() -> None:
    assert found(scale(walk(), slice(100, 400), 100)) == list(range(100))


@pytest.mark.parametrize("factor", [1 / 2, 1 / 3, 2, 1 / 10, 10, 1 / 20])
def test_a_split_left_in_is_suspect_at_its_first_bar(factor: float) -> None:
    assert found(scale(walk(), slice(250, 400), factor)) == [250]


def test_a_crash_within_the_day_is_no_split() -> None:
    bars = walk()
    opened = bars["open"].iloc[250]
    bars = scale(bars, slice(250, 400), 0.5)
    bars.loc[250, ["open", "high"]] = [opened, opened * 1.01]
    assert found(bars) == []


def test_a_step_of_no_splits_ratio_is_none() -> None:
    for factor in (0.7, 1 / 2.31, 1 / 2.66, 1.5):
        assert found(scale(walk(), slice(250, 400), factor)) == []


def test_a_market_that_doubles_every_other_day_has_no_splits() -> None:
    assert found(scale(walk(400, 0.35, 3), slice(250, 400), 0.5)) == []


def test_bars_that_do_not_move_and_no_bars_are_not_suspect() -> None:
    flat = walk()
    flat[["open", "high", "low", "close"]] = 5.0
    assert found(flat) == []
    assert found(flat.head(1)) == []
    assert found(flat.head(0)) == []


def test_a_price_that_jumps_between_two_ticks_is_not_suspect() -> None:
    ticks = walk()
    price = np.where(np.arange(400) % 3 == 0, 0.0001, 0.0002)
    for name in ("open", "high", "low", "close"):
        ticks[name] = price
    assert found(ticks) == []


def test_a_split_that_adjusted_closes_correct_is_no_accident_and_one_that_they_show_is() -> None:
    whole = walk()
    bars = scale(whole, slice(250, 400), 0.5)
    corrected = whole["close"].to_numpy() * 0.9
    assert find_suspects(bars, corrected).empty
    assert find_suspects(bars, bars["close"].to_numpy() * 0.9).tolist() == [bars["timestamp"][250]]
    assert find_suspects(bars, np.full(400, np.nan)).tolist() == [bars["timestamp"][250]]
    slipped = scale(bars, 100, 100)
    assert find_suspects(slipped, corrected).tolist() == [bars["timestamp"][100]], (
        "only splits are excused"
    )
