"""The HTTP service as the dashboard sees it: JSON in, JSON out, and problems in words."""

import os
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any, Final
from urllib.parse import quote, urlsplit

import httpx

URL: Final = "TICKERFLOW_API_URL"
DEFAULT_URL: Final = "http://127.0.0.1:8000"

Params = Mapping[str, str | int | float | list[str] | None]

_KEPT: Final = 256  # answers; a page asks for about ten
_TIMEOUT: Final = httpx.Timeout(10, connect=1)
# Given up before a server does, which after some idle seconds hangs up on whatever comes next.
_LIMITS: Final = httpx.Limits(keepalive_expiry=2)
_UPLOAD_TIMEOUT: Final = httpx.Timeout(60, connect=1)
_JSON: Final = "application/json"
_LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")


class ApiProblem(Exception):  # noqa: N818  # RFC 9457 calls it a problem
    """Why the service did not do what it was asked for.

    ``status`` is that of HTTP, or 0 where nothing answered.
    """

    def __init__(self, message: str, hint: str = "", code: str = "", status: int = 0) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.code = code
        self.status = status


@dataclass(frozen=True)
class _Kept:
    etag: str
    content: Any


class Api:
    """A client of the service, for all sessions of a process.

    What has an ETag is kept and asked for again with ``If-None-Match``: content is shared, and so not
    to be changed. Every method raises `ApiProblem`.
    """

    def __init__(self, url: str | None = None) -> None:
        self.url = (url or os.environ.get(URL) or DEFAULT_URL).rstrip("/")
        # A proxy of the environment is for other machines.
        own = urlsplit(self.url).hostname in _LOOPBACK
        self._http = httpx.Client(base_url=self.url, timeout=_TIMEOUT, limits=_LIMITS, trust_env=not own)
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._lock = Lock()

    def get(self, path: str, **params: str | int | float | list[str] | None) -> Any:
        """The JSON of a resource; parameters that are None are left out."""
        return self._get(path, params, _JSON)

    def get_text(self, path: str, accept: str = "text/csv", **params: str | int | None) -> str:
        """A resource as text, such as CSV or a card's HTML."""
        return str(self._get(path, params, accept))

    def post(self, path: str, *, key: str = "", params: Params | None = None) -> Any:
        """Change something; ``key`` is the service's API key, where it has one."""
        return self._send("POST", path, params or {}, _key(key)).json()

    def upload(self, name: str, content: bytes, *, key: str = "") -> Any:
        """Put a raw CSV into the service's folder, under its own name."""
        path = f"/ml/raw/{quote(name, safe='')}"
        headers = {**_key(key), "Content-Type": "text/csv"}
        return self._send("POST", path, {}, headers, content, _UPLOAD_TIMEOUT).json()

    def close(self) -> None:
        """Give its connections back."""
        self._http.close()

    def _get(self, path: str, params: Params, accept: str) -> Any:
        asked = f"{accept} {path}?{httpx.QueryParams(_given(params))}"
        with self._lock:
            kept = self._kept.get(asked)
        headers = {"Accept": accept, **({"If-None-Match": kept.etag} if kept else {})}
        answer = self._send("GET", path, params, headers)
        if answer.status_code == httpx.codes.NOT_MODIFIED and kept:
            content = kept.content
        else:
            content = _json(answer, self.url) if accept == _JSON else answer.text
        self._keep(asked, answer.headers.get("ETag", ""), content)
        return content

    def _keep(self, asked: str, etag: str, content: Any) -> None:
        if not etag:
            return
        with self._lock:
            self._kept[asked] = _Kept(etag, content)
            self._kept.move_to_end(asked)
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)

    def _send(
        self,
        method: str,
        path: str,
        params: Params,
        headers: Mapping[str, str],
        content: bytes | None = None,
        timeout: httpx.Timeout = _TIMEOUT,
    ) -> httpx.Response:
        try:
            answer = self._http.request(
                method, path, params=_given(params), headers=headers, content=content, timeout=timeout
            )
        except httpx.TimeoutException as error:
            raise ApiProblem(
                f"The HTTP service at {self.url} took too long to answer {path}.",
                "It may be busy: try again in a moment.",
            ) from error
        except httpx.HTTPError as error:
            raise ApiProblem(
                f"Nothing answers at {self.url}, where the HTTP service should be.",
                f"Start everything with `tickerflow up`, or set {URL} to where it runs.",
            ) from error
        if answer.is_error:
            raise _problem(answer, self.url)
        return answer


def _key(key: str) -> dict[str, str]:
    return {"X-API-Key": key} if key else {}


def _given(params: Params) -> dict[str, Any]:
    return {name: value for name, value in params.items() if value is not None}


def _json(answer: httpx.Response, url: str) -> Any:
    try:
        return answer.json()
    except ValueError as error:
        raise _stranger(answer, url) from error


def _problem(answer: httpx.Response, url: str) -> ApiProblem:
    """The problem details of an answer (RFC 9457)."""
    try:
        said = answer.json()
        message = said["detail"]
    except (ValueError, KeyError, TypeError):
        return _stranger(answer, url)
    return ApiProblem(message, said.get("hint", ""), said.get("code", ""), answer.status_code)


def _stranger(answer: httpx.Response, url: str) -> ApiProblem:
    return ApiProblem(
        f"Expected Tickerflow's HTTP service at {url}, found something that answers "
        f"{answer.status_code} and is not it.",
        f"Set {URL} to where the service runs.",
        status=answer.status_code,
    )
