"""Answers that are made before they are asked for: at a promotion, of what is being asked for."""

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Final

from ml.errors import TickerflowError

_log = logging.getLogger(__name__)
_EVERY_SECONDS: Final = 0.004
_ASKED_SECONDS: Final = 10.0
# A promotion replaces several files one by one, and the clocks of file systems are coarse.
_SETTLING_SECONDS: Final = 0.05
_MOST: Final = 16


class Ahead:
    """Makes again what was asked for in the last seconds, as soon as something is promoted.

    Who asks next finds it made, or waits for the rest of its making. Where the change is not seen, as on
    a folder of the network, the answer is made when it is asked for. Safe to use from several threads;
    its own ends when nobody asks any more.

    Args:
        models_dir: the folder that promotions change.
    """

    def __init__(self, models_dir: Path) -> None:
        self._models_dir = models_dir
        self._asked: OrderedDict[Hashable, tuple[float, Callable[[], object]]] = OrderedDict()
        self._ending = threading.Condition()
        self._thread: threading.Thread | None = None
        self._is_stopped = False

    def note(self, asked: Hashable, make: Callable[[], object]) -> None:
        """Somebody has asked: ``make`` makes the answer where it is not what it should be by now."""
        with self._ending:
            self._asked[asked] = time.monotonic(), make
            self._asked.move_to_end(asked)
            if len(self._asked) > _MOST:
                self._asked.popitem(last=False)
            if self._thread is None and not self._is_stopped:
                self._thread = threading.Thread(
                    target=self._watch, args=(self._stamp(),), name="ahead", daemon=True
                )
                self._thread.start()

    def stop(self) -> None:
        """Make nothing more; returns when its thread has ended."""
        with self._ending:
            self._is_stopped = True
            thread = self._thread
            self._ending.notify_all()
        if thread is not None:
            thread.join()

    def _watch(self, seen: int) -> None:
        until = 0.0
        while wanted := self._wanted():
            stamp = self._stamp()
            if stamp != seen:
                seen, until = stamp, time.monotonic() + _SETTLING_SECONDS
            if time.monotonic() < until:
                for asked, make in wanted:
                    self._make(asked, make)
            with self._ending:
                self._ending.wait(_EVERY_SECONDS)

    def _wanted(self) -> list[tuple[Hashable, Callable[[], object]]]:
        """What was asked for lately; with nothing of it the thread ends, and another may begin."""
        oldest = time.monotonic() - _ASKED_SECONDS
        with self._ending:
            while self._asked and next(iter(self._asked.values()))[0] < oldest:
                self._asked.popitem(last=False)
            wanted = (
                [] if self._is_stopped else [(asked, make) for asked, (_, make) in self._asked.items()]
            )
            if not wanted:
                self._thread = None
            return wanted

    def _make(self, asked: Hashable, make: Callable[[], object]) -> None:
        try:
            make()
        except TickerflowError as error:
            _log.debug("whoever asks for %s next will be told: %s", asked, error)
        except Exception:  # noqa: BLE001  # a bug of one answer must not end the others'
            _log.exception("the answer to %s could not be made ahead", asked)
            with self._ending:
                self._asked.pop(asked, None)

    def _stamp(self) -> int:
        """Another one where a file of the folder has come, gone or been replaced; 0 without a folder."""
        try:
            return self._models_dir.stat().st_mtime_ns
        except OSError:
            return 0
