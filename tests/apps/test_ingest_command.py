import json

import pytest

from tests.apps.conftest import House, Run
from tests.universe import write_series


def test_a_run_with_one_bad_series_ends_with_1_and_accounts_for_all(house: House, run: Run) -> None:
    write_series(house.raw, "GOOD", 40)
    write_series(house.raw, "BRK.B", 40)
    (house.raw / "BAD_1d.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    (house.raw / "nonsense.csv").write_text("x\n", encoding="utf-8")
    report = house.root / "reports" / "ingest.json"

    called = run("ingest", "--report", str(report))

    assert called.status == 1
    assert "Done. PASS=2 WARN=0 ERROR=2 SKIP=0 TOTAL=4 in " in called.out
    assert "hint: " in called.out
    rows = {row["ticker"]: row for row in json.loads(report.read_text(encoding="utf-8"))["series"]}
    assert rows["GOOD"]["status"] == "ok"
    assert rows["GOOD"]["rows"] == 40
    assert rows["GOOD"]["first"] == "2020-01-01T00:00:00Z"
    assert rows["GOOD"]["quarantined"] == {}
    assert rows["GOOD"]["suspect"] == []
    assert rows["BAD"]["status"] == "rejected"
    assert rows["BAD"]["code"] == "TF011"
    assert rows["nonsense"]["status"] == "rejected"
    assert (house.root / "store" / "BRK.B_1d.parquet").is_file()


def test_json_is_alone_on_stdout(house: House, run: Run) -> None:
    write_series(house.raw, "GOOD", 40)
    called = run("ingest", "--json")
    document = json.loads(called.out)
    assert called.status == 0
    assert (document["schema"], document["schema_version"]) == ("tickerflow.ingest", 1)
    assert document["summary"]["pass"] == document["summary"]["total"] == 1
    assert "GOOD 1d" in called.err


def test_quiet_says_nothing_but_the_result(house: House, run: Run) -> None:
    write_series(house.raw, "GOOD", 40)
    called = run("ingest", "-q")
    assert called.err == ""
    assert called.out.startswith("Done. PASS=1")


@pytest.mark.parametrize("command", ["ingest", "train"])
def test_an_empty_folder_says_where_it_looked_and_what_it_expects(
    command: str, house: House, run: Run
) -> None:
    house.raw.mkdir()
    called = run(command)
    assert called.status == 2
    assert str(house.raw) in called.err
    assert "{ticker}_{interval}.csv" in called.err
    assert "Traceback" not in called.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--ticker", "GOOF"], "GOOD 1d"),
        (["--ticker", "../GOOD"], "no path"),
        (["--interval", "1x"], "1mo"),
        (["--max-bad-share", "2"], "--max-bad-share"),
    ],
)
def test_wrong_use_ends_with_2_and_says_what_is_right(
    arguments: list[str], said: str, house: House, run: Run
) -> None:
    write_series(house.raw, "GOOD", 40)
    called = run("ingest", *arguments)
    assert called.status == 2
    assert said in called.err
    assert "Traceback" not in called.err


@pytest.mark.parametrize("name", ["", "a/b/report.json", "raw/GOOD_1d.csv/report.json"])
def test_a_report_that_cannot_be_written_is_refused_at_the_start(
    name: str, house: House, run: Run
) -> None:
    write_series(house.raw, "GOOD", 40)
    path = house.root / name
    called = run("ingest", "--report", str(path))
    assert called.status == 2
    assert f"can be written at {path}, " in called.err
    assert not (house.root / "store").exists()
    assert not (house.root / "a").exists()


def test_an_unknown_option_ends_with_2(run: Run) -> None:
    assert run("ingest", "--no-such-option").status == 2


def test_debug_shows_where_it_happened(house: House, run: Run) -> None:
    called = run("ingest", "--debug")
    assert called.status == 2
    assert "Traceback" in called.err
