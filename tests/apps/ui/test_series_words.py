from typing import Any

import pytest

from apps.ui import series_words


def forecast(*, proven: bool, price: float = 101.5) -> dict[str, Any]:
    last = {
        "step": 10,
        "timestamp": "2024-03-15T00:00:00Z",
        "forecast": price,
        "lower_80": 95.0,
        "upper_80": 108.0,
    }
    return {"proven": proven, "last_close": 100.0, "steps": [{}, last]}


def test_a_proven_model_says_what_it_expects_and_how_far_off_it_may_be() -> None:
    said = series_words.outlook(forecast(proven=True), 80)
    assert said == (
        "In 10 bars, by 15 Mar 2024, the model expects **101.50**, 1.50% above the last close; "
        "8 of 10 outcomes should land between **95.00** and **108.00**."
    )


def test_a_model_that_is_not_proven_gives_no_signal() -> None:
    said = series_words.outlook(forecast(proven=False), 80)
    assert said.startswith("**No signal.**")
    assert "101.50" not in said


def test_no_change_is_neither_above_nor_below() -> None:
    said = series_words.outlook(forecast(proven=True, price=100.0), 80)
    assert "expects the last close;" in said


def score() -> dict[str, Any]:
    version = {
        "version": "b",
        "forecasts": 12,
        "steps": 120,
        "skill": -0.02,
        "coverage_80": 0.76,
        "coverage_95": 0.97,
    }
    return {"versions": [version]}


def test_the_record_is_that_of_the_version_that_serves() -> None:
    assert series_words.record(score(), "b", [80], {}) == (
        "- **80% band**: 8 of 10 outcomes should land in this band; of the last 120 outcomes 76% did.\n"
        "- **Error**: over its 12 forecasts that came due the model errs 2.0% more than the random walk."
    )


def test_a_version_without_a_record_says_so() -> None:
    assert series_words.record(score(), "a", [95], {}) == (
        "- **95% band**: 9.5 of 10 outcomes should land in this band; none have come due yet."
    )


def test_what_held_on_test_bars_stands_in_for_what_has_not_come_due() -> None:
    said = series_words.record(score(), "a", [95], {"coverage_95": 0.931})
    assert said.endswith("none have come due yet; on test bars 93% did.")
    assert "test bars" not in series_words.record(score(), "b", [95], {"coverage_95": 0.931})


def test_figures_stand_beside_the_random_walks_with_the_difference_in_words() -> None:
    page = {
        "metrics": {"mae": 0.9, "rmse": 1.3, "directional_accuracy": 0.55, "coverage_80": 0.72},
        "baselines": {"naive": {"mae": 1.0, "rmse": 1.0}},
    }
    rows = series_words.comparison(page)
    assert [row["In words"] for row in rows] == [
        "10.0% smaller: better",
        "30.0% larger: worse",
        "where prices rise on most bars, so does calling every bar a rise",
        "8 points fewer than promised",
    ]


def test_two_errors_have_as_many_digits() -> None:
    page = {
        "metrics": {"mae": 0.96, "rmse": 12345.6},
        "baselines": {"naive": {"mae": 0.9597, "rmse": 999.96}},
    }
    shown = [(row["Model"], row["Random walk"]) for row in series_words.comparison(page)]
    assert shown == [("0.9600", "0.9597"), ("12,346", "1,000")]


@pytest.mark.parametrize(
    ("name", "text"),
    [("non_positive_price", "a price is zero or negative"), ("of_the_future", "of the future")],
)
def test_reasons_are_told_in_words_new_ones_too(name: str, text: str) -> None:
    assert series_words.reason(name) == text


def test_gaps_are_counted_in_words() -> None:
    quality = {
        "rows": 1247,
        "first": "2013-02-08T00:00:00Z",
        "last": "2018-02-07T00:00:00Z",
        "n_gaps": 6,
        "missing_bars": 12,
    }
    assert series_words.gaps(quality) == (
        "1,247 bars from 8 Feb 2013 to 7 Feb 2018; 12 bars missing in 6 gaps."
    )
    assert series_words.gaps({**quality, "n_gaps": 0}).endswith("without a gap.")
    assert series_words.gaps({**quality, "rows": 0}) == "No bars could be read."
