from pathlib import Path

import pytest

from ml.data.discovery import Discovery, discover
from ml.errors import NoDataError, SeriesNameError


def raw_folder(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).write_text("")
    return folder


def keys(found: Discovery) -> list[str]:
    return [str(series.key) for series in found.series]


def test_files_are_grouped_into_series_in_order(tmp_path: Path) -> None:
    raw_folder(
        tmp_path, "MSFT_1d.csv", "AAPL_1d_b.csv", "AAPL_1h.csv", "AAPL_1d_a.CSV", "BRK.B_1d_5yr.csv"
    )
    found = discover(tmp_path)
    assert keys(found) == ["AAPL 1h", "AAPL 1d", "BRK.B 1d", "MSFT 1d"]
    assert [path.name for path in found.series[1].files] == ["AAPL_1d_a.CSV", "AAPL_1d_b.csv"]
    assert found.problems == ()


def test_hidden_files_other_files_and_subfolders_take_no_part(tmp_path: Path) -> None:
    raw_folder(tmp_path, "AAPL_1d.csv", ".AAPL_1d.csv", "overrides.toml", "notes.txt")
    (tmp_path / "more").mkdir()
    raw_folder(tmp_path / "more", "MSFT_1d.csv")
    assert keys(discover(tmp_path)) == ["AAPL 1d"]


@pytest.mark.parametrize(
    "name",
    ["prices.csv", "AAPL_1M.csv", "AAPL_7x_a.csv", "x%2F..%2Fetc_1d.csv", "%2Fetc_1d.csv", "_1d.csv"],
)
def test_a_file_whose_name_says_no_series_is_a_problem_and_stops_nobody(
    tmp_path: Path, name: str
) -> None:
    raw_folder(tmp_path, "AAPL_1d.csv", name)
    found = discover(tmp_path)
    assert keys(found) == ["AAPL 1d"]
    (problem,) = found.problems
    assert problem.path.name == problem.failure.where == name
    assert problem.failure.code == "TF003"
    assert problem.failure.hint


def test_a_name_that_would_spoil_reports_is_a_problem(tmp_path: Path) -> None:
    raw_folder(tmp_path, "AAPL_1d.csv", "MSFT_1d_\n.csv", "IBM_1d_\udcff.csv")
    found = discover(tmp_path)
    assert keys(found) == ["AAPL 1d"]
    assert [problem.failure.where.isprintable() for problem in found.problems] == [True, True]


def test_series_that_differ_only_in_case_are_problems_that_name_the_files(tmp_path: Path) -> None:
    raw_folder(tmp_path, "AAPL_1d_x.csv", "aapl_1d_x.csv", "aapl_1h.csv", "MSFT_1d.csv")
    found = discover(tmp_path)
    assert keys(found) == ["MSFT 1d", "aapl 1h"]
    assert [problem.path.name for problem in found.problems] == ["AAPL_1d_x.csv", "aapl_1d_x.csv"]
    assert all("AAPL_1d_x.csv, aapl_1d_x.csv" in problem.failure.message for problem in found.problems)


def test_tickers_and_intervals_narrow_the_search(tmp_path: Path) -> None:
    raw_folder(tmp_path, "AAPL_1d.csv", "AAPL_1h.csv", "MSFT_1d.csv", "[A]_1d.csv", "nonsense.csv")
    assert keys(discover(tmp_path, ["AAPL"])) == ["AAPL 1h", "AAPL 1d"]
    assert keys(discover(tmp_path, ["AAPL", "MSFT"], ["1d"])) == ["AAPL 1d", "MSFT 1d"]
    assert keys(discover(tmp_path, [], ["1h"])) == ["AAPL 1h"]
    assert keys(discover(tmp_path, ["[A]"])) == ["[A] 1d"], "a ticker is no pattern"
    assert discover(tmp_path, ["AAPL"]).problems == (), "other files are not asked for"


def test_a_ticker_that_is_not_there_is_a_problem_with_near_names(tmp_path: Path) -> None:
    raw_folder(tmp_path, "AAPL_1d.csv", "MSFT_1d.csv")
    found = discover(tmp_path, ["MSFT", "APPL"])
    assert keys(found) == ["MSFT 1d"]
    (problem,) = found.problems
    assert problem.failure.code == "TF002"
    assert "APPL" in problem.failure.message
    assert "AAPL 1d" in problem.failure.hint


def test_an_interval_that_is_not_there_is_a_problem(tmp_path: Path) -> None:
    raw_folder(tmp_path, "AAPL_1d.csv", "AAPL_1h.csv")
    found = discover(tmp_path, ["AAPL"], ["1h", "1wk"])
    assert keys(found) == ["AAPL 1h"]
    assert [problem.failure.code for problem in found.problems] == ["TF002"]
    assert "1wk" in found.problems[0].failure.message


def test_nothing_of_what_was_asked_for_is_an_error_that_says_what_there_is(tmp_path: Path) -> None:
    raw_folder(tmp_path, "AAPL_1d.csv")
    with pytest.raises(NoDataError, match=r"aapl.*there is AAPL 1d"):
        discover(tmp_path, ["aapl"])
    with pytest.raises(NoDataError, match=r"AAPL 1h.*there is AAPL 1d"):
        discover(tmp_path, ["AAPL"], ["1h"])


@pytest.mark.parametrize(
    ("tickers", "intervals"), [(["../etc"], []), (["\u0410APL"], []), ([], ["1M"]), ([], ["1d\n"])]
)
def test_what_cannot_be_a_ticker_or_interval_is_refused(
    tmp_path: Path, tickers: list[str], intervals: list[str]
) -> None:
    raw_folder(tmp_path, "AAPL_1d.csv")
    with pytest.raises(SeriesNameError):
        discover(tmp_path, tickers, intervals)


def test_no_folder_a_file_in_its_place_and_an_empty_one_say_where_and_what_is_expected(
    tmp_path: Path,
) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "empty").mkdir()
    (tmp_path / "other").mkdir()
    raw_folder(tmp_path / "other", "AAPL_1d.xlsx")
    for name, found in [
        ("none", "none"),
        ("file", "a file"),
        ("empty", "nothing"),
        ("other", "1 other file"),
    ]:
        with pytest.raises(NoDataError) as caught:
            discover(tmp_path / name)
        assert str(tmp_path / name) in caught.value.message
        assert f"found {found}" in caught.value.message
        assert "{ticker}_{interval}.csv" in caught.value.hint


def test_only_badly_named_files_are_problems_not_silence(tmp_path: Path) -> None:
    raw_folder(tmp_path, "prices.csv")
    found = discover(tmp_path)
    assert found.series == ()
    assert len(found.problems) == 1


def test_tickers_that_look_like_data_are_tickers(tmp_path: Path) -> None:
    names = [
        "NA_1d.csv",
        "TRUE_1d.csv",
        "0700_1d.csv",
        "CON%2EX_1d.csv",
        "BRK.A_1d.csv",
        "BRK.B_1d.csv",
        "BTC%2FUSD_1d.csv",
    ]
    found = discover(raw_folder(tmp_path, *names))
    assert {series.key.ticker for series in found.series} == {
        "NA", "TRUE", "0700", "CON.X", "BRK.A", "BRK.B", "BTC/USD",
    }  # fmt: skip


def test_a_name_that_begins_with_two_dots_is_a_problem_and_a_hidden_file_is_none(tmp_path: Path) -> None:
    for name in ("AAPL_1d.csv", "..%2Fevil_1d.csv", "._AAPL_1d.csv"):
        (tmp_path / name).write_text("x\n")
    found = discover(tmp_path)
    assert [str(raw.key) for raw in found.series] == ["AAPL 1d"]
    assert [problem.path.name for problem in found.problems] == ["..%2Fevil_1d.csv"]
