"""Prefect's temporary server, started before Prefect is imported here, and outliving a run's signals."""

import atexit
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from apps.interrupting import at_once, block_termination

_TICK_SECONDS = 0.1
_PATIENCE_SECONDS = 5.0


class TemporaryServer:
    """What Prefect itself would start where no API is named, without importing the server here (3 s).

    It has a session of its own, and blocks SIGTERM: a signal to the run's process group, or to every
    process of a systemd unit, must not end the server first, or the flow would try for minutes to tell
    it how the run ended.
    """

    def __init__(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None
        self._has_answered = False
        # Before it starts: a signal may come while it does.
        atexit.register(self.stop)
        at_once.append(self._kill)
        # A process has its mask from the thread that starts it.
        starter = threading.Thread(target=self._start)
        starter.start()
        starter.join()

    @property
    def api_url(self) -> str:
        """What PREFECT_API_URL is for this server."""
        return f"http://127.0.0.1:{self._port}/api"

    def problem(self, timeout_seconds: float) -> str:
        """Wait until the server answers; why it does not, empty where it does."""
        assert self._process is not None
        until = time.monotonic() + timeout_seconds
        while time.monotonic() < until:
            if self._process.poll() is not None:
                return f"its temporary server ended with status {self._process.returncode}"
            try:
                with urlopen(f"{self.api_url}/health", timeout=_PATIENCE_SECONDS):  # noqa: S310
                    self._has_answered = True
                    return ""
            except (URLError, OSError):
                time.sleep(_TICK_SECONDS)
        return f"its temporary server did not answer within {timeout_seconds:.0f} s"

    def stop(self) -> None:
        """End the server: by SIGINT, for it does not hear SIGTERM.

        One that is still starting has words of its own for that, and nothing to lose: its database is
        changed in transactions.
        """
        if self._process is None or self._process.poll() is not None:
            return
        if self._has_answered and os.name != "nt":
            self._process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_PATIENCE_SECONDS)
        self._process.kill()  # where it has not ended
        self._process.wait()

    def _kill(self) -> None:
        if self._process is not None:
            self._process.kill()

    def _start(self) -> None:
        block_termination()
        spec = find_spec("prefect")
        assert spec is not None
        assert spec.origin is not None
        command = [sys.executable, "-m", "uvicorn", "--factory", "prefect.server.api.server:create_app"]
        command += ["--app-dir", str(Path(spec.origin).parents[1]), "--host", "127.0.0.1"]
        command += ["--port", str(self._port), "--log-level", "error", "--lifespan", "on"]
        own = {"PREFECT_UI_ENABLED": "0", "PREFECT__SERVER_EPHEMERAL": "1", "PREFECT__SERVER_FINAL": "1"}
        self._process = subprocess.Popen(  # noqa: S603
            command, env={**os.environ, **own}, start_new_session=True
        )


def name_api(url: str) -> None:
    """Make an API this process's own, as if PREFECT_API_URL had named it before Prefect was imported."""
    import prefect.context

    os.environ["PREFECT_API_URL"] = url
    # What every thread of Prefect falls back on.
    prefect.context.GLOBAL_SETTINGS_CONTEXT = prefect.context.root_settings_context()
