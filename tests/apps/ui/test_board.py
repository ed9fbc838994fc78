from typing import Any

import pytest

from apps.ui.board import line, spark
from apps.ui.overview import summary

ROW: dict[str, Any] = {
    "ticker": "BTC/USD",
    "interval": "1d",
    "last": "2021-02-23T00:00:00Z",
    "last_close": 92.8,
    "change": -0.0013,
    "spark": [1.0, 3.0, 2.0],
    "promoted": True,
    "model": "lstm",
    "skill": 0.04,
    "proven": True,
    "standing": "better",
    "verdict": "promoted",
    "horizon": 4,
    "forecast_change": 0.012,
    "direction": "up",
    "overdue_bars": 0,
    "live": None,
    "alerts": [],
}


def test_a_row_links_to_its_series_in_words_and_figures() -> None:
    shown = line(ROW)
    assert shown["href"] == "series?series=BTC%2FUSD_1d"
    assert (shown["forecast"], shown["forecast_note"]) == ("↗ +1.2%", "in 4 bars")
    assert (shown["skill"], shown["verdict"]) == ("+4.0%", "Better than the random walk")
    assert shown["fresh_note"] == "up to date"


def test_a_forecast_without_proof_has_no_arrow_and_no_figure() -> None:
    shown = line({**ROW, "proven": False, "standing": "undecided", "direction": "none"})
    assert (shown["forecast"], shown["direction"], shown["forecast_by"]) == ("no signal", "none", None)


@pytest.mark.parametrize(
    ("change", "said", "direction"),
    [
        (0.0003, "↗ +0.03%", "up"),
        (-0.0003, "↘ −0.03%", "down"),
        (0.00001, "no change", "none"),
        (None, "to come", "none"),
    ],
)
def test_an_arrow_stands_beside_a_change_that_can_be_seen(
    change: float | None, said: str, direction: str
) -> None:
    way = "none" if change is None else "up" if change > 0 else "down"
    shown = line({**ROW, "forecast_change": change, "direction": way})
    assert (shown["forecast"], shown["direction"]) == (said, direction)


def test_a_series_without_a_model_has_no_verdict_but_how_old_it_is() -> None:
    nothing = {"promoted": False, "model": "", "proven": False, "standing": "", "direction": "none"}
    shown = line({**ROW, **nothing, "skill": None, "forecast_change": None})
    assert (shown["verdict"], shown["forecast"], shown["skill"]) == ("No model yet", "–", "–")
    assert shown["fresh_note"].endswith("ago")


def test_a_damaged_model_is_not_told_as_none() -> None:
    alert = {"kind": "damaged", "words": "not a valid meta.json", "hint": "roll back"}
    shown = line({**ROW, "model": "", "proven": False, "standing": "", "alerts": [alert]})
    assert shown["verdict"] == "Model cannot be read"
    assert shown["alerts"] == [{"title": "Model damaged", **alert}]


@pytest.mark.parametrize(
    ("verdict", "said"), [("forced", "by hand"), ("rolled_back", "rollback"), ("demoted", "last close")]
)
def test_a_champion_that_serves_by_something_else_than_evidence_says_so(verdict: str, said: str) -> None:
    assert said in line({**ROW, "verdict": verdict})["verdict_note"]


def test_live_skill_stands_beside_the_verdict_with_its_count() -> None:
    live = {"skill": -0.02, "coverage_80": 0.7, "forecasts": 8}
    assert line({**ROW, "live": live})["verdict_note"] == "live −2.0% over 8 forecasts"


def test_a_spark_fills_its_height_and_survives_too_few_or_equal_closes() -> None:
    assert spark([1.0, 3.0, 2.0]) == [28, 0, 14]
    assert spark([5.0, 5.0]) == [14, 14]
    assert spark([5.0]) == spark([]) == []


def test_the_summary_counts_what_is_proven() -> None:
    other = {**ROW, "standing": "not_worse"}
    bare = {**ROW, "promoted": False, "standing": ""}
    assert summary([ROW, other], 0) == "2 series, 2 models: 1 proven to beat the random walk."
    assert summary([other], 1).endswith(
        "none is proven to beat the random walk. 1 series still being read."
    )
    assert summary([bare], 0) == "1 series, none of which has a model yet."
    assert summary([bare], 1).endswith("has a model yet. 1 series still being read.")
