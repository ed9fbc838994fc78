"""A part: a process of `tickerflow up`, what it is asked to know its health, and how it is ended."""

import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

State = Literal["waiting", "starting", "ready", "unhealthy", "restarting", "done", "failed", "stopped"]


@dataclass(frozen=True, slots=True)
class Part:
    """What is started, and how it is watched.

    Attributes:
        name: one word; of its log, too.
        command: what is run.
        environment: what it has beside that of all parts.
        url: the address to tell people; empty where there is none.
        health: the address that answers 200 when the part does its work; empty where there is none.
        ready_line: what a line of its log begins with when it is ready; empty where ``health`` says it.
        after: the part that has to be ready before this one is started.
        needs: the part that has to be ready before this one can be.
        is_job: it ends by itself, with status 0.
        tells: whether the last line of its log is worth showing.
        ended_by: the signal that it takes for the end.
        patience_seconds: how long it may take to end.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    url: str = ""
    health: str = ""
    ready_line: str = ""
    after: str = ""
    needs: str = ""
    is_job: bool = False
    tells: bool = False
    ended_by: int = signal.SIGTERM
    patience_seconds: float = 10.0


@dataclass(frozen=True, slots=True)
class Status:
    """How a part is.

    Attributes:
        detail: what there is to say; why, where it is not well.
        seconds: from the start of all until it was ready for the first time; None before.
        starts: how often it was started.
    """

    part: Part
    state: State = "waiting"
    detail: str = ""
    seconds: float | None = None
    starts: int = 0

    @property
    def is_ready(self) -> bool:
        """Whether it does its work, or has done it."""
        return self.state in ("ready", "done")


Listener = Callable[[Status], None]
