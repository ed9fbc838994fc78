"""What the pages say of a run."""

from datetime import UTC, datetime
from typing import Any

import pytest

from apps.ui.run_words import (
    decision_of,
    ending_of,
    figures_of,
    kind_of,
    look_of,
    one_series,
    progress_of,
    reason_of,
    reasons_of,
    series_in,
    serving_words,
    times_of,
)

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def run(**said: Any) -> dict[str, Any]:
    """A run of AAPL 1d as the service tells it."""
    told = {"state": "running", "state_name": "Running", "ended": False, "flow": "train-universe"}
    return {**told, "tickers": ["AAPL"], "intervals": ["1d"], **said}


def row(**said: Any) -> dict[str, Any]:
    """A trained series as a run's table has it."""
    told = {"series": "AAPL 1d", "grade": "PASS", "model": "lstm", "decision": "promoted"}
    return {**told, "proven": "yes", "skill": "0.02", "what": "lstm is better; no worse than x", **said}


def test_a_state_is_said_in_words_and_a_finer_one_where_there_is_one() -> None:
    assert look_of(run()).words == "Running"
    assert look_of(run(state="scheduled", state_name="Late")).words == "No worker has taken it"
    assert look_of(run(state="a new one", state_name="")).words == "Unknown"


def test_a_run_in_which_series_failed_is_not_shown_as_simply_done() -> None:
    done = run(state="completed", state_name="Completed", ended=True, summary="Done. ERROR=0 TOTAL=1")
    assert look_of(done).words == "Done"
    assert look_of({**done, "summary": "Done. PASS=1 ERROR=2 TOTAL=3"}).words == "Done, with failures"


def test_a_run_says_what_it_does_and_of_what() -> None:
    assert (kind_of(run()), series_in(run())) == ("Training", "AAPL 1d")
    assert kind_of(run(flow="a-new-flow")) == "a-new-flow"
    assert series_in(run(tickers=[], intervals=[])) == "all series"
    assert series_in(run(tickers=list("ABCDE"))) == "A, B, C and 2 more 1d"
    assert one_series(run()) == ("AAPL", "1d")
    assert one_series(run(tickers=["A", "B"])) is None


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"started_at": "2026-03-02T11:59:19Z"}, "for 41 s"),
        ({"expected_at": "2026-03-02T11:58:00Z"}, "waits for 2 min"),
        ({"expected_at": "2026-03-02T14:00:00Z"}, "due in 2 h"),
        (
            {"started_at": "2026-03-02T11:00:00Z", "ended_at": "2026-03-02T11:45:00Z"},
            "15 minutes ago, took 45 min",
        ),
    ],
)
def test_times_are_said_as_one_speaks_of_them(said: dict[str, str], words: str) -> None:
    assert times_of(run(**said), NOW) == words


def test_a_share_is_shown_only_where_it_tells_something() -> None:
    started = "2026-03-02T11:59:00Z"
    assert progress_of(run(progress=0.5, progress_text="2 of 4 series", started_at=started), NOW) == (
        0.5,
        "2 of 4 series, for 60 s",
    )
    assert progress_of(run(progress=1.0, started_at=started), NOW)[0] is None
    assert progress_of(run(state="pending", state_name="Pending"), NOW) == (None, "Starting")


def test_an_ending_is_told_by_its_numbers() -> None:
    one = run(state="completed", summary="Done. PASS=0 WARN=1 ERROR=0 SKIP=0 TOTAL=1 in 3s")
    assert ending_of(one) == "Served by a model without proven skill."
    many = run(
        state="completed",
        flow="forecast-universe",
        summary="Done. PASS=2 WARN=0 ERROR=1 SKIP=0 TOTAL=3 in 3s\nAAPL 1d: TF010 no such file",
    )
    assert ending_of(many) == "3 series: 2 forecast by a proven model, 1 failed."
    assert reason_of(many) == "AAPL 1d: TF010 no such file"
    assert reason_of(one) == ""


def test_a_run_that_failed_tells_what_happened_before_how_often() -> None:
    limit = "100% of the series failed, 0% may"
    said = f"{limit}. Done. PASS=0 WARN=0 ERROR=1 SKIP=0 TOTAL=1 in 3.1s\nIBM 1d: TF011 no bars"
    assert reason_of(run(state="failed", reason=said)) == "IBM 1d: TF011 no bars"
    many = said.replace("=1", "=2") + "\nAAPL 1d: TF011 no bars"
    assert reason_of(run(state="failed", reason=many)).splitlines() == [
        f"{limit}.", "IBM 1d: TF011 no bars", "AAPL 1d: TF011 no bars"
    ]  # fmt: skip
    assert reason_of(run(state="crashed", reason="no memory")) == "no memory"


def test_a_decision_says_who_serves_and_what_that_is_worth() -> None:
    proven = decision_of(row())
    assert proven.title == "lstm serves from now on"
    assert "proven better than the random walk" in proven.words
    assert "not proven" in decision_of(row(proven="no", grade="WARN")).words
    kept = decision_of(
        row(decision="kept", what="gru is worse; refused: it is worse: the champion stays")
    )
    assert kept.title == "lstm serves on"
    assert kept.words == "What was trained did not earn its place: it is worse."
    again = decision_of(row(decision="kept", what="same bars as version 7: not trained again"))
    assert again.title == "Nothing new to learn"
    assert decision_of(row(decision="failed", grade="ERROR")).title == "The training failed"
    assert decision_of(row(decision="failed", grade="SKIP")).title == "Too little data"


def test_figures_come_with_what_they_mean() -> None:
    (label, figure, meaning), band = figures_of(row(**{"coverage 80%": "0.786", "p": ""}))
    assert (label, figure) == ("Error of lstm, beside the random walk's", "−2.0%")
    assert "errs 2.0% less than the random walk" in meaning
    assert band[1] == "79%"
    assert reasons_of(row()) == ["lstm is better", "no worse than x"]


def test_what_serves_is_said_with_its_skill_or_with_what_is_wrong_with_it() -> None:
    champion = {
        "model": "gru",
        "promoted_at": "2026-03-01T12:00:00Z",
        "skill": -0.01,
        "proven": False,
        "problem": "",
    }
    said = serving_words({"champion": champion, "bars_since_training": 1, "expired": ""})
    assert "It errs 1.0% more than the random walk (not proven). 1 bar came since" in said
    assert "cannot serve: torn" in serving_words({"champion": {**champion, "problem": "torn"}})
