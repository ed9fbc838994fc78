"""What fails after every series is done is not lost: the run says so, and counts it."""

from datetime import UTC, datetime

import pytest
from prefect import flow
from prefect.client.schemas.objects import State

from apps.commands import _run_flow
from apps.console import RunDisplay
from flows.watching import watcher
from ml.outcomes import IngestOutcome
from ml.series import SeriesKey
from ml.summary import Summary

pytestmark = pytest.mark.usefixtures("prefect_server")

KEY = SeriesKey.of("AAA", "1d")


@flow
def fails_at_its_end(params: str) -> State[None]:
    """One series is done, then the events cannot be sent."""
    watching = watcher.get()
    assert watching is not None
    moment = datetime(2026, 1, 2, tzinfo=UTC)
    watching.finished(
        IngestOutcome(ticker="AAA", interval="1d", status="ok", rows=3, first=moment, last=moment)
    )
    raise ConnectionError(params)


def test_a_run_whose_end_failed_says_so_and_is_not_all_right(capsys: pytest.CaptureFixture[str]) -> None:
    display = RunDisplay("a run", quiet=True)
    with display:
        display.found([KEY], [])
        _run_flow(fails_at_its_end, "the event was refused", display)
    (problem,) = display.problems
    assert "the event was refused" in problem.message
    assert Summary(display.outcomes, display.problems, 0.0).any_failed
