"""Answers are checked before they are judged."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.peers.exchange import Protocol, read_answer, read_task, write_answer, write_task
from benchmarks.peers.universe import spread
from tests.benchmarks.peers.worlds import make_account, make_series


def test_a_task_comes_back_as_it_was_written_in_its_order(tmp_path: Path) -> None:
    closes = {"ZZZ_1d": make_series(seed=1).close, "AAA_1d": make_series(seed=2).close}
    write_task(tmp_path, Protocol(steps=12), closes)
    found = read_task(tmp_path)
    assert [one.name for one in found] == ["ZZZ_1d", "AAA_1d"]
    assert all(np.array_equal(one.close, closes[one.name]) for one in found)
    assert found[0].protocol == Protocol(steps=12)


def test_an_answer_comes_back_as_it_was_written(tmp_path: Path) -> None:
    series = make_series()
    forecast = np.ones((len(series.anchors), 10))
    write_answer(tmp_path, {"AAA_1d": forecast}, make_account("AAA_1d"))
    forecasts, account = read_answer(tmp_path, [series])
    assert np.array_equal(forecasts["AAA_1d"], forecast)
    assert account == make_account("AAA_1d")


@pytest.mark.parametrize("wrong", ["missing", "too few windows", "not a number"])
def test_an_answer_that_is_not_for_the_same_windows_is_refused(tmp_path: Path, wrong: str) -> None:
    series = make_series()
    forecast = np.ones((len(series.anchors) - (wrong == "too few windows"), 10))
    forecast[3, 3] = np.nan if wrong == "not a number" else 1.0
    name = "BBB_1d" if wrong == "missing" else "AAA_1d"
    write_answer(tmp_path, {name: forecast}, make_account(name))
    with pytest.raises(ValueError, match=r"AAA_1d: expected finite \(50, 10\)"):
        read_answer(tmp_path, [series])


def test_series_are_spread_evenly_over_a_folder() -> None:
    assert spread("abcdefghij", 3) == ["a", "d", "g"]
    assert spread("abc", 3) == spread("abc", 0) == ["a", "b", "c"]
