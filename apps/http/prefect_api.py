"""Prefect's API as the service sees it: it answers in time, or a problem says what to do.

Where no server listens that is known within two seconds. One that listens and is busy gets longer: a
training that it takes after five seconds is worth more than a 503.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Annotated, Any, Final, cast
from uuid import UUID

import httpx
from fastapi import Depends, Request
from prefect.client.orchestration import PrefectClient, get_client
from prefect.exceptions import PrefectHTTPStatusError
from prefect.settings import get_current_settings

from apps.http.problems import RETRY_SECONDS, ProblemError, refusal

TAG: Final = "tickerflow"  # of all deployments in prefect.yaml, and so of their runs
_CONNECT_SECONDS: Final = 1.5
_ANSWER_SECONDS: Final = 8.0  # less than a dashboard or a proxy waits for this service
_START = "start it with: prefect server start; and name it to this service with PREFECT_API_URL"


class Orchestrator:
    """The one client of a service: to open one takes longer than most of what it is asked."""

    def __init__(self) -> None:
        self.flow_names: dict[UUID, str] = {}
        # One request at a time counts the queue and adds to it: otherwise many at once pass its limit.
        self.training_turn = asyncio.Lock()
        self._open = AsyncExitStack()
        self._client: PrefectClient | None = None

    @asynccontextmanager
    async def client(self) -> AsyncIterator[PrefectClient]:
        """A client of the server that Prefect's settings name, for a block that takes 8 s at most.

        Where nothing listens there, or it does not answer as Prefect does, the block ends in a problem
        of 503; in the first case within 1.5 s. Where no server is named, Prefect would start one of its
        own, which no worker knows: refused.
        """
        url = get_current_settings().api.url
        if not url:
            raise unavailable("expected a Prefect server, found no PREFECT_API_URL", _START)
        try:
            async with asyncio.timeout(_CONNECT_SECONDS) as limit, _longer_if_it_listens(url, limit):
                yield await self._opened()
        except PrefectHTTPStatusError as error:
            status = error.response.status_code
            raise unavailable(
                f"expected Prefect's server to do as asked, found its status {status}",
                "PREFECT_API_KEY or PREFECT_API_AUTH_STRING has to be the server's"
                if status in (401, 403)
                else "the log of Prefect's server says more",
            ) from error
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            raise unavailable(
                f"expected Prefect's server to take a connection within {_CONNECT_SECONDS:g} s and to "
                f"answer within {_ANSWER_SECONDS:g} s, found {type(error).__name__}",
                f"where it runs, ask again; otherwise {_START}",
            ) from error
        except ValueError as error:  # JSON, or the shape of it
            raise unavailable(
                "expected Prefect's API, found another answer at PREFECT_API_URL",
                "it ends in /api, as http://127.0.0.1:4200/api",
            ) from error

    async def close(self) -> None:
        """Let go of the connections; the service ends."""
        await self._open.aclose()

    async def _opened(self) -> PrefectClient:
        if self._client is None:
            # Before the first wait: of two requests at once, one opens.
            self._client = get_client()
            await self._open.enter_async_context(self._client)
        return self._client


@asynccontextmanager
async def _longer_if_it_listens(url: str, limit: asyncio.Timeout) -> AsyncIterator[None]:
    """Give a block longer as soon as its server takes a connection.

    Prefect's client says nothing of connections, and asks again by itself where one is refused.
    """
    until = asyncio.get_running_loop().time() + _ANSWER_SECONDS
    place = httpx.URL(url)

    async def look() -> None:
        port = place.port or (443 if place.scheme == "https" else 80)
        with suppress(OSError, ValueError):  # then there is no more time than there was
            _, writer = await asyncio.open_connection(place.host, port)
            writer.close()
            if not limit.expired():
                limit.reschedule(until)

    looking = asyncio.create_task(look())
    try:
        yield
    finally:
        looking.cancel()
        await asyncio.wait([looking])


@asynccontextmanager
async def lifespan(_: Any) -> AsyncIterator[dict[str, Orchestrator]]:
    """One orchestrator from the start of an application to its end, in the state of its requests."""
    orchestrator = Orchestrator()
    try:
        yield {"orchestrator": orchestrator}
    finally:
        await orchestrator.close()


async def orchestrator_of(request: Request) -> Orchestrator:
    """The application's one orchestrator."""
    return cast(Orchestrator, request.state.orchestrator)


TheOrchestrator = Annotated[Orchestrator, Depends(orchestrator_of)]


def unavailable(detail: str, hint: str) -> ProblemError:
    """A problem of 503 that says when to ask again."""
    return refusal(503, detail, hint=hint, headers={"Retry-After": str(RETRY_SECONDS)})
