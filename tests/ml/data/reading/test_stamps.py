"""How stamps of all kinds become timestamps, and when they are refused."""

from pathlib import Path

import pandas as pd
import pytest

from ml.errors import AmbiguousFileError, UnrecognisedFileError
from tests.ml.data.reading.bars import HEAD, make_bars, pasted, read_text, stamps


def test_a_day_beyond_twelve_anywhere_decides_day_or_month(tmp_path: Path) -> None:
    assert stamps(tmp_path, "02/03/2020", "03/03/2020", "13/03/2020")[0] == "2020-03-02T00:00:00Z"
    assert stamps(tmp_path, "03/02/2020", "03/03/2020", "03/13/2020")[0] == "2020-03-02T00:00:00Z"


def test_regular_spacing_decides_day_or_month_where_no_day_is_beyond_twelve(tmp_path: Path) -> None:
    assert stamps(tmp_path, "02/03/2020", "03/03/2020", "04/03/2020")[1] == "2020-03-03T00:00:00Z"
    assert stamps(tmp_path, "02/03/2020", "02/04/2020", "02/05/2020")[1] == "2020-02-04T00:00:00Z"
    assert (
        stamps(tmp_path, "01/02/2020", "01/03/2020", "01/04/2020", interval="1mo")[1]
        == "2020-03-01T00:00:00Z"
    )


def test_dates_that_can_be_read_in_two_ways_are_refused_with_an_override_that_works(
    tmp_path: Path,
) -> None:
    text = HEAD + "03/04/2020,1.5,2.5,1.25,2.0,100\n"
    with pytest.raises(AmbiguousFileError) as caught:
        read_text(tmp_path, text)
    override = pasted(tmp_path, caught.value)
    assert read_text(tmp_path, text, override=override).frame["timestamp"][0] == pd.Timestamp(
        "2020-04-03", tz="UTC"
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2020-01-02T09:30:00Z", "2020-01-02T09:30:00Z"),
        ("2020-01-02 09:30:00.250-05:00", "2020-01-02T14:30:00.250000Z"),
        ("2020-01-02T09:30+0100", "2020-01-02T08:30:00Z"),
        ("20200102 093000", "2020-01-02T09:30:00Z"),
        ("20200102093000", "2020-01-02T09:30:00Z"),
        ("202001020930", "2020-01-02T09:30:00Z"),
        ("1577957400", "2020-01-02T09:30:00Z"),
        ("1577957400000", "2020-01-02T09:30:00Z"),
        ("1577957400000000", "2020-01-02T09:30:00Z"),
        ("1577957400000000000", "2020-01-02T09:30:00Z"),
        ("1577957400.5", "2020-01-02T09:30:00.500000Z"),
        ("1.5779574E9", "2020-01-02T09:30:00Z"),
        ("2020年01月02日 09:30", "2020-01-02T09:30:00Z"),
        ("2020/1/2 下午 3:05", "2020-01-02T15:05:00Z"),
        ("Jan 2, 2020 9:30 PM", "2020-01-02T21:30:00Z"),
        ("2-Jan-20 09:30", "2020-01-02T09:30:00Z"),
        ("2020-01-02 09:30:00 EST", "2020-01-02T14:30:00Z"),
        ("2020-01-02 09:30 America/New_York", "2020-01-02T14:30:00Z"),
        ("Thu Jan 02 2020 09:30:00 GMT+0100 (CET)", "2020-01-02T08:30:00Z"),
        ("2020-01-02 24:00:00", "2020-01-03T00:00:00Z"),
        ("2020-02-30 09:30", "NaT"),
        ("2020-01-02 09:61", "NaT"),
    ],
)  # fmt: skip
def test_an_intraday_stamp_is_its_instant(text: str, expected: str, tmp_path: Path) -> None:
    others = [f"2020-01-03T{hour:02}:00:00Z" for hour in range(2)] if expected == "NaT" else []
    assert stamps(tmp_path, text, *others, interval="30m")[0] == expected


def test_epochs_of_several_units_mix_in_one_file(tmp_path: Path) -> None:
    found = stamps(tmp_path, "1577957400", "1577961000000", "1577964600000000", interval="1h")
    assert found == ["2020-01-02T09:30:00Z", "2020-01-02T10:30:00Z", "2020-01-02T11:30:00Z"]


def test_a_daily_stamp_keeps_the_date_that_is_written(tmp_path: Path) -> None:
    assert (
        stamps(tmp_path, "2020-01-02 00:00:00+08:00", "2020-01-03 00:00:00+08:00")[0]
        == "2020-01-02T00:00:00Z"
    )
    assert (
        stamps(tmp_path, "2020-01-02T23:00:00-05:00", "2020-01-03T23:00:00-05:00")[0]
        == "2020-01-02T00:00:00Z"
    )


def test_daily_epochs_of_an_eastern_midnight_fall_on_the_next_date(tmp_path: Path) -> None:
    days = pd.bdate_range("2020-03-02", periods=40, tz="Europe/Berlin")
    epochs = [str(int(day.timestamp())) for day in days]
    assert stamps(tmp_path, *epochs) == [f"{day:%Y-%m-%d}T00:00:00Z" for day in days]


def test_daily_epochs_of_a_western_close_keep_their_date(tmp_path: Path) -> None:
    days = pd.bdate_range("2020-03-02", periods=40, tz="America/New_York")
    epochs = [str(int(day.timestamp()) + 16 * 3600) for day in days]
    assert stamps(tmp_path, *epochs) == [f"{day:%Y-%m-%d}T00:00:00Z" for day in days]


def test_naive_intraday_stamps_are_in_the_configured_zone_across_both_clock_changes(
    tmp_path: Path,
) -> None:
    for start in ("2020-10-31 22:00", "2020-03-07 22:00"):
        instants = pd.date_range(start, periods=20, freq="30min", tz="America/New_York")
        texts = instants.strftime("%Y-%m-%d %H:%M").tolist()
        expected = [f"{i:%Y-%m-%dT%H:%M:%S}Z" for i in instants.tz_convert("UTC")]
        assert stamps(tmp_path, *texts, interval="30m", zone="America/New_York") == expected
        assert stamps(tmp_path, *texts[::-1], interval="30m", zone="America/New_York") == expected[::-1]


def test_a_local_time_that_never_was_is_unparsable(tmp_path: Path) -> None:
    found = stamps(
        tmp_path, "2020-03-08 01:30", "2020-03-08 02:30", interval="1h", zone="America/New_York"
    )
    assert found == ["2020-03-08T06:30:00Z", "NaT"]


def test_a_zone_that_means_several_things_is_refused_until_an_override_says_it(tmp_path: Path) -> None:
    with pytest.raises(AmbiguousFileError, match="IST") as caught:
        stamps(tmp_path, "2020-01-02 09:30 IST", interval="1h")
    override = pasted(tmp_path, AmbiguousFileError("", hint=caught.value.hint.replace("_1h", "_1d")))
    assert stamps(tmp_path, "2020-01-02 09:30 IST", interval="1h", override=override) == [
        "2020-01-02T04:00:00Z"
    ]


def test_dates_in_an_intraday_file_are_warned_of(tmp_path: Path) -> None:
    table = read_text(tmp_path, make_bars(30).to_csv(index=False), interval="1h")
    assert "no time of day" in table.reading.warnings[0]


def test_a_month_is_no_stamp_of_a_daily_bar(tmp_path: Path) -> None:
    text = "Date,Open,High,Low,Close,Volume\n" + "".join(
        f"Jan {day:02d},10,11,9,10.5,7\n" for day in range(1, 20)
    )
    with pytest.raises(UnrecognisedFileError):
        read_text(tmp_path, text)
    assert read_text(tmp_path, text, interval="1mo").frame["timestamp"].notna().all()
