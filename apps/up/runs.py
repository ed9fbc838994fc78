"""Runs under way when all stops: they may finish; what is ended is put back for the next start."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from signal import SIGKILL, SIGTERM
from time import monotonic, sleep
from typing import TYPE_CHECKING, Final
from uuid import UUID

import httpx

from apps.up.family import MARK, send

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import State

_RUN: Final = b"PREFECT__FLOW_RUN_ID="
_TICK_SECONDS: Final = 0.2
_END_SECONDS: Final = 10.0
_TAG: Final = "tickerflow"  # of all deployments in prefect.yaml, and so of their runs
_MESSAGE: Final = "tickerflow up was stopped; it begins again at the next start"


def running(mark: str) -> dict[int, UUID]:
    """The processes of runs that carry the mark, with their run; none where there is no /proc."""
    own = f"{MARK}={mark}".encode()
    found: dict[int, UUID] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, ValueError):  # it has ended, or is another user's
            variables = (folder / "environ").read_bytes().split(b"\0")
            if own in variables:
                ids = [entry.removeprefix(_RUN) for entry in variables if entry.startswith(_RUN)]
                found |= {int(folder.name): UUID(text.decode()) for text in ids}
    return found


def let_finish(mark: str, seconds: float, in_haste: Callable[[], bool]) -> set[UUID]:
    """Wait for the runs, then end them: by SIGTERM, so that finished series stay; return the ended."""
    until = monotonic() + seconds
    while running(mark) and monotonic() < until and not in_haste():
        sleep(_TICK_SECONDS)
    ended = running(mark)
    send(ended, SIGTERM)
    until = monotonic() + _END_SECONDS
    while running(mark) and monotonic() < until:
        sleep(_TICK_SECONDS)
    while left := running(mark):
        send(left, SIGKILL)
        sleep(_TICK_SECONDS)
    return set(ended.values())


def put_back(client: "SyncPrefectClient", runs: Iterable[UUID]) -> Mapping[UUID, str]:
    """Schedule runs anew that were ended before their time; return why some could not be."""
    from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError
    from prefect.states import Cancelled, Scheduled

    problems = {}
    for run_id in sorted(runs):
        try:
            state = client.read_flow_run(run_id).state
            if state is not None and (state.is_completed() or state.is_cancelled()):
                continue
            is_unwanted = _was_cancelled(client.read_flow_run_states(run_id))
            then: State[None] = Cancelled() if is_unwanted else Scheduled(message=_MESSAGE)
            client.set_flow_run_state(run_id, then, force=True)
        except (httpx.HTTPError, ObjectNotFound, PrefectHTTPStatusError) as error:
            problems[run_id] = f"{type(error).__name__}: {error}"
    return problems


def _was_cancelled(states: Iterable["State"]) -> bool:
    """Whether somebody wanted its end since it was last scheduled; the oldest state comes first.

    A process that is ended itself says Crashed, also over that.
    """
    cancelled = False
    for state in states:
        if state.is_scheduled():
            cancelled = False
        elif state.is_cancelling() or state.is_cancelled():
            cancelled = True
    return cancelled


def lost(client: "SyncPrefectClient", before: datetime) -> list[UUID]:
    """Runs that count as under way since before all started: their processes died with the machine."""
    from prefect.client.schemas.filters import (
        FlowRunFilter,
        FlowRunFilterState,
        FlowRunFilterStateType,
        FlowRunFilterTags,
    )
    from prefect.client.schemas.objects import StateType

    under_way = [StateType.PENDING, StateType.RUNNING, StateType.CANCELLING]
    runs = client.read_flow_runs(
        flow_run_filter=FlowRunFilter(
            state=FlowRunFilterState(type=FlowRunFilterStateType(any_=under_way)),
            tags=FlowRunFilterTags(all_=[_TAG]),
        )
    )
    return [run.id for run in runs if run.state is not None and run.state.timestamp < before]
