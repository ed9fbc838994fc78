"""Starts all parts, waits, and stops them in order: nothing new first, the rest after what they need."""

import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

from apps.interrupting import ENDING
from apps.up.family import MARK, end_all
from apps.up.keeper import Keeper
from apps.up.part import Part
from apps.up.runs import let_finish, put_back, running
from apps.up.show import Board

_TICK_SECONDS = 0.1
_LAST_SECONDS = 5.0
_ASKING = ("deployments", "noticer")


class Signals:
    """Counts the signals that ask for the end; the second one asks for haste."""

    def __init__(self) -> None:
        self.received: list[int] = []

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Count for the length of the block. The parts start with the system's own handling.

        A hangup that is ignored (nohup) stays so; shells ignore SIGINT for what runs behind them, and
        there it is still the way to end all.
        """
        before = {
            number: signal.signal(number, self._note)
            for number in ENDING
            if number == signal.SIGINT or signal.getsignal(number) is not signal.SIG_IGN
        }
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self.received.append(number)


class Conductor:
    """All parts of one call."""

    def __init__(
        self,
        parts: Sequence[Part],
        environment: Mapping[str, str],
        logs_dir: Path,
        board: Board,
        stop_seconds: float,
    ) -> None:
        self._mark = secrets.token_hex(8)
        self._board, self._stop_seconds = board, stop_seconds
        self._prefect_api = environment.get("PREFECT_API_URL", "")
        self._warden: subprocess.Popen[bytes] | None = None
        self._began = time.monotonic()
        common = {**os.environ, **environment, MARK: self._mark, "PYTHONUNBUFFERED": "1"}
        self._keepers = [
            Keeper(part, common, Path.cwd(), logs_dir, self._board.show, self._began) for part in parts
        ]
        self.keepers = {keeper.status.part.name: keeper for keeper in self._keepers}

    def run(self, signals: Signals) -> str:
        """Run all until a signal ends them; return why they could not, empty where they could."""
        self._start_warden()
        try:
            for keeper in self._keepers:
                self._board.show(keeper.status)
                part = keeper.status.part
                keeper.start(self.keepers.get(part.after), self.keepers.get(part.needs))
            return self._wait(signals)
        finally:
            self._stop(signals)

    def _wait(self, signals: Signals) -> str:
        is_announced, told = False, set[int]()
        while not signals.received:
            told = self._tell_warden(told)
            failed = next((k for k in self._keepers if k.status.state == "failed"), None)
            if failed is not None:
                return f"{failed.status.part.name} {failed.status.detail}; its log: {failed.log_path}"
            if not is_announced and all(keeper.is_ready.is_set() for keeper in self._keepers):
                is_announced = True
                seconds = time.monotonic() - self._began
                self._board.headline(
                    f"all ready after {seconds:.1f} s", "ready", seconds=round(seconds, 2)
                )
            time.sleep(_TICK_SECONDS)
        return ""

    def _start_warden(self) -> None:
        # Without the mark: it ends all who carry it.
        self._warden = subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", "apps.up.warden", self._mark],
            stdin=subprocess.PIPE,
            start_new_session=True,
            bufsize=0,
        )

    def _tell_warden(self, told: set[int]) -> set[int]:
        """The pids, for systems that do not show what processes were started with."""
        assert self._warden is not None
        assert self._warden.stdin is not None
        if self._warden.poll() is not None:
            self._warden.stdin.close()
            with suppress(OSError):  # the system has no process to spare just now: at the next tick
                self._start_warden()
            return set()
        pids = self._pids()
        with suppress(BrokenPipeError):  # it has just been killed: the next one is told
            for pid in pids - told:
                self._warden.stdin.write(f"{pid}\n".encode())
        return told | pids

    def _pids(self) -> set[int]:
        return {pid for keeper in self._keepers if (pid := keeper.pid) is not None}

    def _stop(self, signals: Signals) -> None:
        self._board.headline("stopping; once more Ctrl-C ends at once what runs", "stopping")
        asked, pids = len(signals.received), self._pids()
        for keeper in self._keepers:
            keeper.quit()
        # Asked to end, the worker would kill its runs at once. Standing still, it takes no more of them.
        if "worker" in self.keepers:
            self.keepers["worker"].ask_to_end(signal.SIGSTOP)
        # First who asks for work; then, when the runs are seen off, what they talk to.
        first = [keeper for keeper in self._keepers if keeper.status.part.name in _ASKING]
        for group in (first, [keeper for keeper in self._keepers if keeper not in first]):
            if group is not first:
                self._end_runs(lambda: len(signals.received) > asked)
            for keeper in group:
                keeper.ask_to_end()
            began = time.monotonic()
            for keeper in group:
                until = began + keeper.status.part.patience_seconds
                while not keeper.wait(_TICK_SECONDS):
                    if time.monotonic() > until or len(signals.received) > asked:
                        self._hurry(keeper)
                        break
                keeper.close()
        end_all(self._mark, pids, _LAST_SECONDS)
        if self._warden is not None and self._warden.stdin is not None:
            self._warden.stdin.close()
            self._warden.wait()
        self._board.headline("all stopped", "stopped")

    def _end_runs(self, in_haste: Callable[[], bool]) -> None:
        """The worker takes no more: see its runs off while Prefect is still there."""
        n_running = len(set(running(self._mark).values()))
        if n_running:
            self._board.headline(
                f"waiting up to {self._stop_seconds:g} s for {n_running} running", "finishing"
            )
        ended = let_finish(self._mark, self._stop_seconds, in_haste)
        if not ended or not self._prefect_api:
            return
        from prefect.client.orchestration import SyncPrefectClient

        with SyncPrefectClient(api=self._prefect_api) as client:
            problems = put_back(client, ended)
        words = f"{len(ended)} ended; they begin again at the next start"
        if problems:
            words += f"; not put back: {'; '.join(problems.values())}"
        self._board.headline(words, "ended", runs=[str(run) for run in sorted(ended)])

    def _hurry(self, keeper: Keeper) -> None:
        """End a part that takes too long."""
        keeper.ask_to_end(signal.SIGKILL)
        keeper.wait(_LAST_SECONDS)
