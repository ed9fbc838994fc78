"""How cells, headers and rows become columns of numbers."""

from pathlib import Path

import numpy as np
import pytest

from ml.data.reading import read_lines
from ml.errors import AmbiguousFileError, UnrecognisedFileError
from tests.ml.data.reading.bars import HEAD, ROWS, assert_same, make_bars, pasted, read_text


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


def test_an_index_column_is_no_timestamp(tmp_path: Path) -> None:
    lines = "".join(f"{2701 + i},1.5,2.5,1.25,2.0,100\n" for i in range(5))
    with pytest.raises(UnrecognisedFileError, match="timestamps"):
        read_text(tmp_path, ",Open,High,Low,Close,Volume\n" + lines)


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
    assert_same(read_text(tmp_path, text, override=pasted(tmp_path, caught.value)), bars)


def test_two_close_columns_that_differ_are_refused_with_an_override_that_works(tmp_path: Path) -> None:
    text = "Date,Open,High,Low,Close,Close\n" + "".join(
        f"2020-01-{d:02},1.5,2.5,1.25,2.0,2.1\n" for d in range(2, 12)
    )
    with pytest.raises(AmbiguousFileError, match="two that differ") as caught:
        read_text(tmp_path, text)
    assert (
        read_text(tmp_path, text, override=pasted(tmp_path, caught.value)).frame["close"].iloc[0] == 2.0
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
