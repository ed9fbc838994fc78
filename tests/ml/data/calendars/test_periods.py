"""Weekly and monthly bars."""

import pandas as pd
import pytest

from ml.data.calendars import Calendar, find_gaps, future_timestamps, infer_calendar
from ml.errors import CalendarError
from ml.series import SeriesKey
from tests.ml.data.calendars.helpers import bars_at, daily, predict, text


@pytest.mark.parametrize("weekday", ["MON", "FRI", "SUN"])
def test_weekly_bars_keep_their_weekday(weekday: str) -> None:
    stamps = pd.date_range("2024-01-01", periods=120, freq=f"W-{weekday}")
    assert predict("AAPL", "1wk", stamps[:100], 20) == text(stamps[100:])
    assert predict("BTC-USD", "2wk", stamps[:99:2], 5) == text(stamps[100:110:2])


def test_a_weekly_bar_still_growing_does_not_move_the_week() -> None:
    stamps = pd.date_range("2025-01-06", "2025-11-10", freq="W-MON").append(
        pd.DatetimeIndex(["2025-11-19"])
    )
    assert predict("AAPL", "1wk", stamps, 2) == ["2025-11-24 00:00", "2025-12-01 00:00"]


@pytest.mark.parametrize("side", ["first", "last"])
@pytest.mark.parametrize("period", ["W", "M"])
def test_bars_stamped_with_a_session_keep_to_sessions(side: str, period: str) -> None:
    sessions = pd.Series(daily("XNYS", "2022-01-03", "2025-12-31"))
    stamps = pd.DatetimeIndex(sessions.groupby(sessions.dt.to_period(period)).agg(side))
    interval = "1wk" if period == "W" else "1mo"
    assert predict("AAPL", interval, stamps[:-20], 19) == text(stamps[-20:-1])


@pytest.mark.parametrize("freq", ["MS", "ME"])
def test_monthly_bars_keep_to_the_start_or_end_of_the_month(freq: str) -> None:
    stamps = pd.date_range("2020-01-31", periods=60, freq=freq)
    assert predict("VOD.L", "1mo", stamps[:40], 20) == text(stamps[40:])
    assert predict("EURUSD", "3mo", stamps[:40:3], 4) == text(stamps[42:53:3])


def test_a_missing_month_is_a_gap() -> None:
    stamps = pd.date_range("2020-01-01", periods=60, freq="MS")
    key, bars = SeriesKey.of("AAPL", "1mo"), bars_at(stamps.delete([20]))
    assert text(find_gaps(infer_calendar(key, bars), key, bars)) == text(stamps[[20]])


def test_500_months_ahead_are_known() -> None:
    found = predict("600519.SS", "1mo", pd.date_range("2020-01-01", "2026-11-01", freq="MS"), 500)
    assert found[-1] == "2068-07-01 00:00"


def test_stamps_beyond_what_time_can_hold_are_refused() -> None:
    key, bars = SeriesKey.of("AAPL", "12mo"), bars_at(pd.DatetimeIndex(["2025-01-01"]))
    with pytest.raises(CalendarError, match="2200"):
        future_timestamps(Calendar("XNYS"), key, bars, 500)
