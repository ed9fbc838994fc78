"""Past forecasts against the bars that came: what is scored, once, and what does not count."""

import os
import time
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ml.ledger.past import live_score
from ml.ledger.record import live_record
from ml.series import SeriesKey
from tests.ml.ledger.worlds import (
    AAPL,
    OTHER,
    VERSION,
    at,
    days,
    score,
    settings_in,
    write_pair,
    write_pairs,
)
from tests.synthetic import make_bars


def test_a_forecast_is_judged_step_by_step_as_its_bars_come(tmp_path: Path) -> None:
    settings, bars = settings_in(tmp_path), days()
    write_pair(settings, bars, 20, factor=1.01)
    first = score(settings, bars.iloc[:23])  # two of its three bars have come
    assert (first.forecasts, first.new, first.scored, first.steps, first.open) == (1, 1, 2, 2, 1)
    second = score(settings, bars.iloc[:30])
    assert (second.forecasts, second.new, second.scored, second.steps, second.open) == (1, 0, 1, 3, 0)

    record = live_record(settings.predictions_dir, AAPL)
    close = bars["close"].to_numpy()
    assert record["actual"].tolist() == close[21:24].tolist()
    assert record["bar"].tolist() == bars["timestamp"].iloc[21:24].tolist()
    expected = (close[21:24] - 1.01 * close[20]) / close[20]
    assert np.allclose(record["error"], expected, atol=1e-9)
    assert np.allclose(record["walk_error"], close[21:24] / close[20] - 1)
    assert record["inside_95"].tolist() == (np.abs(close[21:24] / close[20] / 1.01 - 1) <= 0.05).tolist()
    (total,) = live_score(settings.predictions_dir, AAPL).versions
    assert (total.version, total.forecasts, total.steps) == (VERSION, 1, 3)
    assert total.skill == pytest.approx(1 - np.abs(expected).sum() / np.abs(record["walk_error"]).sum())
    assert total.skill == pytest.approx(second.skill)


def test_scoring_again_changes_nothing(tmp_path: Path) -> None:
    settings, bars = settings_in(tmp_path), days()
    for asof in range(10, 20):
        write_pair(settings, bars, asof)
    score(settings, bars)
    before = live_record(settings.predictions_dir, AAPL)
    again = score(settings, bars)
    assert (again.new, again.scored, again.steps) == (0, 0, 30)
    pd.testing.assert_frame_equal(live_record(settings.predictions_dir, AAPL), before)


def test_the_first_outcome_stays_whatever_files_and_bars_become(tmp_path: Path) -> None:
    settings, bars = settings_in(tmp_path), days()
    path = write_pair(settings, bars, 20)
    score(settings, bars)
    before = live_record(settings.predictions_dir, AAPL)
    # The file is written again with what happened, and the bars are revised.
    write_pair(settings, bars, 20, factor=(bars["close"].iloc[21:24] / bars["close"].iloc[20]).tolist())
    os.utime(path, ns=(1, 1))
    score(settings, bars.assign(close=bars["close"] * 1.5))
    path.unlink()
    score(settings, bars)
    pd.testing.assert_frame_equal(live_record(settings.predictions_dir, AAPL), before)


def test_a_forecast_of_what_an_earlier_one_knew_does_not_count(tmp_path: Path) -> None:
    settings, bars = settings_in(tmp_path), days()
    write_pair(settings, bars, 23)  # whoever made it had the bars up to 23
    write_pair(settings, bars, 20, steps=5, created_at=at(bars, 24))
    outcome = score(settings, bars)
    assert outcome.late == 3
    assert live_record(settings.predictions_dir, AAPL)["due"].min() == bars["timestamp"].iloc[24]


def test_a_file_that_is_written_after_its_bars_were_seen_does_not_count(tmp_path: Path) -> None:
    settings, bars = settings_in(tmp_path), days()
    write_pair(settings, bars, 10)
    score(settings, bars.iloc[:30], now=at(bars, 30))
    before = live_record(settings.predictions_dir, AAPL)
    # Another model, a better one, for it knows how it went; of an as-of bar that was never forecast too.
    truth = (bars["close"].iloc[11:14] / bars["close"].iloc[10]).tolist()
    write_pair(settings, bars, 10, factor=truth, version=OTHER, created_at=at(bars, 31))
    write_pair(settings, bars, 12, version=OTHER, created_at=at(bars, 31))
    outcome = score(settings, bars, now=at(bars, 40))
    assert (outcome.forecasts, outcome.late) == (3, 6)
    pd.testing.assert_frame_equal(live_record(settings.predictions_dir, AAPL), before)


def test_bars_count_as_seen_though_nothing_was_due_when_they_were(tmp_path: Path) -> None:
    settings, bars = settings_in(tmp_path), days()
    write_pair(settings, bars, 10)
    score(settings, bars.iloc[:20], now=at(bars, 20))
    score(settings, bars.iloc[:40], now=at(bars, 40))  # all of it is scored already
    write_pair(settings, bars, 25, version=OTHER, created_at=at(bars, 41))
    assert score(settings, bars, now=at(bars, 50)).late == 3


def test_an_outcome_that_was_known_does_not_count_though_it_was_due_later(tmp_path: Path) -> None:
    key = SeriesKey.of("BTCUSD", "1h")
    settings, bars = settings_in(tmp_path), make_bars(60, freq="h")
    stamps = bars["timestamp"]
    early = bars.assign(timestamp=stamps.where(bars.index <= 20, stamps - pd.Timedelta(minutes=20)))
    write_pair(settings, early, 21, key=key, spacing=timedelta(hours=1))  # 20 minutes before it is due
    made = at(bars, 22)
    write_pair(settings, bars, 20, key=key, spacing=timedelta(hours=1), steps=2, created_at=made)
    outcome = score(settings, early, key)
    assert outcome.late == 1
    assert live_record(settings.predictions_dir, key)["bar"].min() == early["timestamp"].iloc[22]


def test_a_stamp_far_in_the_future_makes_no_other_forecast_late(tmp_path: Path) -> None:
    """The vendor's typing error of one night: 2206 for 2020."""
    settings, bars = settings_in(tmp_path), days()
    stamps = bars["timestamp"]
    wrong = bars.assign(timestamp=stamps.where(bars.index < 25, stamps + pd.Timedelta(days=186 * 365)))
    write_pair(settings, wrong, 26, created_at=at(bars, 26, hour=1))
    score(settings, wrong.iloc[:27], now=at(bars, 26, hour=2))
    for asof in range(30, 40):
        write_pair(settings, bars, asof)
    outcome = score(settings, bars)
    assert (outcome.steps, outcome.late) == (30, 0)


def test_histories_that_are_replayed_count(tmp_path: Path) -> None:
    """The bars are years old when they are forecast, and come one by one all the same."""
    settings, bars = settings_in(tmp_path), days()
    for asof in range(20, 30):
        write_pair(settings, bars, asof, created_at=at(bars, 59, hour=30_000 + asof))
        score(settings, bars.iloc[: asof + 1], now=at(bars, 59, hour=30_000 + asof))
    outcome = score(settings, bars)
    assert (outcome.steps, outcome.late) == (30, 0)


def test_a_bar_that_may_not_be_complete_is_waited_for(tmp_path: Path) -> None:
    settings, bars = settings_in(tmp_path), days()
    write_pair(settings, bars, 20)
    assert score(settings, bars.iloc[:22], now=at(bars, 21, hour=20)).scored == 0
    assert score(settings, bars.iloc[:22], now=at(bars, 21, hour=24)).scored == 1


def test_a_missing_bar_leaves_its_step_open_and_moves_no_other(tmp_path: Path) -> None:
    settings, bars = settings_in(tmp_path), days()
    write_pair(settings, bars, 20)
    outcome = score(settings, bars.drop(index=22).reset_index(drop=True))
    assert (outcome.scored, outcome.open, outcome.missing) == (2, 1, 1)
    record = live_record(settings.predictions_dir, AAPL)
    assert record["step"].tolist() == [1, 3]
    assert record["actual"].tolist() == bars["close"].iloc[[21, 23]].tolist()
    assert score(settings, bars).scored == 1  # it comes late


def test_a_session_that_nobody_expected_moves_nothing(tmp_path: Path) -> None:
    settings, bars = settings_in(tmp_path), make_bars(60, freq="B")
    friday = next(i for i in range(20, 30) if bars["timestamp"].iloc[i].day_of_week == 4)
    path = write_pair(settings, bars, friday - 1, steps=1)  # of Friday
    assert path.exists()
    extra = bars.iloc[[friday]].assign(timestamp=bars["timestamp"].iloc[friday] + pd.Timedelta(days=1))
    outcome = score(settings, pd.concat([bars.iloc[: friday + 1], extra, bars.iloc[friday + 1 :]]))
    assert outcome.scored == 1
    assert live_record(settings.predictions_dir, AAPL)["bar"].tolist() == [
        bars["timestamp"].iloc[friday]
    ]


@pytest.mark.parametrize("minutes", [-29, 0, 29])
def test_intraday_stamps_may_be_off_by_less_than_half_an_interval(tmp_path: Path, minutes: int) -> None:
    key = SeriesKey.of("BTCUSD", "1h")
    settings, bars = settings_in(tmp_path), make_bars(60, freq="h")
    write_pair(settings, bars, 20, key=key, spacing=timedelta(hours=1))
    moved = bars.assign(
        timestamp=bars["timestamp"].where(
            bars.index <= 20, bars["timestamp"] + pd.Timedelta(minutes=minutes)
        )
    )
    assert score(settings, moved, key).scored == 3
    record = live_record(settings.predictions_dir, key)
    assert record["actual"].tolist() == bars["close"].iloc[21:24].tolist()


def test_prices_that_were_adjusted_since_are_judged_on_the_scale_of_the_forecast(tmp_path: Path) -> None:
    settings, bars = settings_in(tmp_path), days()
    write_pair(settings, bars, 20, factor=1.01)
    split = bars.assign(**{name: bars[name] / 4 for name in ("open", "high", "low", "close")})
    outcome = score(settings, split)
    assert outcome.restated == outcome.scored == 3
    record = live_record(settings.predictions_dir, AAPL)
    assert np.allclose(record["actual"], bars["close"].iloc[21:24])


def test_an_asof_bar_that_was_not_complete_changes_no_outcome(tmp_path: Path) -> None:
    """At 00:10 the day's bar holds ten minutes; what comes is compared with what was known then."""
    settings, bars = settings_in(tmp_path), days()
    close = bars["close"]
    at_the_time = bars.assign(close=close.where(bars.index != 20, close * 1.03))
    write_pair(settings, at_the_time, 20, factor=1.01)
    outcome = score(settings, bars)
    assert (outcome.scored, outcome.restated) == (3, 0)
    record = live_record(settings.predictions_dir, AAPL)
    assert record["actual"].tolist() == bars["close"].iloc[21:24].tolist()
    assert set(record["last_close"]) == {at_the_time["close"].iloc[20]}


def test_a_split_on_the_asof_bar_itself_changes_no_outcome(tmp_path: Path) -> None:
    """The vendor brought the day of the split on the new scale, the days before it a night later."""
    settings, bars = settings_in(tmp_path), days()
    close = bars["close"]
    at_the_time = bars.assign(close=close.where(bars.index >= 20, close * 4))
    write_pair(settings, at_the_time, 20)
    assert score(settings, bars).restated == 0
    record = live_record(settings.predictions_dir, AAPL)
    assert record["actual"].tolist() == bars["close"].iloc[21:24].tolist()


def test_eight_times_as_many_forecasts_take_at_most_eight_times_as_long(tmp_path: Path) -> None:
    bars = days(2100)

    def seconds(folder: str, count: int) -> tuple[float, float]:
        """Of the first scoring, and of another that finds nothing new."""
        settings = settings_in(tmp_path / folder)
        write_pairs(settings, bars, range(50, 50 + count))
        began = time.process_time()
        assert score(settings, bars).steps == 10 * count
        first = time.process_time() - began
        again = []
        for _ in range(3):
            began = time.process_time()
            assert score(settings, bars).scored == 0
            again.append(time.process_time() - began)
        return first, min(again)

    few = [seconds(f"few{number}", 250) for number in range(3)]
    first, again = seconds("many", 2000)
    # Each beside each would take 64 times as long.
    assert first < 24 * min(one for one, _ in few)
    assert again < 24 * min(one for _, one in few)
    assert again < 0.75 * first
