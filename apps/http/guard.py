"""Who may write: those who know the API key, or, where there is none, this machine alone.

A dependency of each writing route, not a middleware: what a path is, a request can lie about.
"""

import hmac
import ipaddress
import os
from typing import Annotated

from fastapi import Header, Request

from apps.environment import API_KEY
from apps.http.problems import refusal


async def may_write(
    request: Request,
    key: Annotated[
        str | None,
        Header(alias="X-API-Key", description=f"The service's {API_KEY}, where it has one"),
    ] = None,
) -> None:
    """Let a request pass that may change something; raise a problem of 401 or 403 for others.

    With ``TICKERFLOW_API_KEY`` in the environment of the service, the header ``X-API-Key`` has to be
    the same. Without, only loopback may write, and only with a Host that is loopback too: else a page
    of another site, whose name resolves to this machine, could write through its visitor's browser.
    """
    expected = os.environ.get(API_KEY, "")
    if expected:
        # The bytes that were sent are those of the environment, whatever characters they stand for.
        if key is None or not hmac.compare_digest(key.encode("latin-1"), os.fsencode(expected)):
            raise refusal(
                401,
                f"expected the API key in the header X-API-Key, found "
                f"{'none' if key is None else 'another'}",
                hint=f"it is the {API_KEY} that the service was started with",
                headers={"WWW-Authenticate": 'ApiKey header="X-API-Key"'},
            )
        return
    host = request.client.host if request.client else ""
    if not is_loopback(host) or not is_loopback(_host_name(request)) or _foreign(request):
        raise refusal(
            403,
            "expected a write from this machine, for the service has no API key; "
            f"found one from {host or 'nowhere'} to {_host_name(request)!r}",
            hint=f"start the service with {API_KEY} in its environment, and send it as X-API-Key",
        )


def is_loopback(host: str) -> bool:
    """Whether a host is this machine: ``127.0.0.0/8``, ``::1`` or localhost."""
    if host.casefold() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _host_name(request: Request) -> str:
    """The Host header without its port."""
    host = request.headers.get("host", "")
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


def _foreign(request: Request) -> bool:
    """Whether a browser says that another site's page sends this; older ones name its origin alone."""
    if request.headers.get("sec-fetch-site", "none") in ("cross-site", "same-site"):
        return True
    origin = request.headers.get("origin")
    return origin is not None and origin.partition("://")[2] != request.headers.get("host", "")
