"""Exchange bars: sessions, holidays, half days, opening hours."""

import time

import pandas as pd
import pytest

from ml.data.calendars import find_gaps, future_timestamps, infer_calendar
from ml.series import SeriesKey
from tests.ml.data.calendars.helpers import bars_at, daily, exact_share, intraday, predict, text


def _until(code: str, last: str, start: str = "2024-01-02") -> pd.DatetimeIndex:
    return daily(code, start, last)


@pytest.mark.parametrize(
    ("ticker", "code", "last", "following"),
    [
        ("AAPL", "XNYS", "2025-11-14", ["2025-11-17", "2025-11-18"]),  # Friday to Monday
        ("AAPL", "XNYS", "2025-11-26", ["2025-11-28", "2025-12-01"]),  # Thanksgiving
        ("BRK.B", "XNYS", "2025-12-24", ["2025-12-26", "2025-12-29"]),  # Christmas
        ("MSFT", "XNYS", "2025-04-17", ["2025-04-21", "2025-04-22"]),  # Good Friday
        ("NVDA", "XNYS", "2026-01-16", ["2026-01-20", "2026-01-21"]),  # Martin Luther King
        ("VOD.L", "XLON", "2025-04-17", ["2025-04-22", "2025-04-23"]),  # Easter Monday too
        ("SAP.DE", "XETR", "2025-12-23", ["2025-12-29", "2025-12-30"]),
        ("600519.SS", "XSHG", "2026-02-13", ["2026-02-24", "2026-02-25"]),  # Chinese New Year
        ("600519", "XSHG", "2025-09-30", ["2025-10-09", "2025-10-10"]),  # golden week, no suffix
        ("7203.T", "XTKS", "2025-12-30", ["2026-01-05", "2026-01-06"]),
        ("RELIANCE.NS", "XBOM", "2025-08-14", ["2025-08-18", "2025-08-19"]),  # Independence Day
    ],
)
def test_the_next_sessions_skip_weekends_and_holidays(
    ticker: str, code: str, last: str, following: list[str]
) -> None:
    assert predict(ticker, "1d", _until(code, last), 2) == [f"{day} 00:00" for day in following]


@pytest.mark.parametrize("length", [1, 2, 5])
def test_a_history_of_a_few_bars_is_enough(length: int) -> None:
    stamps = _until("XNYS", "2025-11-26")[-length:]
    assert predict("AAPL", "1d", stamps, 2) == ["2025-11-28 00:00", "2025-12-01 00:00"]
    hours = intraday("XNYS", "2025-11-20", "2025-11-26", 60)[-length:]
    assert predict("AAPL", "1h", hours, 1) == ["2025-11-28 14:30"]


@pytest.mark.parametrize("year", [1970, 1985])
def test_old_bars_have_their_own_sessions(year: int) -> None:
    stamps = daily("XNYS", f"{year - 1}-01-02", f"{year}-12-31")
    assert exact_share("IBM", "1d", stamps, 3, 60) == 1.0
    key, bars = SeriesKey.of("IBM", "1d"), bars_at(stamps)
    assert not len(find_gaps(infer_calendar(key, bars), key, bars))


def test_bars_from_before_a_calendar_begins_are_no_gaps() -> None:
    old = pd.bdate_range("1995-01-02", "1996-12-30")  # exchange_calendars knows Tokyo from 1997 on
    stamps = old.append(daily("XTKS", "1997-01-06", "1999-12-30"))
    key, bars = SeriesKey.of("6758.T", "1d"), bars_at(stamps)
    assert not len(find_gaps(infer_calendar(key, bars), key, bars))


def test_sessions_go_on_beyond_the_end_of_a_published_calendar() -> None:
    stamps = daily("XSHG", "2023-01-03", "2026-11-20")
    found = predict("600519.SS", "1d", stamps, 500)
    assert found == sorted(set(found))
    assert {pd.Timestamp(stamp).day_of_week for stamp in found} == {0, 1, 2, 3, 4}
    # National holidays and the week of the lunar New Year (6 February 2027) come back each year.
    closed = ["2027-01-01", "2027-02-08", "2027-02-09", "2027-02-10", "2027-10-01", "2027-10-04"]
    assert not {f"{day} 00:00" for day in closed} & set(found)
    assert "2027-02-15 00:00" in found


def test_hourly_bars_stop_early_on_the_half_day_after_thanksgiving() -> None:
    stamps = intraday("XNYS", "2025-09-02", "2025-11-26", 60)
    found = predict("AAPL", "1h", stamps, 6)
    friday = ["14:30", "15:30", "16:30", "17:30"]  # 9:30 to 13:00 in New York
    assert found[:4] == [f"2025-11-28 {hour}" for hour in friday]
    assert found[4:] == ["2025-12-01 14:30", "2025-12-01 15:30"]


def test_a_cut_session_is_completed_before_the_next_begins() -> None:
    stamps = intraday("XNYS", "2025-09-02", "2025-11-14", 60)
    assert predict("AAPL", "1h", stamps[:-2], 4) == [
        "2025-11-14 19:30",
        "2025-11-14 20:30",
        "2025-11-17 14:30",
        "2025-11-17 15:30",
    ]


@pytest.mark.parametrize(
    ("code", "ticker", "zone"),
    [
        ("XNYS", "AAPL", "America/New_York"),
        ("XLON", "VOD.L", "Europe/London"),
        ("XHKG", "0700.HK", "Asia/Hong_Kong"),
        ("XASX", "BHP.AX", "Australia/Sydney"),
    ],
)
@pytest.mark.parametrize("as_wall", [False, True])
@pytest.mark.parametrize("at_end", [False, True])
def test_hourly_stamps_are_exact_through_a_year_of_daylight_saving(
    code: str, ticker: str, zone: str, as_wall: bool, at_end: bool
) -> None:
    stamps = intraday(code, "2024-08-01", "2025-12-30", 60, at_end=at_end, wall=zone if as_wall else "")
    # A bar that a half day cuts short and stamps at its end is the one that cannot be known.
    assert exact_share(ticker, "1h", stamps, 12, 60) >= (0.99 if at_end else 1.0)


@pytest.mark.parametrize(("code", "ticker"), [("XNYS", "AAPL"), ("XLON", "VOD.L")])
def test_the_week_in_which_clocks_change_keeps_local_hours(code: str, ticker: str) -> None:
    change = "2025-03-07" if code == "XNYS" else "2025-03-28"  # the Friday before
    stamps = intraday(code, "2025-01-06", "2025-04-30", 60)
    cut = int(stamps.searchsorted(pd.Timestamp(f"{change} 23:00", tz="UTC")))
    assert predict(ticker, "1h", stamps[:cut], 40) == text(stamps[cut : cut + 40])
    assert stamps[0].hour == stamps[cut].hour + 1


def test_a_lunch_break_stays_empty() -> None:
    stamps = intraday("XHKG", "2025-08-01", "2025-11-14", 30)
    found = predict("0700.HK", "30m", stamps, 11)
    morning, afternoon = ["01:30", "02:00", "02:30", "03:00", "03:30"], ["05:00", "05:30"]
    assert [stamp[11:] for stamp in found[:7]] == morning + afternoon
    assert exact_share("0700.HK", "30m", stamps, 4, 50) == 1.0


def test_pre_market_bars_count_when_most_sessions_have_them() -> None:
    regular = intraday("XNYS", "2025-08-01", "2025-11-14", 15)
    first = pd.DatetimeIndex(pd.Series(regular).groupby(regular.date).min())
    often, seldom = first - pd.Timedelta("15min"), first[::4] - pd.Timedelta("30min")
    stamps = regular.append([often, seldom]).sort_values()
    bars = bars_at(stamps)
    bars.loc[~bars["timestamp"].isin(regular), "volume"] = 0.0
    key = SeriesKey.of("EA", "15m")
    found = future_timestamps(infer_calendar(key, bars), key, bars, 27)
    assert found[0] == pd.Timestamp("2025-11-17 14:15", tz="UTC")
    assert found[-1] == pd.Timestamp("2025-11-17 20:45", tz="UTC")


def test_server_time_some_hours_ahead_of_the_exchange_is_kept() -> None:
    stamps = intraday("XNYS", "2025-06-02", "2025-11-26", 60, wall="America/New_York")
    shifted = stamps + pd.Timedelta("7h")  # 16:30 to 22:30, as MetaTrader servers
    assert predict("AAPL", "1h", shifted, 5) == [
        *(f"2025-11-28 {hour}:30" for hour in (16, 17, 18, 19)),
        "2025-12-01 16:30",
    ]


def test_weeks_of_missing_bars_are_found_by_slot() -> None:
    stamps = intraday("XNYS", "2025-08-01", "2025-11-14", 60)
    lost = stamps[[20, 21, 200, 300]]
    key, bars = SeriesKey.of("AAPL", "1h"), bars_at(stamps.difference(lost))
    assert text(find_gaps(infer_calendar(key, bars), key, bars)) == text(lost)


def test_daily_gaps_are_sessions_without_a_bar() -> None:
    stamps = daily("XLON", "2023-01-03", "2025-11-14")
    lost = stamps[[10, 400]]
    key, bars = SeriesKey.of("VOD.L", "1d"), bars_at(stamps.difference(lost))
    assert text(find_gaps(infer_calendar(key, bars), key, bars)) == text(lost)


def test_bars_of_several_sessions_count_sessions() -> None:
    stamps = daily("XNYS", "2024-01-02", "2025-12-31")
    assert predict("AAPL", "3d", stamps[: 3 * 140 : 3], 20) == text(stamps[3 * 140 : 3 * 160 : 3])
    key, bars = SeriesKey.of("AAPL", "3d"), bars_at(stamps[::3].delete([40, 41]))
    assert text(find_gaps(infer_calendar(key, bars), key, bars)) == text(stamps[::3][[40, 41]])


def test_gaps_of_150_000_bars_are_found_in_a_blink() -> None:
    stamps = intraday("XNYS", "2018-01-02", "2025-10-31", 5)[-150_000:]
    key, bars = SeriesKey.of("SPY", "5m"), bars_at(stamps)
    calendar = infer_calendar(key, bars)
    find_gaps(calendar, key, bars.iloc[:10_000])
    started = time.process_time()
    assert not len(find_gaps(calendar, key, bars))
    assert time.process_time() - started < 1.5  # 0.1 to 0.2 s on an idle core
