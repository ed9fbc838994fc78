"""Prefect's temporary server, so that it outlives the signals that end its run."""

import os
import signal
import subprocess
import sys
from typing import Any

import prefect
from prefect.server.api.server import SubprocessASGIServer
from prefect.settings import get_current_settings


class OutlivingServer(SubprocessASGIServer):
    """Prefect's temporary server, in a session of its own.

    A signal to the run's process group must not end the server first: the flow would try for minutes
    to tell it how the run ended. Start it in a thread that blocks SIGTERM, for systemd signals every
    process of a unit, sessions or not. Prefect keeps one temporary server in a process: the first that
    is made is everybody's.
    """

    def _run_uvicorn_command(self) -> "subprocess.Popen[Any]":
        command = [sys.executable, "-m", "uvicorn", "--factory", "prefect.server.api.server:create_app"]
        command += ["--app-dir", str(prefect.__module_path__.parent), "--host", "127.0.0.1"]
        command += ["--port", str(self.port), "--log-level", "error", "--lifespan", "on"]
        own = {"PREFECT_UI_ENABLED": "0", "PREFECT__SERVER_EPHEMERAL": "1", "PREFECT__SERVER_FINAL": "1"}
        settings = get_current_settings().to_environment_variables(exclude_unset=True)
        return subprocess.Popen(  # noqa: S603
            command, env={**os.environ, **own, **settings}, start_new_session=True
        )

    def stop(self) -> None:
        """End the server; it does not hear the SIGTERM that Prefect sends, but SIGINT."""
        if self.server_process and os.name != "nt":
            self.server_process.send_signal(signal.SIGINT)
        super().stop()
