"""How Ctrl-C and SIGTERM end a training of the command line: in words, with nothing done by halves.

- While modules are imported and options are read there is nothing to undo: the process ends at once. An
  exception could be lost there, or come out as another: making a class turns it into a RuntimeError.
- From `unwind` on, while bars are read and a network learns, a signal raises `Terminated`, on whose way
  out temporary files are removed.
- From `finish` on, as the promotion begins, the rest is done to its end, and a signal told so.

Nothing but the standard library is imported here: signals may come while all else is.
"""

import os
import signal
import sys
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import NoReturn

INTERRUPTED = "interrupted: nothing was promoted"


class Terminated(KeyboardInterrupt):
    """SIGINT or SIGTERM, for what catches Ctrl-C."""


def answer_signals() -> None:
    """Answer SIGINT and SIGTERM, at first at once. One that is ignored (nohup, ``&``) stays so."""
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _signalled)
    sys.unraisablehook = _lost
    sys.excepthook = _uncaught


def unwind() -> None:
    """From now on a signal raises `Terminated`, once: what comes after it changes nothing."""
    global _answer
    _answer = _raise


def finish() -> None:
    """From now on a first signal lets the rest be done; raises `Terminated` if one came before."""
    global _answer
    _answer = _finish_first
    if _received is not None:  # and what it raised was taken for an error of what ran
        raise Terminated


def received() -> int | None:
    """The number of the signal that raised `Terminated`; None where there was none."""
    return _received


def _signalled(number: int, _frame: FrameType | None) -> None:
    _answer(number)


def _leave(number: int, words: str = INTERRUPTED) -> NoReturn:
    try:
        os.write(2, f"{words}\n".encode())
    finally:
        os._exit(128 + number)


def _raise(number: int) -> None:
    global _received
    if _received is None:
        _received = number
        raise Terminated


def _finish_first(_number: int) -> None:
    global _answer
    _answer = _leave_promotion
    os.write(2, b"the promotion has begun and is finished first; once more ends at once\n")


def _leave_promotion(number: int) -> None:
    _leave(number, "ended at once: the model of before serves, or the new one, whole")


def _lost(unraisable: "sys.UnraisableHookArgs") -> None:
    """What is raised in a finaliser or a callback of C cannot get out of it: end here."""
    if _received is not None and isinstance(unraisable.exc_value, Terminated):
        _leave(_received)
    sys.__unraisablehook__(unraisable)


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if _received is not None:
        _leave(_received)
    sys.__excepthook__(kind, error, trace)


_answer: Callable[[int], None] = _leave
_received: int | None = None
