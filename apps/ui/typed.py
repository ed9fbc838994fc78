"""Addresses that are typed by hand, as in ``/series/AAPL``: they lead to the page that is meant.

Streamlit's page names its own parts beside itself. Two levels down there are none, and it stays blank.
"""

import re
from typing import Final
from urllib.parse import parse_qsl, quote, urlencode

import streamlit as st
from starlette.requests import Request
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from apps.ui.links import RUNS, SERIES, TRAIN, name_of

# First parts of addresses that Streamlit itself answers further down.
_STREAMLITS: Final = frozenset({"_stcore", "app", "component", "media", "static"})
# What the rest of a page's address says, by page.
_SAYS: Final = {SERIES: "series", TRAIN: "series", RUNS: "run"}
_INTERVAL: Final = re.compile(r"\d+(m|h|d|wk|mo)")


class Typed:
    """Answers a page that is asked for below another with the way to it; all else goes on."""

    def __init__(self, app: ASGIApp) -> None:
        """Stand before ``app``."""
        self._app = app
        self._base = f"/{st.get_option('server.baseUrlPath').strip('/')}/".replace("//", "/")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as ASGI wants it."""
        answer = self._app if (way := self._way(scope)) is None else RedirectResponse(way, 307)
        await answer(scope, receive, send)

    def _way(self, scope: Scope) -> str | None:
        if scope["type"] != "http" or not scope["path"].startswith(self._base):
            return None
        asked = Request(scope)
        # Browsers want a page as HTML, and what a page loads as anything but.
        if asked.method not in ("GET", "HEAD") or "text/html" not in asked.headers.get("accept", ""):
            return None
        found = way_to(scope["path"].removeprefix(self._base), asked.url.query)
        # Relative, so that it holds behind a proxy that serves this under a path of its own; a browser
        # takes the slash of a ticker, as in BTC%2FUSD, for none of the path's.
        depth = scope["raw_path"].count(b"/") - self._base.count("/")
        return None if found is None else "../" * depth + found


def way_to(path: str, query: str = "") -> str | None:
    """The page that a path of several parts means, relative to the dashboard's own address.

    ``series/AAPL`` and ``series/AAPL/1d`` are ``series?series=AAPL`` and ``series?series=AAPL_1d``, and
    so with ``train`` and ``runs``; of what is not known the first part is left, of which Streamlit says
    that there is no such page. None for one part, for what Streamlit serves, and for a way up.
    """
    page, *rest = path.rstrip("/").split("/")
    if not page.strip(".") or not rest or page in _STREAMLITS:
        return None
    said = dict(parse_qsl(query, keep_blank_values=True))
    if page in _SAYS:
        whole = len(rest) > 1 and _INTERVAL.fullmatch(rest[-1]) and page != RUNS
        said[_SAYS[page]] = name_of("/".join(rest[:-1]), rest[-1]) if whole else "/".join(rest)
    return f"{quote(page, safe='')}?{urlencode(said)}" if said else quote(page, safe="")
