"""Prefect's API as the service sees it: within two seconds, or a problem that says what to do."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import httpx
from prefect.client.orchestration import PrefectClient, get_client
from prefect.exceptions import PrefectHTTPStatusError
from prefect.settings import get_current_settings

from apps.http.problems import RETRY_SECONDS, ProblemError, refusal

TAG: Final = "tickerflow"  # of all deployments in prefect.yaml, and so of their runs
_PATIENCE_SECONDS: Final = 1.5
_START = "start it with: prefect server start; and name it to this service with PREFECT_API_URL"


@asynccontextmanager
async def orchestrator() -> AsyncIterator[PrefectClient]:
    """A client of the server that Prefect's settings name; nothing in the block takes longer than 1.5 s.

    Where there is none, or it does not answer as Prefect does, the block ends in a problem of 503.
    Where no server is named, Prefect would start one of its own, which no worker knows: refused.
    """
    url = get_current_settings().api.url
    if not url:
        raise unavailable("expected a Prefect server, found no PREFECT_API_URL", _START)
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS), get_client() as client:
            yield client
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


def unavailable(detail: str, hint: str) -> ProblemError:
    """A problem of 503 that says when to ask again."""
    return refusal(503, detail, hint=hint, headers={"Retry-After": str(RETRY_SECONDS)})
