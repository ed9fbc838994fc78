"""Runs that the end of all has interrupted, on a real Prefect server."""

from collections.abc import Iterator

import pytest
from prefect import flow
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import State, StateType
from prefect.states import Cancelled, Cancelling, Completed, Crashed, Running, Scheduled

from apps.up.runs import put_back


@pytest.fixture
def client(prefect_server: None) -> Iterator[SyncPrefectClient]:
    with get_client(sync_client=True) as client:
        yield client


@flow
def work() -> None:
    """What the runs are of."""


def _after(client: SyncPrefectClient, *states: State) -> StateType:
    run = client.create_flow_run(work)
    for state in states:
        client.set_flow_run_state(run.id, state, force=True)
    assert put_back(client, [run.id]) == {}
    left = client.read_flow_run(run.id).state
    client.delete_flow_run(run.id)
    assert left is not None
    return left.type


def test_what_was_interrupted_is_scheduled_again(client: SyncPrefectClient) -> None:
    assert _after(client, Running(), Crashed()) == StateType.SCHEDULED
    assert _after(client, Running()) == StateType.SCHEDULED


def test_what_was_completed_stays_so(client: SyncPrefectClient) -> None:
    assert _after(client, Running(), Completed()) == StateType.COMPLETED


@pytest.mark.parametrize("asked", [Cancelling(), Cancelled()])
def test_what_was_to_be_cancelled_does_not_begin_again_though_its_process_has_said_crashed(
    client: SyncPrefectClient, asked: State
) -> None:
    assert _after(client, Running(), asked, Crashed()) == StateType.CANCELLED


def test_what_was_asked_for_anew_after_that_does(client: SyncPrefectClient) -> None:
    assert _after(client, Cancelled(), Scheduled(), Running(), Crashed()) == StateType.SCHEDULED
