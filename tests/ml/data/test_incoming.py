"""Taking in a raw file: under its own name, and over no other."""

import errno
import os
from pathlib import Path

import pytest

from ml.data.incoming import check_name, free_name, take_in
from ml.errors import SeriesNameError
from ml.series import SeriesKey


def arrive(folder: Path, name: str, content: str) -> str:
    part = folder / ".upload.part"
    part.write_text(content)
    how = take_in(part, name).how
    part.unlink(missing_ok=True)
    return how


@pytest.mark.parametrize("links", [True, False])
def test_a_file_takes_a_free_name_and_never_that_of_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    def refuse(source: Path, target: Path) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    if not links:
        monkeypatch.setattr(os, "link", refuse)
    assert arrive(tmp_path, "AAPL_1d.csv", "one") == "new"
    assert arrive(tmp_path, "AAPL_1d.csv", "one") == "same"
    assert arrive(tmp_path, "AAPL_1d.csv", "two") == "taken"
    assert (tmp_path / "AAPL_1d.csv").read_text() == "one"
    assert [path.name for path in tmp_path.iterdir()] == ["AAPL_1d.csv"]


@pytest.mark.timeout(60)
def test_a_name_that_a_pipe_or_a_folder_has_is_taken(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "AAPL_1d.csv")
    (tmp_path / "MSFT_1d.csv").mkdir()
    assert arrive(tmp_path, "AAPL_1d.csv", "one") == "taken"
    assert arrive(tmp_path, "MSFT_1d.csv", "one") == "taken"


def test_names_that_differ_in_case_alone_are_twins_and_other_series_are_none(tmp_path: Path) -> None:
    arrive(tmp_path, "AAPL_1d.csv", "one")
    (tmp_path / "no series.csv").touch()
    assert arrive(tmp_path, "aapl_1d_more.csv", "two") == "twin"
    assert arrive(tmp_path, "AAPL_1d_more.csv", "two") == "new"
    assert arrive(tmp_path, "AAPL_1h.csv", "two") == "new"


def test_a_free_name_is_one_more_of_the_series(tmp_path: Path) -> None:
    key = SeriesKey.of("BTC/USD", "1h")
    assert free_name(tmp_path, key) == "BTC%2FUSD_1h_2.csv"
    (tmp_path / "BTC%2FUSD_1h_2.csv").touch()
    assert free_name(tmp_path, key) == "BTC%2FUSD_1h_3.csv"
    assert check_name(free_name(tmp_path, key)) == key


@pytest.mark.parametrize(
    "name", ["A:B_1d.csv", "A_1d_\n.csv", "A_1d_é.csv", f"A_1d_{'x' * 200}.csv", "A_1d_...csv", "A_1d"]
)
def test_a_name_that_some_file_system_cannot_have_is_refused(name: str) -> None:
    with pytest.raises(SeriesNameError):
        check_name(name)
