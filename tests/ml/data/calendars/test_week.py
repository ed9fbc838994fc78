"""The FX week, weeks learnt from bars, and markets that never close."""

import numpy as np
import pandas as pd
import pytest

from ml.data.calendars import find_gaps, infer_calendar
from ml.series import SeriesKey
from tests.ml.data.calendars.helpers import bars_at, exact_share, predict, text


def _fx_hours(start: str, end: str, stamped: str = "UTC") -> pd.DatetimeIndex:
    """Sunday 17:00 to Friday 17:00 in New York, each hour, as wall time of the zone ``stamped``."""
    instants = pd.date_range(start, end, freq="1h", tz="UTC")
    local = instants.tz_convert("America/New_York")
    trading_day = (local.tz_localize(None) + pd.Timedelta("7h")).day_of_week
    kept = instants[trading_day < 5]
    return kept.tz_convert(stamped).tz_localize(None).tz_localize("UTC")


def test_fx_goes_from_friday_evening_to_sunday_evening_in_utc() -> None:
    stamps = _fx_hours("2025-09-01", "2025-11-14 23:00")
    assert text(stamps[-1:]) == ["2025-11-14 21:00"]
    assert predict("EURUSD", "1h", stamps, 2) == ["2025-11-16 22:00", "2025-11-16 23:00"]


@pytest.mark.parametrize(
    ("stamped", "months"),
    [
        ("UTC", 1),
        ("America/New_York", 1),
        ("UTC", 14),
        ("America/New_York", 14),
        ("Etc/GMT+5", 14),  # in a month without a change it could be New York's time
    ],
)
def test_fx_stamps_are_exact_over_the_change_of_daylight_saving(stamped: str, months: int) -> None:
    stamps = _fx_hours("2024-09-01", "2025-11-12", stamped)
    begin = pd.Timestamp("2025-10-30", tz="UTC") - pd.DateOffset(months=months)
    cut = int(stamps.searchsorted(pd.Timestamp("2025-10-30", tz="UTC")))
    known, coming = stamps[:cut], stamps[cut:]
    assert predict("GBP/JPY", "1h", known[known >= begin], 200) == text(coming[:200])


def test_broker_time_seven_hours_ahead_of_new_york_runs_from_monday_to_friday() -> None:
    stamps = _fx_hours("2025-08-01", "2025-11-20", "America/New_York") + pd.Timedelta("7h")
    assert {stamp.day_of_week for stamp in stamps} == {0, 1, 2, 3, 4}
    assert exact_share("XAUUSD", "1h", stamps, 6, 120) == 1.0


def test_a_daily_break_of_the_server_is_learnt() -> None:
    days = pd.bdate_range("2025-08-01", "2025-11-14", tz="UTC")
    stamps = pd.DatetimeIndex([day + pd.Timedelta(hours=hour) for day in days for hour in range(1, 24)])
    assert predict("XAUUSD", "1h", stamps, 2) == ["2025-11-17 01:00", "2025-11-17 02:00"]


def test_daily_fx_has_sunday_bars_where_the_vendor_has_them() -> None:
    weekdays = pd.bdate_range("2025-06-02", "2025-11-14")
    assert predict("EURUSD=X", "1d", weekdays, 2) == ["2025-11-17 00:00", "2025-11-18 00:00"]
    with_sundays = pd.date_range("2025-06-02", "2025-11-14")
    with_sundays = with_sundays[with_sundays.day_of_week != 5]
    assert predict("EURUSD", "1d", with_sundays, 2) == ["2025-11-16 00:00", "2025-11-17 00:00"]


def test_fx_rests_on_christmas_unless_its_bars_say_otherwise() -> None:
    known = pd.bdate_range("2025-06-02", "2025-12-24")
    assert predict("EURUSD", "1d", known, 1) == ["2025-12-26 00:00"]
    known = pd.bdate_range("2022-06-02", "2025-12-24")
    assert predict("EURUSD", "1d", known, 1) == ["2025-12-25 00:00"]


@pytest.mark.parametrize("length", [1, 2, 5])
def test_a_few_fx_bars_are_enough(length: int) -> None:
    assert predict("EURUSD", "1d", pd.bdate_range("2025-11-03", "2025-11-14")[-length:], 2) == [
        "2025-11-17 00:00",
        "2025-11-18 00:00",
    ]
    hours = _fx_hours("2025-11-10", "2025-11-14 23:00")[-length:]
    assert predict("EURUSD", "1h", hours, 1) == ["2025-11-16 22:00"]


def test_fx_gaps_are_bars_missing_from_their_weeks() -> None:
    stamps = _fx_hours("2025-06-01", "2025-11-12")
    lost = stamps[[300, 301, 900]]
    key, bars = SeriesKey.of("EURUSD", "1h"), bars_at(stamps.difference(lost))
    assert text(find_gaps(infer_calendar(key, bars), key, bars)) == text(lost)


def test_a_coin_quoted_on_weekdays_only_keeps_to_weekdays() -> None:
    stamps = pd.bdate_range("2024-01-02", "2025-11-14")
    key, bars = SeriesKey.of("BTCUSD", "1d"), bars_at(stamps)
    assert infer_calendar(key, bars).code == "weekdays"
    assert predict("BTCUSD", "1d", stamps, 2) == ["2025-11-17 00:00", "2025-11-18 00:00"]


def test_crypto_trades_over_new_year() -> None:
    stamps = pd.date_range("2025-06-01", "2025-12-31")
    assert predict("BTC-USD", "1d", stamps, 2) == ["2026-01-01 00:00", "2026-01-02 00:00"]
    minutes = pd.date_range("2025-12-30", "2025-12-31 23:55", freq="5min")
    assert predict("BTCUSDT", "5m", minutes, 2) == ["2026-01-01 00:00", "2026-01-01 00:05"]


@pytest.mark.parametrize(
    ("interval", "freq"), [("4h", "4h"), ("3d", "3D"), ("90m", "90min"), ("7h", "7h")]
)
def test_a_market_that_never_closes_keeps_its_grid(interval: str, freq: str) -> None:
    stamps = (
        pd.date_range("2025-01-01 01:30", periods=400, freq=freq).normalize()
        if "d" in interval
        else (pd.date_range("2025-01-01 01:30", periods=400, freq=freq))
    )
    assert predict("ETHUSD", interval, stamps[:300], 100) == text(stamps[300:])


def test_a_bar_still_growing_does_not_shift_the_grid() -> None:
    stamps = pd.date_range("2025-11-01", "2025-11-14 13:00", freq="1h")
    growing = stamps.append(pd.DatetimeIndex(["2025-11-14 14:37"]))
    assert predict("BTC-USD", "1h", growing, 2) == ["2025-11-14 15:00", "2025-11-14 16:00"]


def test_gaps_of_a_market_that_never_closes_are_all_missing_intervals() -> None:
    stamps = pd.date_range("2025-01-01", periods=3000, freq="1h")
    kept = stamps[np.random.default_rng(7).random(3000) < 0.9].union(stamps[[0, -1]])
    key, bars = SeriesKey.of("ETHUSDT", "1h"), bars_at(kept)
    assert text(find_gaps(infer_calendar(key, bars), key, bars)) == text(stamps.difference(kept))
