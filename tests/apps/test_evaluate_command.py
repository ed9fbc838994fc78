"""``tickerflow evaluate``, on a real Prefect server."""

import json

import pytest

from tests.apps.conftest import House, Run
from tests.universe import quick_options, write_series


def options(house: House) -> list[str]:
    quick = quick_options()
    del quick[quick.index("--features") :]
    return ["--output", str(house.root / "evaluation"), *quick]


@pytest.mark.usefixtures("prefect_server")
def test_a_leaderboard_is_shown_written_and_reported(house: House, run: Run) -> None:
    write_series(house.raw, "ONE")
    page, report = house.root / "board.md", house.root / "report.json"
    words = ["--model", "lstm,naive", "--model", "drift", "--feature-set", "mine=close,rsi_5"]
    called = run(
        "evaluate",
        *options(house),
        *words,
        *("--folds", "2", "--page", str(page), "--report", str(report)),
    )
    assert called.status == 0, called.err
    assert "lstm-mine" in called.out
    assert "best mean rank" in called.out
    assert "TOTAL=1" in called.out
    assert "](board.png)" in page.read_text(encoding="utf-8")
    assert page.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
    account = json.loads(report.read_text(encoding="utf-8"))
    assert {row["contenders"] for row in account["series"]} == {3}
    assert {row["contender"] for row in account["leaderboard"]} == {"lstm-mine", "naive", "drift"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--model", "oracle"], "oracle"),
        (["--feature-set", "close"], "name=feature"),
        (["--feature-set", "x=moonphase"], "moonphase"),
        (["--folds", "0"], "--folds"),
        (["--feature-set", "x=close", "--feature-set", "x=open"], "each feature set once"),
        (["--page", "board.png"], ".md file with --page"),
        (["--page", "no/such/folder/board.md"], "name another with --page"),
    ],
)
def test_names_are_checked_before_anything_starts(
    arguments: list[str], said: str, house: House, run: Run
) -> None:
    write_series(house.raw, "ONE", 40)
    called = run("evaluate", *options(house), *arguments)
    assert called.status == 2
    assert said in called.err
    assert not (house.root / "store").exists()


def test_a_folder_of_something_else_is_left_alone(house: House, run: Run) -> None:
    write_series(house.raw, "ONE", 40)
    folder = house.root / "evaluation"
    folder.mkdir()
    (folder / "thesis.txt").write_text("mine", encoding="utf-8")
    called = run("evaluate", *options(house))
    assert called.status == 2
    assert "TF071" in called.err
    assert "remove" not in called.err  # what is in it is not an evaluation's
    assert [path.name for path in folder.iterdir()] == ["thesis.txt"]
