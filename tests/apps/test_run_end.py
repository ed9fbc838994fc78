"""What fails after every series is done is not lost: the run says so, and counts it."""

from datetime import UTC, datetime

import pytest
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Cancelling, Completed

from apps.commands import _run_flow
from apps.console import RunDisplay
from flows.wanted import asking
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


@flow
def cancelled_in_prefect(params: str) -> State[None]:
    """Somebody cancels it on Prefect's pages."""
    with get_client(sync_client=True) as client, asking() as wanted:
        client.set_flow_run_state(str(flow_run.get_id()), Cancelling())
        wanted.ask()
    return Completed()


def test_a_command_whose_run_is_cancelled_in_prefect_says_so_and_ends_as_by_ctrl_c(
    capsys: pytest.CaptureFixture[str],
) -> None:
    display = RunDisplay("a run", quiet=False)
    with display, pytest.raises(KeyboardInterrupt):
        _run_flow(cancelled_in_prefect, "", display)
    assert "the run was cancelled, in Prefect" in capsys.readouterr().err
