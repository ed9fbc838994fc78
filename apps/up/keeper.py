"""Keeps one part alive: starts it, follows its log and its health, starts it again when it dies."""

import logging
import signal
import subprocess
import threading
import time
from contextlib import suppress
from dataclasses import replace
from logging.handlers import RotatingFileHandler
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from apps.up.part import Listener, Part, State, Status

_TICK_SECONDS = 0.1
_LOOK_SECONDS = {True: 5.0, False: 0.3}  # between looks at the health of a part that is ready, or not
_ANSWER_SECONDS = 3.0
_SICK_LOOKS = 3  # answers that fail in a row before a part counts as unhealthy
_MAX_STARTS = 5  # in a row, without having been well for a while
_WELL_SECONDS = 60.0
_LOG_BYTES, _LOGS = 10_000_000, 3


class Keeper:
    """A part's thread. ``listener`` is told each change, from this thread."""

    def __init__(
        self,
        part: Part,
        environment: dict[str, str],
        cwd: Path,
        logs_dir: Path,
        listener: Listener,
        began: float,
    ) -> None:
        self.status = Status(part)
        self.is_ready = threading.Event()
        self._environment = {**environment, **part.environment}
        self._cwd, self._listener, self._began = cwd, listener, began
        self._process: subprocess.Popen[bytes] | None = None
        self._guard = threading.Lock()
        self._stopping = threading.Event()
        self._is_announced = threading.Event()
        self._last_line = ""
        self._log = RotatingFileHandler(
            logs_dir / f"{part.name}.log", maxBytes=_LOG_BYTES, backupCount=_LOGS, encoding="utf-8"
        )
        self._thread = threading.Thread(target=self._keep, name=part.name)

    @property
    def log_path(self) -> Path:
        """The part's log."""
        return Path(self._log.baseFilename)

    @property
    def pid(self) -> int | None:
        """The process, where it runs."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    def start(self, after: "Keeper | None", needs: "Keeper | None") -> None:
        """Start the part as soon as ``after`` is ready; it is so itself not before ``needs``."""
        self._after, self._needs = after, needs
        self._thread.start()

    def quit(self) -> None:
        """Start it no more: its process may end now, and nobody asks for its health."""
        self._stopping.set()

    def ask_to_end(self, number: int | None = None) -> None:
        """Send the part's own signal, or another, and start it no more."""
        with self._guard:
            self._stopping.set()
            if self._process is not None and self._process.poll() is None:
                self._process.send_signal(number or self.status.part.ended_by)

    def wait(self, seconds: float) -> bool:
        """Wait for the process to end; whether it has."""
        process = self._process
        if process is not None:
            try:
                process.wait(max(0.0, seconds))
            except subprocess.TimeoutExpired:
                return False
        return True

    def close(self) -> None:
        """Wait for the thread, and close the log."""
        self._thread.join()
        self._log.close()
        if self.status.state not in ("failed", "done"):
            self._tell("stopped", "")

    def _keep(self) -> None:
        while self._after is not None and not self._after.is_ready.wait(_TICK_SECONDS):
            if self._stopping.is_set() or self._after.status.state == "failed":
                return
        starts = 0
        while not self._stopping.is_set():
            starts += 1
            self._tell("starting", "" if starts == 1 else f"again, start {starts}", started=True)
            try:
                reader = self._launch()
            except OSError as error:  # no memory, no process or no file to spare: it can pass
                why = f"could not be started: {error.strerror or error}"
            else:
                if reader is None:
                    return
                well_since = self._watch()
                reader.join(_ANSWER_SECONDS)
                if self._stopping.is_set():
                    return
                assert self._process is not None
                code = self._process.returncode
                if code == 0 and self.status.part.is_job:
                    self._tell("done", self._last_line)
                    self.is_ready.set()
                    return
                if well_since is not None and time.monotonic() - well_since > _WELL_SECONDS:
                    starts = 1
                why = _why(code, self._last_line)
            if starts >= _MAX_STARTS:
                self._tell("failed", f"{why}; given up after {starts} starts")
                return
            pause = min(2.0 ** (starts - 1), 30.0)
            self._tell("restarting", f"{why}; again in {pause:.0f} s")
            self._stopping.wait(pause)

    def _launch(self) -> threading.Thread | None:
        part = self.status.part
        with self._guard:
            if self._stopping.is_set():
                return None
            self._is_announced.clear()
            self._last_line = ""
            self._process = subprocess.Popen(  # noqa: S603
                part.command,
                env=self._environment,
                cwd=self._cwd,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C in the terminal is ours: each part ends in its turn
            )
        reader = threading.Thread(target=self._follow, args=(self._process,), daemon=True)
        reader.start()
        return reader

    def _watch(self) -> float | None:
        """Follow the health until the process ends; since when it was ready, None where it never was."""
        part, process = self.status.part, self._process
        assert process is not None
        well_since, failed_looks, next_look = None, 0, 0.0
        while process.poll() is None:
            # While all stop, health is nobody's concern, and the process is waited for elsewhere.
            if part.is_job or self._stopping.is_set() or time.monotonic() < next_look:
                with suppress(subprocess.TimeoutExpired):
                    process.wait(_TICK_SECONDS)
                continue
            problem = self._problem()
            failed_looks = failed_looks + 1 if problem else 0
            if not problem:
                well_since = well_since or time.monotonic()
                if self.status.state != "ready" or (
                    part.tells and self.status.detail != self._last_line
                ):
                    self._tell("ready", self._last_line if part.tells else "")
                self.is_ready.set()
            elif failed_looks >= _SICK_LOOKS and self.status.state == "ready":
                self._tell("unhealthy", problem)
            elif self._says_what_it_waits_for():
                self._tell("starting", self._last_line)
            next_look = time.monotonic() + _LOOK_SECONDS[self.status.is_ready and not part.tells]
        return well_since

    def _says_what_it_waits_for(self) -> bool:
        status = self.status
        is_new = self._last_line not in ("", status.detail)
        return status.part.tells and status.state == "starting" and is_new

    def _problem(self) -> str:
        part = self.status.part
        if self._needs is not None and not self._needs.is_ready.is_set():
            return f"{part.needs} is not ready yet"
        if not part.health:
            return "" if self._is_announced.is_set() or not part.ready_line else "not ready yet"
        try:
            with urlopen(part.health, timeout=_ANSWER_SECONDS):  # noqa: S310
                return ""
        except (URLError, OSError, ValueError) as error:
            return f"{part.health}: {error}"

    def _follow(self, process: "subprocess.Popen[bytes]") -> None:
        assert process.stdout is not None
        with process.stdout as output:
            for raw in output:
                line = raw.decode("utf-8", "replace").rstrip()
                self._log.handle(logging.LogRecord("up", logging.INFO, "", 0, line, None, None))
                if line:
                    self._last_line = line
                if self.status.part.ready_line and line.startswith(self.status.part.ready_line):
                    self._is_announced.set()

    def _tell(self, state: State, detail: str, *, started: bool = False) -> None:
        seconds = self.status.seconds
        if state in ("ready", "done") and seconds is None:
            seconds = time.monotonic() - self._began
        starts = self.status.starts + started
        self.status = replace(self.status, state=state, detail=detail, seconds=seconds, starts=starts)
        self._listener(self.status)


def _why(code: int, last_line: str) -> str:
    if code >= 0:
        return f"ended with status {code}" + (f": {last_line}" if last_line else "")
    # What it said last has nothing to do with it.
    return f"killed by {signal.Signals(-code).name}"
