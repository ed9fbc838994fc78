"""The board shows what lies in the folders now, and reads only what has changed."""

from dataclasses import replace
from datetime import UTC, datetime, tzinfo
from pathlib import Path

import pytest

from ml.artifacts.meta import Decision
from ml.artifacts.store import ModelStore
from ml.config import Settings, WatchConfig
from ml.inference import folders
from ml.inference.board import Board, View
from ml.inference.glance import Row
from ml.ledger.alarms import raise_alarm
from ml.ledger.database import opened
from tests.ml.inference.worlds import AAPL, HORIZON, make_bars, promote, settings_in, write_raw

PATIENCE = 60.0


@pytest.fixture
def board(settings: Settings) -> Board:
    return Board(settings)


def only(view: View) -> Row:
    [row] = view.rows
    return row


def kinds(row: Row) -> list[str]:
    return [alert.kind for alert in row.alerts]


def test_a_row_says_what_serves_and_what_it_forecasts(board: Board, settings: Settings) -> None:
    view = board.look(PATIENCE)
    row, bars = only(view), make_bars()
    meta = ModelStore(settings.models_dir).champion_meta(AAPL)
    assert meta is not None
    close = bars["close"].tolist()
    assert (row.ticker, row.interval, row.rows) == ("AAPL", "1d", len(bars))
    assert (row.last, row.last_close, row.spark) == (bars["timestamp"].iloc[-1], close[-1], close[-60:])
    assert row.change == pytest.approx(close[-1] / close[-2] - 1)
    assert (row.promoted, row.version, row.horizon) == (True, meta.version, HORIZON)
    assert (row.skill, row.verdict, row.reason) == (0.012, "promoted", "a test")
    assert row.forecast_change is not None
    assert row.direction == "none"  # for it is not proven
    assert (view.pending, view.problems) == (0, ())


def test_a_look_shows_at_once_what_is_known_and_counts_the_rest(board: Board) -> None:
    first = board.look()
    assert (only(first).ticker, only(first).last_close, first.pending) == ("AAPL", None, 1)
    assert board.look(PATIENCE).pending == 0


def test_a_look_at_many_new_series_does_not_wait_for_them(board: Board, settings: Settings) -> None:
    for number in range(30):
        write_raw(settings, make_bars(20), f"X{number}_1d.csv")
    assert board.look(PATIENCE).pending > 0
    board.stop()


def test_a_file_that_comes_is_a_row_and_one_that_goes_is_none(board: Board, settings: Settings) -> None:
    board.look(PATIENCE)
    path = write_raw(settings, make_bars(30), "MSFT_1d.csv")
    known = {row.ticker: row for row in board.look(PATIENCE).rows}
    assert (known["MSFT"].rows, known["MSFT"].promoted, known["MSFT"].version) == (30, False, "")
    path.unlink()
    assert [row.ticker for row in board.look(PATIENCE).rows] == ["AAPL"]


def test_new_bars_of_a_series_are_seen(board: Board, settings: Settings) -> None:
    before = only(board.look(PATIENCE))
    write_raw(settings, make_bars().iloc[:-1])
    after = only(board.look(PATIENCE))
    assert (before.rows - after.rows, after.last_close) == (1, make_bars()["close"].iloc[-2])


def test_a_promotion_is_seen(board: Board, settings: Settings) -> None:
    before = only(board.look(PATIENCE))
    meta = promote(settings, make_bars(), seed=2, skill=0.02)
    after = only(board.look(PATIENCE))
    assert (after.version, after.generation, after.skill) == (meta.version, before.generation + 1, 0.02)
    assert after.forecast_change != before.forecast_change


def test_while_nothing_changes_a_look_is_the_same_object_for_a_minute(
    board: Board, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folders, "_SETTLED_NS", -(10**18))  # all files are at rest at once
    monkeypatch.setattr("ml.inference.board.datetime", Clock)
    Board(settings).look(PATIENCE)  # ingests: a file that comes
    first = board.look(PATIENCE)
    assert all(board.look(PATIENCE) is first for _ in range(3))
    monkeypatch.setattr(Clock, "minute_of_hour", 31)
    later = board.look(PATIENCE)
    assert board.look(PATIENCE) is later is not first


def test_a_file_that_is_rejected_is_an_alert_and_its_bars_of_before_stay(
    board: Board, settings: Settings
) -> None:
    board.look(PATIENCE)
    (settings.raw_dir / "AAPL_1d.csv").write_text("nothing,of,this\n1,2,3\n", encoding="utf-8")
    row = only(board.look(PATIENCE))
    assert kinds(row)[0] == "rejected"
    assert row.alerts[0].hint
    assert (row.rows, row.version != "") == (len(make_bars()), True)


def test_a_damaged_model_is_an_alert(board: Board, settings: Settings) -> None:
    for path in settings.models_dir.glob("*.meta.json"):
        path.write_text("{}", encoding="utf-8")
    row = only(board.look(PATIENCE))
    assert kinds(row)[0] == "damaged"
    assert (row.promoted, row.last_close) == (True, make_bars()["close"].iloc[-1])


def test_weights_that_were_tampered_with_are_an_alert(board: Board, settings: Settings) -> None:
    for path in settings.models_dir.rglob("*.pth"):
        path.write_bytes(path.read_bytes()[:-1] + b"!")
    row = only(board.look(PATIENCE))
    assert kinds(row)[0] == "damaged"
    assert row.forecast_change is None


def test_bars_that_should_have_come_are_an_alert(board: Board) -> None:
    row = only(board.look(PATIENCE))  # its last bar is of 2016
    assert (row.overdue_bars, kinds(row)) == (500, ["overdue"])
    assert "2016-03-24," in row.alerts[0].words  # no time of day: a bar of a day has none


def test_a_model_that_is_too_old_is_an_alert(settings: Settings) -> None:
    watch = WatchConfig(max_age_days=1)
    row = only(Board(settings.model_copy(update={"watch": watch})).look(PATIENCE))
    assert kinds(row) == ["expired", "overdue"]
    assert "1 are allowed" in row.alerts[0].words


def test_lost_skill_is_an_alert_as_soon_as_the_ledger_has_it(board: Board, settings: Settings) -> None:
    row = only(board.look(PATIENCE))
    with opened(settings.predictions_dir) as connection:
        words = "live skill is lost"
        raise_alarm(connection, AAPL, row.version, "skill", words, 1, 2, settled=True)
    alert = only(board.look(PATIENCE)).alerts[0]
    assert (alert.kind, alert.words) == ("lost", words)


def test_a_demotion_is_an_alert(board: Board, settings: Settings) -> None:
    decide(settings, Decision(verdict="demoted", reason="it was worse"))
    row = only(board.look(PATIENCE))
    assert (row.verdict, row.alerts[0].kind, row.alerts[0].words) == ("demoted", "lost", "it was worse")


def test_a_proven_model_has_a_direction(board: Board, settings: Settings) -> None:
    walk = {"walk": {"standing": "better"}}
    decide(settings, Decision(verdict="promoted", reason="", skill=0.1, proven=True, verdicts=walk))
    row = only(board.look(PATIENCE))
    assert row.forecast_change is not None
    assert (row.standing, row.direction) == ("better", "up" if row.forecast_change > 0 else "down")


def test_what_cannot_become_a_series_is_a_problem(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    board = Board(settings)
    empty = board.look(PATIENCE)
    assert (empty.rows, [problem.name for problem in empty.problems]) == ((), [""])
    write_raw(settings, make_bars(30), "notes.csv")
    assert [problem.name for problem in board.look(PATIENCE).problems] == ["notes.csv"]


def test_a_folder_of_models_that_cannot_be_read_is_a_problem(settings: Settings) -> None:
    loop = settings.models_dir.with_name("loop")
    loop.symlink_to(loop)
    view = Board(settings.model_copy(update={"models_dir": loop})).look(PATIENCE)
    assert [problem.failure.code for problem in view.problems] == ["TF064"]
    assert (only(view).promoted, only(view).rows) == (False, len(make_bars()))


def test_a_damaged_ledger_is_a_problem_and_hides_no_row(board: Board, settings: Settings) -> None:
    settings.predictions_dir.mkdir(exist_ok=True)
    (settings.predictions_dir / "ledger.sqlite").write_bytes(b"no database" * 100)
    view = board.look(PATIENCE)
    assert [problem.failure.code for problem in view.problems] == ["TF070"]
    assert only(view).forecast_change is not None


def test_a_board_that_is_stopped_reads_no_more(board: Board) -> None:
    board.stop()
    view = board.look(0.1)
    assert (only(view).last_close, view.pending) == (None, 1)


def decide(settings: Settings, decision: Decision) -> None:
    """Promote what serves once more, by another decision."""
    store = ModelStore(settings.models_dir)
    bundle = store.champion(AAPL)
    new = {"decision": decision, "created_at": datetime.now(UTC), "version": ""}
    again = replace(bundle, meta=bundle.meta.model_copy(update=new), pair=None)
    store.promote(again, {}, expected_champion=bundle.meta.version)


class Clock(datetime):
    """Stands still."""

    minute_of_hour = 30

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> "Clock":
        """What it is set to."""
        return cls(2026, 3, 4, 12, cls.minute_of_hour, tzinfo=tz)
