"""Which column is the volume, and in what unit."""

from pathlib import Path

from tests.ml.data.reading.bars import HEAD, ROWS, read_text


def test_turnover_alone_is_no_volume(tmp_path: Path) -> None:
    table = read_text(tmp_path, HEAD.replace("Volume", "Turnover") + ROWS)
    assert not table.reading.has_volume


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


def test_an_average_of_volumes_is_no_volume(tmp_path: Path) -> None:
    text = "time,open,high,low,close,Volume MA\n" + "".join(
        f"2020-01-{day:02d},10,11,9,10.5,{day}\n" for day in range(1, 20)
    )
    assert not read_text(tmp_path, text).reading.has_volume
