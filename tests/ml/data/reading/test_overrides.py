"""The override file: what it says, and what it may not."""

import os
from pathlib import Path

import pandas as pd
import pytest

from ml.data.reading import Override, load_overrides
from ml.errors import OverrideError
from ml.series import SeriesKey
from tests.ml.data.reading.bars import HEAD, KEY, ROWS, read_text


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
