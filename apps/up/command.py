"""`tickerflow up`: checks what can be wrong before anything starts, then has all parts run."""

import os
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from urllib.error import URLError
from urllib.request import getproxies, urlopen

from apps.environment import API_KEY
from apps.errors import DONE
from apps.options import Call
from apps.up.conducting import Conductor, Signals
from apps.up.once import only_one
from apps.up.parts import choose_addresses, common_environment, make_parts
from apps.up.show import Board
from ml.config import Settings
from ml.errors import PartError, UsageError

_SERVER_SECONDS = 10.0
_TICK_SECONDS = 0.5
_WITHOUT_PREFECT = (
    "without Prefect nothing is trained and new files wait: leave out --no-prefect, or name a server "
    "with PREFECT_API_URL"
)


def start_all(call: Call) -> int:
    """Run all parts until Ctrl-C or SIGTERM; the exit status.

    Raises:
        UsageError: another one runs already, a port is taken, Prefect's server does not answer, or all
            the world could write.
        PartError: a part cannot be kept alive; all the others are ended.
    """
    settings = call.settings
    _check_host(settings)
    _ask_this_machine_itself()
    server, server_ui, home = _named_server(settings)
    logs_dir = settings.up.logs_dir.absolute()
    with ExitStack() as held:
        # First the folder: a second call is to hear of the first one, not of its ports.
        hint = "open its pages, or end it: Ctrl-C there, or kill -INT and its number"
        sign = [held.enter_context(only_one(settings.store_dir, hint))]
        addresses = choose_addresses(settings, server, server_ui)
        if addresses.owns_prefect:
            hint = "set PREFECT_HOME to another folder, or PREFECT_API_URL to the API of its server"
            sign.append(held.enter_context(only_one(home, hint)))
        for leave in sign:
            leave(addresses.pages())
        logs_dir.mkdir(parents=True, exist_ok=True)
        board = held.enter_context(Board(logs_dir, as_json=call.json, quiet=call.quiet))
        if not addresses.prefect_api:
            board.note(_WITHOUT_PREFECT)
        signals = Signals()
        held.enter_context(signals.counted())
        environment = common_environment(settings, call.overrides, addresses)
        parts = list(make_parts(settings, addresses))
        conductor = Conductor(parts, environment, logs_dir, board, settings.up.stop_seconds)
        problem = conductor.run(signals)
    if problem:
        raise PartError(
            f"expected every part to run, found that {problem}",
            hint="its log says more; all the others were ended",
        )
    return DONE


def _check_host(settings: Settings) -> None:
    host = settings.api.host
    if host == "127.0.0.1" or os.environ.get(API_KEY):
        return
    from apps.http.guard import is_loopback  # FastAPI comes with it

    if not is_loopback(host):
        raise UsageError(
            f"expected {API_KEY} in the environment, for {host} can be reached from other machines; "
            "found none",
            hint=f"export {API_KEY}=$(openssl rand -hex 32), or leave --host at 127.0.0.1",
        )


def _ask_this_machine_itself() -> None:
    """Leave a proxy of the environment to other machines: the parts, and Prefect's clients, are here."""
    named = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    if getproxies() and named != "*":
        spared = ",".join([*filter(None, [named]), "127.0.0.1", "localhost", "::1"])
        os.environ["no_proxy"] = os.environ["NO_PROXY"] = spared


def _named_server(settings: Settings) -> tuple[str, str, Path]:
    """The API and the UI of the server that Prefect's settings name, or empty; and Prefect's folder."""
    from prefect.settings import get_current_settings

    prefect = get_current_settings()
    url = (prefect.api.url or "").rstrip("/")
    if not url:
        return "", "", prefect.home
    until = time.monotonic() + _SERVER_SECONDS
    problem = _problem(url)
    while problem and settings.up.prefect and time.monotonic() < until:
        time.sleep(_TICK_SECONDS)
        problem = _problem(url)
    if problem and settings.up.prefect:
        raise UsageError(
            f"expected Prefect's server to answer at {url}, its PREFECT_API_URL; found {problem}",
            hint="start it (prefect server start), or unset PREFECT_API_URL (in the environment or in "
            "Prefect's profile) for one of tickerflow up's own",
        )
    if not problem:
        _check_access(url)
    return url, (prefect.ui_url or url.removesuffix("/api")).rstrip("/"), prefect.home


def _check_access(url: str) -> None:
    import httpx
    from prefect.client.orchestration import get_client
    from prefect.exceptions import PrefectHTTPStatusError

    try:
        # One that has gone again since its health was asked for is waited for by the parts.
        with suppress(httpx.TransportError), get_client(sync_client=True) as client:
            client.api_version()
    except PrefectHTTPStatusError as error:
        raise UsageError(
            f"expected Prefect's server at {url} to let this machine in, found its status "
            f"{error.response.status_code}",
            hint="PREFECT_API_AUTH_STRING, or PREFECT_API_KEY, has to be the server's",
        ) from error


def _problem(url: str) -> str:
    try:
        with urlopen(f"{url}/health", timeout=_SERVER_SECONDS):  # noqa: S310
            return ""
    except (URLError, OSError, ValueError) as error:
        return str(error)
