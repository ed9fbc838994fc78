"""The signals that end a run in order: Ctrl-C, SIGTERM (timeout, systemd, docker), a closed terminal.

What a process that calls `end_in_order` makes of one depends on how far it is:

- While modules are imported and options are read there is nothing to undo: it ends at once.
- From `unwind` on, while the command does its work, it is an exception, and what is finished is told.
- From `settle` on all is told and the exit status stands: nothing comes of it. Prefect may wait for a
  server that is away as the process ends, so the one after it ends at once.

Only the standard library is imported here: signals may come while all else is.
"""

import atexit
import os
import signal
from collections.abc import Callable
from types import FrameType
from typing import NoReturn

# Windows has no SIGHUP, and no masks.
ENDING = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]

at_once: list[Callable[[], None]] = []  # what is done even where nothing else can be

_answered: list[int] = []


class Terminated(KeyboardInterrupt):
    """SIGTERM or SIGHUP: handled wherever Ctrl-C is."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


def status_of(interrupt: KeyboardInterrupt) -> int:
    """The exit status by which a shell knows the signal: 130 for Ctrl-C, 143 for SIGTERM."""
    number = interrupt.number if isinstance(interrupt, Terminated) else signal.SIGINT
    return 128 + number


def end_in_order() -> None:
    """Answer the signals in this process, at first by its end. One that is ignored (nohup) stays so."""
    # The last of all that is done at the end: Python would give what it handles back to the system.
    atexit.register(ignore)
    _answered.extend(number for number in ENDING if signal.getsignal(number) is not signal.SIG_IGN)
    for number in _answered:
        signal.signal(number, _leave)


def unwind() -> None:
    """From now on a signal is an exception, in a process that asked for order."""
    for number in _answered:
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else _raise)


def settle() -> None:
    """From now on a first signal changes nothing; as `unwind`, for a process that asked for order."""
    for number in _answered:
        signal.signal(number, _pass_over)


def block_termination() -> None:
    """Keep all but Ctrl-C from this thread, and from the processes that it starts."""
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_BLOCK, set(ENDING) - {signal.SIGINT})


def ignore() -> None:
    """Make nothing of a signal in this process; in a worker, as its main process says what it means."""
    for number in ENDING:
        signal.signal(number, signal.SIG_IGN)


def _leave(number: int, _frame: FrameType | None) -> NoReturn:
    try:
        os.write(2, b"interrupted\n")
    finally:
        _end(number)


def _raise(number: int, _frame: FrameType | None) -> None:
    raise Terminated(number)


def _pass_over(_number: int, _frame: FrameType | None) -> None:
    for number in _answered:
        signal.signal(number, _leave_what_is_left)


def _leave_what_is_left(number: int, _frame: FrameType | None) -> NoReturn:
    _end(number)


def _end(number: int) -> NoReturn:
    for act in at_once:
        act()
    os._exit(128 + number)
