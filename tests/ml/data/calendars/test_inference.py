"""Which calendar a series is taken to follow."""

import time

import pandas as pd
import pytest

from ml.data.calendars import (
    Calendar,
    describe_gaps,
    find_gaps,
    future_timestamps,
    infer_calendar,
)
from ml.data.calendars.names import exchanges_of
from ml.errors import CalendarError, TooFewBarsError, UsageError
from ml.series import SeriesKey
from tests.ml.data.calendars.helpers import bars_at, daily, intraday, predict

_NO_BARS = bars_at(pd.DatetimeIndex([], dtype="datetime64[ns, UTC]"))


@pytest.mark.parametrize(
    ("ticker", "code"),
    [
        ("VOD.L", "XLON"),
        ("SAP.DE", "XETR"),
        ("AIR.PA", "XPAR"),
        ("0700.HK", "XHKG"),
        ("7203.T", "XTKS"),
        ("035720.KQ", "XKRX"),
        ("600519.SH", "XSHG"),
        ("000001.SZ", "XSHG"),
        ("RELIANCE.NS", "XBOM"),
        ("SHOP.TO", "XTSE"),
        ("BHP.AX", "XASX"),
        ("ENI.MI", "XMIL"),
        ("ASML.AS", "XAMS"),
        ("NESN.SW", "XSWX"),
        ("SAN.MC", "XMAD"),
        ("VOLV-B.ST", "XSTO"),
        ("PETR4.SA", "BVMF"),
        ("WALMEX.MX", "XMEX"),
        ("PKO.WA", "XWAR"),
        ("ES=F", "CMES"),
    ],
)
def test_a_suffix_names_its_exchange(ticker: str, code: str) -> None:
    assert exchanges_of(ticker) == (code,)


@pytest.mark.parametrize("ticker", ["BRK.B", "BF.B", "AAPL", "A", "NA", "TRUE", "^GSPC"])
def test_a_class_of_shares_is_no_suffix(ticker: str) -> None:
    assert exchanges_of(ticker) == ()


@pytest.mark.parametrize(
    ("ticker", "code"),
    [
        ("AAPL", "XNYS"),
        ("BRK.B", "XNYS"),
        ("VOD.L", "XLON"),
        ("EURUSD", "FX"),
        ("EURUSD=X", "FX"),
        ("XAUUSD", "FX"),
        ("GBP/JPY", "FX"),
        ("BTC-USD", "24/7"),
        ("BTCUSDT", "24/7"),
        ("ETHUSD", "24/7"),
        ("XBT/EUR", "24/7"),
        ("SHIB-USD", "24/7"),
    ],
)
def test_one_bar_or_none_leaves_it_to_the_ticker(ticker: str, code: str) -> None:
    one_bar = bars_at(pd.DatetimeIndex(["2025-11-12"]))
    assert infer_calendar(SeriesKey.of(ticker, "1d"), one_bar).code == code
    assert infer_calendar(SeriesKey.of(ticker, "1wk"), _NO_BARS).code == code


def test_weekend_bars_mean_a_market_that_never_closes_whatever_the_ticker() -> None:
    bars = bars_at(pd.date_range("2025-01-01", "2025-03-01"))
    assert infer_calendar(SeriesKey.of("MYTOKEN.L", "1d"), bars).code == "24/7"


def test_hours_around_the_clock_on_weekdays_mean_the_fx_week() -> None:
    days = pd.bdate_range("2025-01-01", "2025-03-01")
    stamps = pd.DatetimeIndex([day + pd.Timedelta(hours=hour) for day in days for hour in range(1, 24)])
    assert infer_calendar(SeriesKey.of("US500", "1h"), bars_at(stamps)).code == "FX"


@pytest.mark.parametrize(
    ("code", "ticker"), [("XLON", "FTSE100"), ("XWAR", "WIG20"), ("XHKG", "TENCENT")]
)
def test_holidays_among_the_bars_reveal_another_exchange(code: str, ticker: str) -> None:
    bars = bars_at(daily(code, "2022-01-03", "2025-11-14"))
    assert infer_calendar(SeriesKey.of(ticker, "1d"), bars).code == code


def test_a_wrong_suffix_yields_to_the_bars() -> None:
    bars = bars_at(daily("XNYS", "2022-01-03", "2025-11-14"))
    assert infer_calendar(SeriesKey.of("CLASS.T", "1d"), bars).code == "XNYS"


def test_bars_that_fit_no_exchange_get_the_week_that_they_show() -> None:
    stamps = pd.bdate_range("2014-01-02", "2025-11-14")
    stamps = stamps[(stamps.strftime("%m%d") != "0714") & (stamps.day_of_week != 4)]
    assert infer_calendar(SeriesKey.of("ODD", "1d"), bars_at(stamps)).code == "weekdays"
    assert predict("ODD", "1d", stamps, 3) == [
        "2025-11-17 00:00",
        "2025-11-18 00:00",
        "2025-11-19 00:00",
    ]
    # A holiday kept every year is one next year too.
    known = int(stamps.searchsorted(pd.Timestamp("2025-07-14")))
    assert predict("ODD", "1d", stamps[:known], 1) == ["2025-07-15 00:00"]


def test_an_exchange_that_exchange_calendars_cannot_build_falls_back_to_its_week() -> None:
    stamps = pd.date_range("2024-01-01", "2025-11-13")
    stamps = stamps[~stamps.day_of_week.isin([4, 5])]  # Sunday to Thursday
    assert infer_calendar(SeriesKey.of("TEVA.TA", "1d"), bars_at(stamps)).code == "weekdays"
    assert predict("TEVA.TA", "1d", stamps, 2) == ["2025-11-16 00:00", "2025-11-17 00:00"]


@pytest.mark.parametrize(
    ("setting", "code"),
    [
        ("24/7", "24/7"),
        ("fx", "FX"),
        ("FX", "FX"),
        ("XLON", "XLON"),
        ("nyse", "XNYS"),
        ("weekdays", "weekdays"),
    ],
)
def test_a_setting_overrules_the_ticker(setting: str, code: str) -> None:
    assert infer_calendar(SeriesKey.of("AAPL", "1d"), _NO_BARS, setting) == Calendar(code)


def test_an_unknown_setting_is_refused_with_some_valid_ones() -> None:
    with pytest.raises(CalendarError, match="found 'XNOWHERE'") as caught:
        infer_calendar(SeriesKey.of("AAPL", "1d"), _NO_BARS, "XNOWHERE")
    assert "24/7" in caught.value.hint
    assert "XNYS" in caught.value.hint


@pytest.mark.parametrize("setting", ["24/7", "fx", "weekdays", "XNYS", "XTKS", "24/5", "CMES"])
@pytest.mark.parametrize("interval", ["1m", "1h", "4h", "1d", "5d", "1wk", "1mo", "24h", "48h"])
@pytest.mark.parametrize("length", [1, 3])
def test_any_calendar_with_any_bars_has_a_future(setting: str, interval: str, length: int) -> None:
    # Saturday night: an exchange and its bars may never meet.
    stamps = pd.date_range("2025-11-15 22:10", periods=length, freq="1min")
    if interval[-1] not in "mh":
        stamps = pd.date_range("2025-11-15", periods=length, freq="7D")
    key, bars = SeriesKey.of("ODD", interval), bars_at(stamps)
    calendar = infer_calendar(key, bars, setting)
    for n in (1, 500):
        found = future_timestamps(calendar, key, bars, n)
        assert len(found) == n
        assert found[0] > bars["timestamp"].iloc[-1]
        assert found.is_monotonic_increasing
        assert found.is_unique
    find_gaps(calendar, key, bars)


@pytest.mark.parametrize("n", [0, 501])
def test_a_number_of_steps_out_of_range_is_refused(n: int) -> None:
    bars = bars_at(pd.DatetimeIndex(["2025-11-12"]))
    with pytest.raises(UsageError, match="1 to 500"):
        future_timestamps(Calendar("24/7"), SeriesKey.of("A", "1d"), bars, n)


def test_no_bars_have_no_future_and_no_gaps() -> None:
    key = SeriesKey.of("A", "1d")
    with pytest.raises(TooFewBarsError, match="at least one bar"):
        future_timestamps(Calendar("24/7"), key, _NO_BARS, 1)
    assert not len(find_gaps(Calendar("24/7"), key, _NO_BARS))


def test_gaps_are_described_for_reports() -> None:
    stamps = pd.date_range("2025-01-01", "2025-02-01").delete([3, 4, 5])
    key, bars = SeriesKey.of("BTC-USD", "1d"), bars_at(stamps)
    calendar = infer_calendar(key, bars)
    assert describe_gaps(calendar, find_gaps(calendar, key, bars), limit=2) == {
        "calendar": "24/7",
        "gaps": 3,
        "first_gaps": ["2025-01-04T00:00:00+00:00", "2025-01-05T00:00:00+00:00"],
    }


def test_a_universe_of_one_exchange_builds_its_calendar_once() -> None:
    bars = bars_at(daily("XNYS", "2020-01-02", "2025-11-14"))
    infer_calendar(SeriesKey.of("FIRST", "1d"), bars)
    started = time.process_time()
    for number in range(50):
        key = SeriesKey.of(f"STOCK{number}", "1d")
        calendar = infer_calendar(key, bars)
        find_gaps(calendar, key, bars)
        future_timestamps(calendar, key, bars, 10)
    assert (time.process_time() - started) / 50 < 0.05  # 2 to 5 ms on an idle core


def test_intraday_bars_of_another_zone_still_reveal_their_exchange() -> None:
    bars = bars_at(intraday("XETR", "2024-01-02", "2025-11-14", 60))
    assert infer_calendar(SeriesKey.of("DAX", "1h"), bars).code in ("XETR", "XFRA")
