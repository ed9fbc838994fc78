from typing import Any

import pytest

from apps.ui.charts_record import (
    coverage_figure,
    error_figure,
    loss_figure,
    outcome_figure,
    outcomes,
)
from apps.ui.theme import LIGHT
from tests.apps.ui.test_charts import CLOSES, made, named


def test_outcomes_are_changes_from_the_close_that_was_known_oldest_first() -> None:
    past = [made(day, 2) for day in range(6, -1, -1)]
    found = outcomes(past, 1, 80)
    assert len(found) == 7
    assert found[0].actual == pytest.approx(CLOSES[1] / CLOSES[0] - 1)
    assert found[-1].actual == pytest.approx(CLOSES[7] / CLOSES[6] - 1)


def test_what_has_not_come_due_is_no_outcome() -> None:
    assert outcomes([made(len(CLOSES) - 1, 2)], 1, 80) == []


def test_a_miss_of_one_band_may_be_held_by_the_wider() -> None:
    past = [made(5, 1)]  # from 102 to 105: 3 off a band of 2, and of 4
    assert not outcomes(past, 1, 80)[0].held
    assert outcomes(past, 1, 95)[0].held


def test_misses_stand_out_and_none_is_left_out() -> None:
    found = outcomes([made(day, 1) for day in range(6, -1, -1)], 1, 80)
    figure = outcome_figure(found, 80, LIGHT)
    (held,), (missed,) = named(figure, "Landed in the band"), named(figure, "Missed it")
    assert len(missed.y) == 1
    assert len(held.y) + len(missed.y) == len(found)
    assert missed.marker.symbol != held.marker.symbol


def test_errors_stand_beside_the_random_walks() -> None:
    figure = error_figure([1.0, 2.0], [1.1, 1.9], LIGHT, shares=False, name="gru")
    lines: dict[str, Any] = {trace.name: list(trace.y) for trace in figure.data}
    assert lines == {"gru": [1.0, 2.0], "Random walk": [1.1, 1.9]}


def test_steps_that_have_no_score_are_not_those_of_others() -> None:
    error = error_figure([1.0, 2.0], [1.1, 1.9], LIGHT, shares=True, name="Forecasts", steps=[2, 4])
    coverage = coverage_figure({80: [0.3, 0.9], 95: [0.9, 1.0]}, LIGHT, steps=[2, 4])
    assert {tuple(one.x) for one in (*error.data, *coverage.data)} == {(2, 4)}


def test_coverage_stands_beside_what_was_promised() -> None:
    figure = coverage_figure({80: [0.3, 0.9], 95: [0.9, 1.0]}, LIGHT)
    assert [list(one.y) for one in named(figure, "Promised")] == [[0.8, 0.8], [0.95, 0.95]]
    low, high = figure.layout.yaxis.range
    assert low < 0.3 < 1.0 < high


def test_a_course_that_was_judged_before_it_began_starts_at_epoch_zero() -> None:
    losses = {"training": [None, 0.5, 0.4], "validation": [0.9, 0.6, 0.7]}
    figure = loss_figure(losses, 1, LIGHT)
    (validation,) = named(figure, "Validation")
    assert list(validation.x) == [0, 1, 2]
    (kept,) = named(figure, "Kept: epoch 1")
    assert list(kept.x) == [1, 1]


def test_a_course_without_a_start_begins_at_epoch_one() -> None:
    figure = loss_figure({"training": [0.5, 0.4], "validation": [0.6, 0.7]}, None, LIGHT)
    assert list(named(figure, "Training")[0].x) == [1, 2]
