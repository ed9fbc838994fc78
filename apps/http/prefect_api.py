"""Prefect's API as the service sees it: within two seconds, or a problem that says what to do."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Annotated, Any, Final, cast
from uuid import UUID

import httpx
from fastapi import Depends, Request
from prefect.client.orchestration import PrefectClient, get_client
from prefect.exceptions import PrefectHTTPStatusError
from prefect.settings import get_current_settings

from apps.http.problems import RETRY_SECONDS, ProblemError, refusal

TAG: Final = "tickerflow"  # of all deployments in prefect.yaml, and so of their runs
_PATIENCE_SECONDS: Final = 1.5
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
        """A client of the server that Prefect's settings name; nothing in the block takes over 1.5 s.

        Where there is none, or it does not answer as Prefect does, the block ends in a problem of 503.
        Where no server is named, Prefect would start one of its own, which no worker knows: refused.
        """
        if not get_current_settings().api.url:
            raise unavailable("expected a Prefect server, found no PREFECT_API_URL", _START)
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
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
                f"expected Prefect's server to answer within {_PATIENCE_SECONDS} s, found "
                f"{type(error).__name__}",
                _START,
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
