"""A run asks Prefect whether it is still wanted.

Who cancels a run changes its state on Prefect's server, and the worker that started it is to end its
process. A worker that was killed cannot, and one that lost the server for a moment hears of it late: the
run would train on, and promote. So it looks itself, and leaves by itself.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final
from uuid import UUID

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.context import FlowRunContext
from prefect.exceptions import Abort, ObjectNotFound, PrefectHTTPStatusError
from prefect.logging import get_run_logger
from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings
from prefect.states import Cancelled

_SECONDS: Final = 2.0
# A busy server takes seconds. The flow's thread waits no longer: it has results to take in.
_PATIENCE: Final = httpx.Timeout(30.0)
_MESSAGE: Final = "The run saw that it was cancelled, and ended."


class Wanted:
    """One run, as Prefect's server has it. A server that is away cancels nothing: the run goes on."""

    def __init__(self, client: SyncPrefectClient, run_id: UUID) -> None:
        self._client, self._run_id = client, run_id
        self._count: int | None = None  # how often the run has begun, when this process was the last to
        self._asked_at = float("-inf")

    def look(self) -> None:
        """`ask`, where the last answer is two seconds old."""
        if time.monotonic() - self._asked_at >= _SECONDS:
            self.ask()

    def ask(self) -> None:
        """Return if this process is to go on.

        Raises:
            Abort: the run was cancelled, ended or deleted, or has begun again elsewhere. Prefect's books
                are right, and Prefect's engine lets the process end without another word.
        """
        try:
            with temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}):
                why = self._why_not()
        except (httpx.HTTPError, PrefectHTTPStatusError):
            why = ""
        finally:
            self._asked_at = time.monotonic()
        if why:
            get_run_logger().warning("the run %s: it ends, and promotes nothing more", why)
            raise Abort(why)

    def _why_not(self) -> str:
        try:
            run = self._client.read_flow_run(self._run_id)
        except ObjectNotFound:
            return "was deleted"
        state = run.state
        assert state is not None
        if self._count is None:
            self._count = run.run_count
        if state.is_cancelling():
            # Where that fails the run stays so, and who cancels it once more ends it in the books.
            with suppress(httpx.HTTPError, PrefectHTTPStatusError):
                self._client.set_flow_run_state(self._run_id, Cancelled(message=_MESSAGE))
            return "was cancelled"
        if not (state.is_running() or state.is_paused()):
            return f"counts as {state.name}"
        return "" if run.run_count == self._count else "has begun again elsewhere"


@contextmanager
def asking() -> Iterator[Wanted]:
    """The present flow run, and a connection to ask about it."""
    context = FlowRunContext.get()
    assert context is not None
    assert context.flow_run is not None
    with get_client(sync_client=True, httpx_settings={"timeout": _PATIENCE}) as client:
        yield Wanted(client, context.flow_run.id)
