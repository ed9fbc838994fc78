"""What is decided about a file as a whole, and what is refused."""

import os
import re
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ml.config import IngestConfig
from ml.data.reading import Override, load_overrides, read_lines, read_raw
from ml.errors import (
    AmbiguousFileError,
    OverrideError,
    SymbolError,
    TickerflowError,
    UnreadableFileError,
    UnrecognisedFileError,
)
from ml.series import SeriesKey
from tests.ml.data.reading.bars import assert_same, make_bars, read_text

HEAD = "Date,Open,High,Low,Close,Volume\n"
ROWS = (
    "2020-01-02,1.5,2.5,1.25,2.0,100\n2020-01-03,2.0,3.0,1.5,2.5,200\n2020-01-06,2.5,2.75,2.0,2.25,300\n"
)
KEY = SeriesKey.of("TEST", "1d")
CONFIG = IngestConfig()


def stamps(
    folder: Path, *texts: str, interval: str = "1d", zone: str = "UTC", override: Override | None = None
) -> list[str]:
    """ISO texts of how these stamps are read."""
    lines = "".join(f'"{text}",1.5,2.5,1.25,{2 + i / 100},100\n' for i, text in enumerate(texts))
    table = read_text(folder, HEAD + lines, interval=interval, zone=zone, override=override)
    return [str(stamp.isoformat()).replace("+00:00", "Z") for stamp in table.frame["timestamp"]]


# --- numbers -----------------------------------------------------------------------------------------


def test_cells_that_are_no_numbers_are_missing_and_no_row_is_dropped(tmp_path: Path) -> None:
    cells = ["1_000", "0x10", "1e999", "1\x00", "abc", "inf", "null", "", "12,34", "1.2.3", "--1"]
    lines = "".join(f'2020-02-{i + 3:02},"{cell}",9,0.5,2,100\n' for i, cell in enumerate(cells))
    table = read_text(tmp_path, HEAD + ROWS + lines)
    assert table.frame["open"].tolist()[:3] == [1.5, 2.0, 2.5]
    assert table.frame["open"][3:].isna().all()
    assert table.frame["close"].notna().all()
    assert table.frame["line"].tolist() == list(range(2, 2 + 3 + len(cells)))


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("(1.23)", -1.23),
        ("$1,234.50", 1234.5),
        ("1E+2", 100.0),
        ("66.32K", 66320.0),
        ("1.2万", 12000.0),
        ("€ 5", 5.0),
        ("4.25%", 4.25),
    ],
)
def test_a_number_is_read_in_the_vendors_notation(cell: str, value: float, tmp_path: Path) -> None:
    table = read_text(tmp_path, HEAD + ROWS + f'2020-01-07,2,3,1,2,"{cell}"\n')
    assert table.frame["volume"].tolist() == [100.0, 200.0, 300.0, value]


def test_the_decimal_sign_is_one_for_the_file(tmp_path: Path) -> None:
    text = "Datum;Erster;Hoch;Tief;Schluss;Stück\n" + "".join(
        f"{day:02}.03.2020;1.234,5;1.300;1.200;1.250,25;1.000\n" for day in (2, 3, 4, 5)
    )
    frame = read_text(tmp_path, text).frame
    assert frame.iloc[0][["open", "high", "low", "close", "volume"]].tolist() == [
        1234.5,
        1300,
        1200,
        1250.25,
        1000,
    ]


# --- timestamps --------------------------------------------------------------------------------------


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
    override = _pasted(tmp_path, caught.value)
    assert read_text(tmp_path, text, override=override).frame["timestamp"][0] == pd.Timestamp(
        "2020-04-03", tz="UTC"
    )


def _pasted(folder: Path, error: TickerflowError) -> Override:
    """The override that an error's hint prints, through the override file."""
    path = folder / "overrides.toml"
    path.write_text(error.hint[error.hint.index("[") :])
    found = load_overrides(path).for_file(KEY, "TEST_1d.csv")
    assert found is not None
    return found


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
    override = _pasted(tmp_path, AmbiguousFileError("", hint=caught.value.hint.replace("_1h", "_1d")))
    assert stamps(tmp_path, "2020-01-02 09:30 IST", interval="1h", override=override) == [
        "2020-01-02T04:00:00Z"
    ]


def test_an_index_column_is_no_timestamp(tmp_path: Path) -> None:
    lines = "".join(f"{2701 + i},1.5,2.5,1.25,2.0,100\n" for i in range(5))
    with pytest.raises(UnrecognisedFileError, match="timestamps"):
        read_text(tmp_path, ",Open,High,Low,Close,Volume\n" + lines)


# --- columns -----------------------------------------------------------------------------------------


def test_a_named_close_that_lies_outside_nearly_everywhere_is_not_the_close(tmp_path: Path) -> None:
    lines = "".join(f"2020-01-{d:02},1.5,2.5,1.25,900,2.0\n" for d in range(2, 12))
    table = read_text(tmp_path, "Date,Open,High,Low,Close,Last\n" + lines)
    assert table.frame["close"].unique().tolist() == [2.0]
    with pytest.raises(UnrecognisedFileError, match="close on 0% of the rows"):
        read_text(tmp_path, "Date,Open,High,Low,Close,Weight\n" + lines)


def test_swapped_names_are_refused_with_an_override_that_works(tmp_path: Path) -> None:
    bars = make_bars(30)
    text = bars.rename(columns={"high": "low", "low": "high"}).to_csv(index=False)
    with pytest.raises(UnrecognisedFileError) as caught:
        read_text(tmp_path, text)
    assert_same(read_text(tmp_path, text, override=_pasted(tmp_path, caught.value)), bars)


def test_two_close_columns_that_differ_are_refused_with_an_override_that_works(tmp_path: Path) -> None:
    text = "Date,Open,High,Low,Close,Close\n" + "".join(
        f"2020-01-{d:02},1.5,2.5,1.25,2.0,2.1\n" for d in range(2, 12)
    )
    with pytest.raises(AmbiguousFileError, match="two that differ") as caught:
        read_text(tmp_path, text)
    assert (
        read_text(tmp_path, text, override=_pasted(tmp_path, caught.value)).frame["close"].iloc[0] == 2.0
    )


def test_a_header_that_fits_in_one_way_only_is_laid_out_and_said(tmp_path: Path) -> None:
    bars = make_bars(30, freq="min")
    rows = bars.assign(timestamp=bars["timestamp"].dt.strftime("%Y-%m-%d,%H:%M:%S")).to_csv(
        index=False, header=False
    )
    table = read_text(tmp_path, HEAD + rows.replace('"', ""), interval="1m")
    assert_same(table, bars)
    assert "6 names" in table.reading.warnings[0]


def test_a_header_that_fits_in_no_way_is_refused(tmp_path: Path) -> None:
    text = "Date,Open,High,Low,Close\n" + "".join(
        f"2020-01-{d:02},7,1.5,2.5,1.25,2.0,1\n" for d in range(2, 9)
    )
    with pytest.raises(AmbiguousFileError, match=r"5 names .* over rows of 7 fields"):
        read_text(tmp_path, text)


def test_missing_tail_fields_are_null_and_too_many_are_left_out(tmp_path: Path) -> None:
    frame = read_text(
        tmp_path, HEAD + "2020-01-01,1.5,2.5,1.25,2.0\n" + ROWS + "2020-01-07,1.5,2.5,1.25,2.0,400,x,y\n"
    ).frame
    assert frame["volume"].tolist()[1:] == [100, 200, 300, 400]
    assert np.isnan(frame["volume"][0])
    assert frame["line"].tolist() == [2, 3, 4, 5, 6]


def test_stray_quotes_and_blank_lines_shift_no_line_number(tmp_path: Path) -> None:
    text = HEAD + '\n2020-01-01,"1.5,2.5,1.25,2.0,100\n\n' + ROWS + '2020-01-07,1.5,2.5,1.25,2.0,4"00\n'
    frame = read_text(tmp_path, text).frame
    assert frame["line"].tolist() == [3, 5, 6, 7, 8]
    assert frame["close"].tolist() == [2.0, 2.0, 2.5, 2.25, 2.0]


def test_line_ends_of_all_systems_count_alike(tmp_path: Path) -> None:
    for end in ("\n", "\r\n", "\r"):
        text = "junk\n" + HEAD + "\n" + ROWS
        table = read_text(tmp_path, text.replace("\n", end))
        assert table.frame["line"].tolist() == [4, 5, 6]
        lines = read_lines(tmp_path / "TEST_1d.csv", table.reading, [4, 6, 99])
        assert lines == {4: ROWS.splitlines()[0], 6: ROWS.splitlines()[2]}


def test_the_last_line_may_lack_its_end(tmp_path: Path) -> None:
    assert len(read_text(tmp_path, (HEAD + ROWS).rstrip("\n")).frame) == 3


def test_a_row_with_a_broken_stamp_stays(tmp_path: Path) -> None:
    frame = read_text(
        tmp_path, HEAD + ROWS + "broken,1.5,2.5,1.25,2.0,100\n" + ROWS.replace("2020", "2021")
    ).frame
    assert len(frame) == 7
    assert frame["timestamp"].isna().tolist() == [False] * 3 + [True] + [False] * 3


def test_raw_prices_are_taken_before_adjusted_ones(tmp_path: Path) -> None:
    names = "Date,Adj. Close,Adj. High,Adj. Low,Adj. Open,Open,High,Low,Close\n"
    text = names + "2020-01-02,1,1,1,1,15,25,12,20\n"
    assert read_text(tmp_path, text).frame.iloc[0][["open", "high", "low", "close"]].tolist() == [
        15,
        25,
        12,
        20,
    ]


def test_adjusted_prices_are_taken_where_there_are_no_others(tmp_path: Path) -> None:
    text = "Date,Adj Open,Adj High,Adj Low,Adj Close,Adj Volume\n2020-01-02,1.5,2.5,1.25,2,100\n"
    assert read_text(tmp_path, text).frame.iloc[0][["open", "close", "volume"]].tolist() == [1.5, 2, 100]


def test_turnover_alone_is_no_volume(tmp_path: Path) -> None:
    table = read_text(tmp_path, HEAD.replace("Volume", "Turnover") + ROWS)
    assert not table.reading.has_volume


def test_a_file_whose_whole_lines_are_quoted_is_unwrapped(tmp_path: Path) -> None:
    bars = make_bars(30)
    lines = bars.to_csv(index=False).splitlines()
    table = read_text(tmp_path, "".join(f'"{line}"\n' for line in lines))
    assert_same(table, bars)
    assert table.frame["line"].tolist() == list(range(2, 32))


def test_a_close_between_bands_is_no_bar(tmp_path: Path) -> None:
    lines = "".join(f"2020-01-{d:02},{10 + d % 3},10.5,13,9\n" for d in range(2, 20))
    with pytest.raises(UnrecognisedFileError, match="no open, high, low among"):
        read_text(tmp_path, "date,close,middle,upper,lower\n" + lines)


def test_a_comment_above_the_header_changes_nothing(tmp_path: Path) -> None:
    bars = make_bars(30)
    assert_same(read_text(tmp_path, "# by hand\n# b,c,d,e,f,g\n" + bars.to_csv(index=False)), bars)


def test_dates_in_an_intraday_file_are_warned_of(tmp_path: Path) -> None:
    table = read_text(tmp_path, make_bars(30).to_csv(index=False), interval="1h")
    assert "no time of day" in table.reading.warnings[0]


# --- symbols -----------------------------------------------------------------------------------------


def _stacked(*symbols: str) -> str:
    lines = [
        f"{s},{row.replace(',1.5,', f',{1.5 + i / 10},')}"
        for i, s in enumerate(symbols)
        for row in ROWS.splitlines()
    ]
    return "Symbol," + HEAD + "\n".join(lines) + "\n"


@pytest.mark.parametrize(
    ("ticker", "symbols", "position"),
    [
        ("BTC/USD", ("ETHUSD", "BTC-USD"), 1),
        ("600000.SS", ("600000", "000001"), 0),
        ("AAPL", ("MSFT.US", "AAPL.US"), 1),
        ("BRK.B", ("BRK.A", "BRK.B"), 1),
        ("0700", ("5", "700"), 1),
    ],
)
def test_of_several_symbols_the_tickers_rows_are_taken(
    ticker: str, symbols: tuple[str, ...], position: int, tmp_path: Path
) -> None:
    frame = read_text(tmp_path, _stacked(*symbols), ticker=ticker).frame
    assert frame["line"].tolist() == [2 + 3 * position + i for i in range(3)]
    assert frame["open"][0] == 1.5 + position / 10


@pytest.mark.parametrize(
    ("ticker", "symbols"),
    [("TEST", ("AAPL", "MSFT")), ("BRK", ("BRK.A", "BRK.B")), ("BRK.C", ("BRK.A", "BRK.B"))],
)
def test_several_symbols_without_the_ticker_are_refused(
    ticker: str, symbols: tuple[str, ...], tmp_path: Path
) -> None:
    with pytest.raises(SymbolError, match=re.escape(symbols[0])):
        read_text(tmp_path, _stacked(*symbols), ticker=ticker)


def test_the_override_that_a_refused_symbol_suggests_works(tmp_path: Path) -> None:
    text = _stacked("AAPL", "MSFT")
    with pytest.raises(SymbolError) as caught:
        read_text(tmp_path, text)
    assert len(read_text(tmp_path, text, override=_pasted(tmp_path, caught.value)).frame) == 3


def test_one_other_symbol_is_taken_with_a_warning(tmp_path: Path) -> None:
    table = read_text(tmp_path, _stacked("XBTUSD"))
    assert len(table.frame) == 3
    assert "XBTUSD" in table.reading.warnings[0]


def test_symbols_that_look_like_data_stay_texts(tmp_path: Path) -> None:
    for ticker in ("NA", "TRUE", "0700", "NULL"):
        assert len(read_text(tmp_path, _stacked("MSFT", ticker), ticker=ticker).frame) == 3


# --- what is refused ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", "0 bytes"),
        (b" \n\n", "blanks"),
        (b"\x1f\x8b\x08\x00" + bytes(50), "gzip"),
        (b"\xfd7zXZ\x00" + bytes(50), "xz"),
        (bytes(range(256)) * 40, "binary"),
        (b"<!DOCTYPE html><html><body>Too many requests</body></html>", "web page"),
    ],
)
def test_what_is_no_text_is_unreadable(content: bytes, found: str, tmp_path: Path) -> None:
    with pytest.raises(UnreadableFileError, match=found):
        read_text(tmp_path, content)


def test_compression_is_recognised_by_content_and_a_name_means_nothing(tmp_path: Path) -> None:
    path = tmp_path / "TEST_1d.csv"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("TEST_1d.csv", HEAD + ROWS)
    with pytest.raises(UnreadableFileError, match="zip"):
        read_raw(path, KEY, CONFIG)
    plain = tmp_path / "TEST_1d.csv.gz"
    plain.write_text(HEAD + ROWS)
    assert len(read_raw(plain, KEY, CONFIG).frame) == 3


def test_what_is_no_regular_file_is_unreadable(tmp_path: Path) -> None:
    fifo = tmp_path / "TEST_1d.csv"
    os.mkfifo(fifo)
    for path in (
        fifo,
        tmp_path,
        Path("/dev/zero"),
        Path("https://example.com/TEST_1d.csv"),
        tmp_path / "none.csv",
        Path("a\0b"),
    ):
        with pytest.raises(UnreadableFileError):
            read_raw(path, KEY, CONFIG)


def test_a_link_to_a_regular_file_is_followed(tmp_path: Path) -> None:
    (tmp_path / "data.txt").write_text(HEAD + ROWS)
    (tmp_path / "TEST_1d.csv").symlink_to(tmp_path / "data.txt")
    assert len(read_raw(tmp_path / "TEST_1d.csv", KEY, CONFIG).frame) == 3


def test_a_file_beyond_the_limit_is_unreadable(tmp_path: Path) -> None:
    path = tmp_path / "TEST_1d.csv"
    path.write_text(HEAD + ROWS)
    with pytest.raises(UnreadableFileError, match="at most 50 bytes"):
        read_raw(path, KEY, IngestConfig(max_file_bytes=50))


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "text",
    [
        ",".join(f"c{i}" for i in range(100_000)) + "\n" + ",".join(["1"] * 100_000) + "\n",
        "\n".join(",".join(["1"] * 3000) for _ in range(40)),
        "x" * 3_000_000,
        "1," * 1_000_000,
        "a,b,c\n1,2,3\n4,5,6\n",
        "Date,USD,GBP,EUR\n2020-01-02,1300,800,900\n2020-01-03,1301,801,901\n",
        HEAD,
        HEAD + ",TEST,TEST,TEST,TEST,TEST\n",
        HEAD + ",10000,10000,10000,10000,10000\n",
        '{"error": "invalid api key"}\n',
        "Date,Open,High,Low,Close\n",
        "once upon a time, there was, a file\n" * 50,
    ],
)
def test_what_is_no_table_of_bars_is_refused_with_a_hint(text: str, tmp_path: Path) -> None:
    with pytest.raises((UnrecognisedFileError, UnreadableFileError)) as caught:
        read_text(tmp_path, text)
    assert caught.value.hint
    assert caught.value.where == "TEST_1d.csv"


# --- overrides ---------------------------------------------------------------------------------------


def test_an_override_names_columns_format_and_zone(tmp_path: Path) -> None:
    override = Override(
        columns={"timestamp": 0, "open": "A", "high": "B", "low": "C", "close": "D", "volume": 5},
        date_format="%d_%m_%Y %H.%M", timezone="Asia/Tokyo", delimiter="#",
        encoding="utf-16", decimal=",",
        skip_rows=1, header_rows=1,
    )  # fmt: skip
    text = "1;2;3\nwhen#A#B#C#D#E\n02_01_2020 09.00#1,5#2,5#1,25#2,0#100\n"
    frame = read_text(tmp_path, text.encode("utf-16"), interval="1h", override=override).frame
    assert frame.iloc[0].tolist() == [
        pd.Timestamp("2020-01-02", tz="UTC"),
        1.5,
        2.5,
        1.25,
        2.0,
        100.0,
        3,
    ]


def test_an_override_that_does_not_fit_the_file_says_what_the_file_has(tmp_path: Path) -> None:
    with pytest.raises(OverrideError, match=r"'Nope'.*'Open'"):
        read_text(tmp_path, HEAD + ROWS, override=Override(columns={"open": "Nope"}))


def test_the_more_specific_override_wins(tmp_path: Path) -> None:
    path = tmp_path / "overrides.toml"
    path.write_text(
        '["TEST"]\ndecimal = ","\ntimezone = "Asia/Tokyo"\n["X[A]_1d.csv"]\nsymbol = "A"\n'
        '["TEST_1d*.csv"]\ndecimal = "."\ndelimiter = ";"\n["TEST_1d.csv"]\nday_first = true\n'
    )
    overrides = load_overrides(path)
    found = overrides.for_file(KEY, "TEST_1d.csv")
    assert found is not None
    assert (found.decimal, found.delimiter, found.timezone, found.day_first) == (
        ",",
        ";",
        "Asia/Tokyo",
        True,
    )
    bracketed = overrides.for_file(SeriesKey.of("X[A]", "1d"), "X[A]_1d.csv")
    assert bracketed is not None
    assert bracketed.symbol == "A"
    assert overrides.for_file(SeriesKey.of("OTHER", "1d"), "OTHER_1d.csv") is None
    assert load_overrides(tmp_path / "none.toml").for_file(KEY, "TEST_1d.csv") is None


@pytest.mark.parametrize(
    "text",
    ['["A"]\nday_frist = true\n', '["A"]\ntimezone = "Mars/Base"\n', "[[", 'A = 3\n',
     '["A"]\ncolumns = { opening = 1 }\n',
     '["A"]\ncolumns = { open = -1 }\n', '["A"]\nday_first = 1\n'],
)  # fmt: skip
def test_an_override_file_that_does_not_fit_its_schema_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "overrides.toml"
    path.write_text(text)
    with pytest.raises(OverrideError):
        load_overrides(path)


def test_a_volume_in_thousands_is_shares(tmp_path: Path) -> None:
    text = "Date,Open,High,Low,Close,Volume (000s)\n" + "".join(
        f"2020-01-{day:02d},10,11,9,10.5,{day}.5\n" for day in range(1, 20)
    )
    frame = read_text(tmp_path, text).frame
    assert frame["volume"].tolist() == [day * 1000 + 500 for day in range(1, 20)]


def test_a_volume_that_holds_no_numbers_is_said(tmp_path: Path) -> None:
    text = "Date,Open,High,Low,Close,Volume\n" + "".join(
        f"2020-01-{day:02d},10,11,9,10.5,1_000\n" for day in range(1, 20)
    )
    table = read_text(tmp_path, text)
    assert not table.reading.has_volume
    assert "1_000" in table.reading.warnings[0]


def test_a_month_is_no_stamp_of_a_daily_bar(tmp_path: Path) -> None:
    text = "Date,Open,High,Low,Close,Volume\n" + "".join(
        f"Jan {day:02d},10,11,9,10.5,7\n" for day in range(1, 20)
    )
    with pytest.raises(UnrecognisedFileError):
        read_text(tmp_path, text)
    assert read_text(tmp_path, text, interval="1mo").frame["timestamp"].notna().all()


def test_an_override_file_that_was_named_must_be_there(tmp_path: Path) -> None:
    assert load_overrides(tmp_path / "none.toml").tables == {}
    with pytest.raises(OverrideError, match="found none at"):
        load_overrides(tmp_path / "none.toml", required=True)


def test_an_override_file_that_cannot_be_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = tmp_path / "loop.toml"
    loop.symlink_to(loop)
    os.mkfifo(tmp_path / "fifo.toml")
    for name in ("loop.toml", "fifo.toml", "", "x" * 300):
        with pytest.raises(OverrideError):
            load_overrides(tmp_path / name)

    def refuse(path: Path, **_: object) -> os.stat_result:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "stat", refuse)
    with pytest.raises(OverrideError, match="Permission denied"):
        load_overrides(tmp_path / "secret.toml")


def test_an_override_file_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "overrides.toml"
    path.write_bytes(b'\xef\xbb\xbf["AAPL"]\nday_first = true\n')
    assert load_overrides(path).tables["AAPL"].day_first


def test_an_average_of_volumes_is_no_volume(tmp_path: Path) -> None:
    text = "time,open,high,low,close,Volume MA\n" + "".join(
        f"2020-01-{day:02d},10,11,9,10.5,{day}\n" for day in range(1, 20)
    )
    assert not read_text(tmp_path, text).reading.has_volume
