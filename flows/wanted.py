"""A run asks Prefect whether it is still wanted.

Who cancels a run changes its state on Prefect's server, and the worker that started it is to end its
process. A worker that was killed cannot, and one that lost the server for a moment hears of it late: the
run would train on, and promote. So it looks itself, and leaves by itself.

What else the books say ends no run. It may be Crashed there because nobody heard of it while its machine
slept; its end puts that right.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final
from uuid import UUID

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import StateType
from prefect.context import FlowRunContext, SettingsContext, get_settings_context
from prefect.exceptions import Abort, ObjectNotFound
from prefect.logging import get_run_logger
from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings
from prefect.states import Cancelled

_SECONDS: Final = 2.0
# A busy server takes seconds. The flow's thread waits no longer: it has results to take in.
_PATIENCE: Final = httpx.Timeout(30.0)
# A proxy, or a server that is not Prefect's, has other words for what it does not know.
_DELETED: Final = "Flow run not found"
_MESSAGE: Final = "The run saw that it was cancelled, and ended."


class Wanted:
    """One run, as Prefect's server has it. A server that is away cancels nothing: the run goes on."""

    def __init__(self, client: SyncPrefectClient, run_id: UUID, at_once: SettingsContext) -> None:
        self._client, self._run_id, self._at_once = client, run_id, at_once
        self._count: int | None = None  # how often the run had begun, when this process was the last to
        self._asked_at = float("-inf")

    def look(self) -> None:
        """`ask`, where the last answer is two seconds old."""
        if time.monotonic() - self._asked_at >= _SECONDS:
            self.ask()

    def ask(self) -> None:
        """Return if this process is to go on.

        Raises:
            Abort: the run was cancelled or deleted, or has begun again elsewhere. Prefect's books are
                right, and Prefect's engine lets the process end without another word.
        """
        try:
            with self._at_once:
                why = self._why_not()
        except ObjectNotFound as error:
            why = "was deleted" if _DELETED in str(error.http_exc) else ""
        except (httpx.HTTPError, ValueError):  # no answer, or none of Prefect's
            why = ""
        finally:
            self._asked_at = time.monotonic()
        if why:
            get_run_logger().warning("the run %s: it ends, and promotes nothing more", why)
            raise Abort(why)

    def _why_not(self) -> str:
        run = self._client.read_flow_run(self._run_id)
        if self._count is None:
            self._count = run.run_count
        state = run.state
        if state is None:
            return ""
        if state.is_cancelling():
            # Where that fails the run stays so, and who cancels it once more ends it in the books.
            with suppress(httpx.HTTPError, ValueError):
                self._client.set_flow_run_state(self._run_id, Cancelled(message=_MESSAGE))
        if state.is_cancelling() or state.is_cancelled():
            return "was cancelled"
        if run.run_count != self._count:
            if self._began_elsewhere():
                return "has begun again elsewhere"
            self._count = run.run_count
        return ""

    def _began_elsewhere(self) -> bool:
        """Whether it was Pending just before: what resumes after a pause is counted too, and is not."""
        types = [state.type for state in self._client.read_flow_run_states(self._run_id)]
        last = max((at for at, type_ in enumerate(types) if type_ is StateType.RUNNING), default=0)
        return last > 0 and types[last - 1] is StateType.PENDING


@contextmanager
def asking() -> Iterator[Wanted]:
    """The present flow run, and a connection to ask about it."""
    context = FlowRunContext.get()
    assert context is not None
    assert context.flow_run is not None
    with temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}):
        at_once = get_settings_context()  # making it takes ten times as long as asking
    with get_client(sync_client=True, httpx_settings={"timeout": _PATIENCE}) as client:
        yield Wanted(client, context.flow_run.id, at_once)
