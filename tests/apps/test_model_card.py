import json
from pathlib import Path

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


def test_a_series_without_a_model_has_no_card(house: House, run: Run) -> None:
    called = run("models", "card", "AAPL", "1d")
    assert called.status == 1
    assert "TF062" in called.err
