from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from apps.ui.chart_style import label
from apps.ui.charts import Mark, changes_figure, marks, price_figure, tiled
from apps.ui.theme import DARK, LIGHT

CLOSES = [100.0, 102.0, 101.0, 103.0, 104.0, 102.0, 105.0, 106.0]


def stamp(day: int) -> str:
    return f"{datetime(2024, 3, 1, tzinfo=UTC) + timedelta(days=day):%Y-%m-%dT%H:%M:%SZ}"


def bars() -> dict[str, Any]:
    return {
        "timestamp": [stamp(day) for day in range(len(CLOSES))],
        "open": CLOSES,
        "high": [close + 1 for close in CLOSES],
        "low": [close - 1 for close in CLOSES],
        "close": CLOSES,
    }


def step(number: int, day: int, price: float, actual: float | None = None) -> dict[str, Any]:
    sides = {
        f"{side}_{level}": price + sign * width
        for level, width in ((80, 2.0), (95, 4.0))
        for side, sign in (("lower", -1), ("upper", 1))
    }
    stamps = {"timestamp": stamp(day), "due": stamp(day)}
    return {"step": number, "forecast": price, "actual": actual, **stamps, **sides}


def forecast(steps: int = 3) -> dict[str, Any]:
    last = len(CLOSES) - 1
    band = {
        "lower_80": [104.5] * steps,
        "upper_80": [107.5] * steps,
        "lower_95": [102.5] * steps,
        "upper_95": [109.5] * steps,
    }
    return {
        "asof": stamp(last),
        "last_close": CLOSES[-1],
        "steps": [step(one, last + one, 106.5) for one in range(1, steps + 1)],
        "walk": band,
    }


def made(day: int, steps: int) -> dict[str, Any]:
    """A forecast after the bar of a day, of which the bars that there are have come."""
    ahead = []
    for one in range(1, steps + 1):
        came = CLOSES[day + one] if day + one < len(CLOSES) else None
        ahead.append(step(one, day + one, CLOSES[day], came))
    return {"asof": stamp(day), "last_close": CLOSES[day], "steps": ahead}


def named(figure: Any, name: str) -> list[Any]:
    return [trace for trace in figure.data if trace.name == name]


def test_the_fan_starts_at_the_last_close_and_ends_at_the_last_step() -> None:
    figure = price_figure(bars(), forecast(), [], [], [80, 95], LIGHT)
    (line,) = named(figure, "Forecast")
    assert line.x[0] == label(stamp(len(CLOSES) - 1))
    assert line.x[-1] == label(stamp(len(CLOSES) + 2))
    assert list(line.y) == [106.0, 106.5, 106.5, 106.5]


def test_the_random_walk_and_its_band_are_always_beside_the_model() -> None:
    figure = price_figure(bars(), forecast(), [], [], [80], LIGHT)
    walk = named(figure, "Random walk and its band")
    assert [list(one.y) for one in walk] == [
        [106.0, 107.5, 107.5, 107.5],
        [106.0, 104.5, 104.5, 104.5],
        [106.0] * 4,
    ]


@pytest.mark.parametrize(
    ("levels", "bands"), [([80], {"80% band"}), ([80, 95], {"80% band", "95% band"})]
)
def test_only_the_bands_asked_for_are_drawn(levels: list[int], bands: set[str]) -> None:
    figure = price_figure(bars(), forecast(), [], [], levels, DARK)
    assert {trace.name for trace in figure.data if trace.name and "% band" in trace.name} == bands


def test_every_bar_and_every_step_has_its_own_place_on_the_axis() -> None:
    figure = price_figure(bars(), forecast(), [], [], [80], LIGHT)
    places = figure.layout.xaxis.categoryarray
    assert len(places) == len(set(places)) == len(CLOSES) + 3


def test_intraday_bars_of_one_day_do_not_fall_together() -> None:
    assert label("2024-03-01T09:30:00Z") != label("2024-03-01T10:30:00Z")


def test_past_forecasts_that_overlap_are_left_out_and_what_has_not_come_is_not_drawn() -> None:
    past = [made(day, 2) for day in range(6, -1, -1)]
    known = set(bars()["timestamp"])
    chosen = tiled(past, known)
    assert [one["asof"] for one in chosen] == [stamp(6), stamp(4), stamp(2), stamp(0)]
    assert len(chosen[0]["steps"]) == 1  # its second bar is still to come


def test_a_past_forecast_from_before_the_axis_is_left_out() -> None:
    assert tiled([made(2, 2)], {stamp(day) for day in range(3, 8)}) == []


def test_promotions_are_marked_where_they_fall_on_the_axis_and_nowhere_else() -> None:
    marks = [
        Mark(stamp(-5), "before"),
        Mark("2024-03-03T12:00:00Z", "gru serves"),
        Mark(stamp(99), "later"),
    ]
    figure = price_figure(bars(), forecast(), [], marks, [80], LIGHT)
    assert [note.text for note in figure.layout.annotations] == ["gru serves"]
    assert figure.layout.shapes[0].x0 == 3  # the first bar at or after it


def test_without_a_model_there_are_candles_alone() -> None:
    figure = price_figure(bars(), None, [], [], [80], LIGHT)
    assert [trace.type for trace in figure.data] == ["candlestick"]


def test_changes_are_shares_of_the_bar_before() -> None:
    figure = changes_figure(bars(), forecast(1), LIGHT)
    (came,) = named(figure, "What came")
    assert came.y[0] == pytest.approx(0.02)
    (ahead,) = named(figure, "Forecast")
    assert list(ahead.y) == pytest.approx([106.5 / 106 - 1])


def event(version: str, at: str, what: str = "promoted") -> dict[str, Any]:
    return {"version": version, "at": at, "event": what, "model": f"model {version}"}


def test_a_version_is_marked_where_it_was_promoted_or_where_its_replayed_forecasts_begin() -> None:
    history = [
        event("b", "2024-06-01T00:00:00Z", "rolled_back"),
        event("d", "2024-05-01T00:00:00Z", "rejected"),
        event("c", "2024-04-01T00:00:00Z"),
        event("b", "2024-03-05T10:00:00Z"),
    ]
    began = {"a": "2024-01-01T00:00:00Z", "b": "2024-03-06T00:00:00Z", "c": "2024-02-01T00:00:00Z"}
    score = {"versions": [{"version": one, "model": one, "first": at} for one, at in began.items()]}
    assert marks({"history": history}, score) == [
        Mark("2024-01-01T00:00:00Z", "a served"),
        Mark("2024-02-01T00:00:00Z", "Promoted model c"),
        Mark("2024-03-05T10:00:00Z", "Promoted model b"),
        Mark("2024-06-01T00:00:00Z", "Rolled back to model b"),
    ]
