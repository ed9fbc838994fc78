import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from ml.config import Settings
from ml.inference.champions import Champions
from ml.inference.sources import SeriesBars
from ml.series import SeriesKey
from tests.ml.inference.worlds import AAPL
from tests.synthetic import make_bars

WEDNESDAY = datetime(2020, 1, 1, tzinfo=UTC)


def weekdays(count: int = 30) -> SeriesBars:
    """Daily bars from Wednesday on, of a market that is open on every weekday."""
    return SeriesBars.of(SeriesKey.of("EURUSD", "1d"), make_bars(count), "fx")


@pytest.mark.parametrize(
    ("days", "missing"),
    [(0.0, 0), (1.9, 0), (2.0, 1), (3.5, 2), (5.0, 3), (6.5, 3), (7.0, 4), (2000.0, 500)],
)
def test_overdue_are_the_bars_that_are_over_and_have_not_come(days: float, missing: int) -> None:
    series = weekdays()
    last = series.asof  # a Tuesday: Wednesday's bar is over when Thursday begins, two days later
    assert last.strftime("%A") == "Tuesday"
    assert series.overdue(last + timedelta(days=days)) == missing


def test_bars_of_a_clock_that_is_behind_are_not_overdue() -> None:
    assert weekdays().overdue(WEDNESDAY - timedelta(days=400)) == 0


def test_months_are_counted_too() -> None:
    series = SeriesBars.of(SeriesKey.of("X", "1mo"), make_bars(40, freq="MS"), "24/7")
    assert series.overdue(series.asof + timedelta(days=50)) == 0
    assert series.overdue(series.asof + timedelta(days=63)) == 1


def test_the_walk_is_found_out_once_for_models_of_the_same_bars(settings: Settings) -> None:
    meta = Champions(settings.models_dir).load(AAPL).meta
    series = SeriesBars.of(AAPL, make_bars(), "24/7")
    first = series.walk(meta, 5)
    assert series.walk(meta.model_copy(update={"generation": 9}), 5) is first
    wilder = meta.model_copy(
        update={"target": meta.target.model_copy(update={"sigma": 2 * meta.target.sigma})}
    )
    for other in (series.walk(wilder, 5), series.walk(meta, 6)):
        assert other is not first
    for steps in range(1, 100):  # what a client asks for does not pile up
        assert len(series.walk(meta, steps).point) == steps
    assert len(series._walks) <= 64


def test_threads_that_ask_at_once_load_a_champion_once(settings: Settings) -> None:
    champions, ready = Champions(settings.models_dir), threading.Barrier(6)

    def load() -> int:
        ready.wait(10)
        return id(champions.load(AAPL))

    with ThreadPoolExecutor(6) as pool:
        assert len({one.result(30) for one in [pool.submit(load) for _ in range(6)]}) == 1
