import json
from pathlib import Path

import pytest

from apps.living import print_life
from ml.evaluation.promotion import promote_series
from ml.series import SeriesKey
from ml.training.trainer import train_series
from tests.apps.conftest import House, Run
from tests.stored import quick_settings, store_bars
from tests.synthetic import make_bars

KEY = SeriesKey.of("AAPL", "1d")


def _train(house: House, count: int) -> None:
    settings = quick_settings(house.root, promote={"force": True})
    store_bars(settings, KEY, make_bars(count))
    assert promote_series(train_series(KEY, settings), settings).status == "promoted"


def test_the_card_of_a_series_is_drawn_and_its_path_printed(house: House, run: Run) -> None:
    _train(house, 500)
    called = run("models", "card", "AAPL", "1d")
    assert called.status == 0
    path = Path(called.out.strip())
    assert path == house.root / "models" / "cards" / "AAPL_1d.html"
    assert "AAPL 1d" in path.read_text(encoding="utf-8")
    document = json.loads(run("models", "card", "AAPL", "1d", "--json").out)
    assert document["result"]["path"] == str(path)


def test_a_rollback_is_on_the_card_at_once(house: House, run: Run) -> None:
    _train(house, 500)
    _train(house, 510)
    path = Path(run("models", "card", "AAPL", "1d").out.strip())
    assert run("models", "rollback", "AAPL", "1d").status == 0
    assert "rolled back, serves now" in path.read_text(encoding="utf-8")


def test_show_tells_the_copy_score_and_the_certificate(house: House, run: Run) -> None:
    _train(house, 500)
    shown = run("models", "show", "AAPL", "1d").out
    assert "lag1_copy" in shown
    assert "passed: no bar of the future" in shown


def test_show_tells_how_it_was_trained_and_whether_it_is_proven(house: House, run: Run) -> None:
    _train(house, 500)
    shown = run("models", "show", "AAPL", "1d").out
    assert "proven       no" in shown
    assert "training     scratch, " in shown
    assert "measured on  test bars, which it has not learnt from" in shown
    listed = json.loads(run("models", "list", "--json").out)["result"]
    assert [row["proven"] for row in listed] == [False]
    assert "proven" in run("models", "list").out


def test_a_history_has_a_line_of_words_for_each_event_and_its_figures_as_json(
    house: House, run: Run
) -> None:
    _train(house, 500)
    _train(house, 510)
    run("models", "rollback", "AAPL", "1d")
    rolled_back, *judged = json.loads(run("models", "history", "AAPL", "1d", "--json").out)["result"]
    lines = run("models", "history", "AAPL", "1d").out.splitlines()[-4:-1]
    assert lines[0].count(" by ") == 1  # by whom is told once
    assert rolled_back["reason"] in lines[0]
    for line, row in zip(lines[1:], judged, strict=True):
        assert "(" in row["reason"]
        assert "(" not in line
        assert f" {row['by']}: lstm is " in line
        assert "the random walk" in line


def test_a_long_life_fits_a_screen_and_still_shows_what_serves(
    house: House, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    _train(house, 500)
    (row,) = json.loads(run("models", "history", "AAPL", "1d", "--json").out)["result"]
    print_life(KEY, [*[{**row, "serves": False}] * 40, row])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) < 36
    assert sum(line.startswith("*  ") for line in lines) == 1
    assert "24 earlier events are not shown; --json has them" in lines


def test_a_series_without_a_model_has_no_card(house: House, run: Run) -> None:
    called = run("models", "card", "AAPL", "1d")
    assert called.status == 1
    assert "TF062" in called.err
