"""The signals that end a run in order: Ctrl-C, SIGTERM (timeout, systemd, docker), a closed terminal."""

import signal
from types import FrameType

# Windows has no SIGHUP, and no masks.
ENDING = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


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
    """Make this process take SIGTERM and SIGHUP as Ctrl-C. One that is ignored (nohup) stays so."""
    for number in ENDING:
        if number != signal.SIGINT and signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _raise)


def block_termination() -> None:
    """Keep all but Ctrl-C from this thread, and from the processes that it starts."""
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_BLOCK, set(ENDING) - {signal.SIGINT})


def ignore() -> None:
    """Leave it to the main process what the signals mean: they reach its whole group."""
    for number in ENDING:
        signal.signal(number, signal.SIG_IGN)


def _raise(number: int, _frame: FrameType | None) -> None:
    raise Terminated(number)
