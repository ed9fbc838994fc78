"""Past forecasts beside what came, and the scores that the ledger holds of all series."""

from pathlib import Path

import pytest

from ml.ledger.past import all_scores, live_score, past_forecasts
from ml.ledger.record import live_record, live_skill
from ml.series import SeriesKey
from tests.ml.ledger.worlds import AAPL, OTHER, VERSION, at, days, score, settings_in, write_pair


def test_a_forecast_shows_what_has_come_and_what_has_not(tmp_path: Path) -> None:
    settings, bars = settings_in(tmp_path), days()
    write_pair(settings, bars, 20, factor=1.01)
    score(settings, bars.iloc[:23])
    now = int(at(bars, 22, 12).timestamp())  # the bar of the day 22 is not complete yet
    [past] = past_forecasts(settings.predictions_dir, AAPL, bars.iloc[:23], 5, now)
    close = bars["close"].tolist()
    assert (past.version, past.last_close) == (VERSION, close[20])
    assert past.asof == at(bars, 20).timestamp()
    assert [step.actual for step in past.steps] == [close[21], close[22], None]
    assert past.steps[0].forecast == pytest.approx(1.01 * close[20])
    assert past.steps[0].lower_95 < past.steps[0].lower_80 < past.steps[0].forecast


def test_forecasts_that_nobody_scored_are_judged_as_a_scoring_would(tmp_path: Path) -> None:
    settings, bars = settings_in(tmp_path), days()
    for asof in (20, 25, 30):
        write_pair(settings, bars, asof)
    now = int(at(bars, 59).timestamp())
    unscored = past_forecasts(settings.predictions_dir, AAPL, bars, 5, now)
    assert not (settings.predictions_dir / "ledger.sqlite").exists()
    assert [past.asof for past in unscored] == [at(bars, asof).timestamp() for asof in (30, 25, 20)]
    score(settings, bars)
    assert past_forecasts(settings.predictions_dir, AAPL, bars, 5, now) == unscored
    assert past_forecasts(settings.predictions_dir, AAPL, bars, 2, now) == unscored[:2]


def test_outcomes_are_on_the_scale_of_the_forecast_after_a_split(tmp_path: Path) -> None:
    settings, bars = settings_in(tmp_path), days()
    write_pair(settings, bars, 20)
    halved = bars.assign(close=bars["close"] / 2)
    now = int(at(bars, 59).timestamp())
    [past] = past_forecasts(settings.predictions_dir, AAPL, halved, 5, now)
    expected = bars["close"].iloc[21:24].tolist()
    assert [step.actual for step in past.steps] == pytest.approx(expected)


def test_of_two_forecasts_of_one_bar_the_last_made_is_shown(tmp_path: Path) -> None:
    settings, bars = settings_in(tmp_path), days()
    write_pair(settings, bars, 20)
    score(settings, bars.iloc[:22])
    write_pair(settings, bars, 20, version=OTHER, created_at=at(bars, 20, 20))
    score(settings, bars.iloc[:22])
    now = int(at(bars, 22).timestamp())
    [past] = past_forecasts(settings.predictions_dir, AAPL, bars.iloc[:22], 5, now)
    assert past.version == OTHER


def test_a_damaged_file_is_passed_over(tmp_path: Path) -> None:
    settings, bars = settings_in(tmp_path), days()
    write_pair(settings, bars, 20).write_text("{}", encoding="utf-8")
    write_pair(settings, bars, 25)
    now = int(at(bars, 59).timestamp())
    [past] = past_forecasts(settings.predictions_dir, AAPL, bars, 5, now)
    assert past.asof == at(bars, 25).timestamp()


def test_the_scores_by_step_are_those_of_the_record(tmp_path: Path) -> None:
    settings, bars = settings_in(tmp_path), days()
    for asof in range(10, 20):
        write_pair(settings, bars, asof, factor=1.005)
    write_pair(settings, bars, 59)  # nothing of it has come
    score(settings, bars)
    found, record = (
        live_score(settings.predictions_dir, AAPL),
        live_record(settings.predictions_dir, AAPL),
    )
    assert [(one.step, one.n) for one in found.by_step] == [(1, 10), (2, 10), (3, 10)]
    second = record[record["step"] == 2]
    assert found.by_step[1].mae == pytest.approx(second["error"].abs().mean())
    assert found.by_step[1].mae_walk == pytest.approx(second["walk_error"].abs().mean())
    assert found.by_step[1].coverage_80 == second["inside_80"].mean()
    assert found.open_steps == 3


def test_the_scores_of_all_series_are_those_of_each(tmp_path: Path) -> None:
    settings, bars, other = settings_in(tmp_path), days(), SeriesKey.of("BTC/USD", "1d")
    for asof in range(10, 14):
        write_pair(settings, bars, asof)
        write_pair(settings, bars, asof, key=other, factor=1.01)
    write_pair(settings, bars, 14, version=OTHER)
    score(settings, bars)
    score(settings, bars, other)
    found = all_scores(settings.predictions_dir)
    assert list(found) == [AAPL, other]
    for key, scores in found.items():
        alone = live_score(settings.predictions_dir, key)
        assert [one.version for one in scores.versions] == [one.version for one in alone.versions]
        for one, same in zip(scores.versions, alone.versions, strict=True):
            assert (one.forecasts, one.steps, one.first, one.last) == (
                same.forecasts,
                same.steps,
                same.first,
                same.last,
            )
            assert one.skill == pytest.approx(same.skill)
            assert (one.coverage_80, one.coverage_95) == (same.coverage_80, same.coverage_95)


def test_versions_stand_in_the_order_of_their_first_forecast(tmp_path: Path) -> None:
    settings, bars = settings_in(tmp_path), days()
    write_pair(settings, bars, 10, version=OTHER)
    score(settings, bars)
    write_pair(settings, bars, 10, created_at=at(bars, 10, 20))  # the same bar, later
    write_pair(settings, bars, 12, version=OTHER)
    score(settings, bars)
    record = live_record(settings.predictions_dir, AAPL)
    found = live_score(settings.predictions_dir, AAPL).versions
    assert [one.version for one in found] == [OTHER, VERSION]
    for one in found:
        rows = record[record["version"] == one.version]
        assert (one.forecasts, one.steps) == (rows["asof"].nunique(), len(rows))
        assert (one.first, one.last) == (rows["asof"].min(), rows["asof"].max())
        assert one.skill == pytest.approx(live_skill(rows))
        held = one.coverage_80, one.coverage_95
        assert held == (rows["inside_80"].mean(), rows["inside_95"].mean())
    assert all_scores(settings.predictions_dir)[AAPL].versions == found


def test_steps_whose_bar_was_known_or_never_came_have_no_score(tmp_path: Path) -> None:
    settings, bars = settings_in(tmp_path), days()
    write_pair(settings, bars, 23)  # whoever made it had the bars up to 23
    write_pair(settings, bars, 20, steps=5, created_at=at(bars, 24))
    score(settings, bars.drop(index=24).iloc[:25])  # up to 25
    found = live_score(settings.predictions_dir, AAPL)
    assert [(one.step, one.n) for one in found.by_step] == [(2, 1), (5, 1)]


def test_a_folder_without_a_ledger_has_no_scores(tmp_path: Path) -> None:
    assert all_scores(tmp_path) == {}
    found = live_score(tmp_path, AAPL)
    assert (found.versions, found.by_step, found.alarms, found.open_steps) == ((), (), (), 0)
