"""What `tickerflow up` shows: a live table in a terminal, else a line for each change, or JSON."""

import json
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from apps.up.part import State, Status

_STYLES: dict[State, str] = {
    "waiting": "dim",
    "starting": "cyan",
    "ready": "green",
    "done": "green",
    "unhealthy": "bold yellow",
    "restarting": "bold yellow",
    "failed": "bold red",
    "stopped": "dim",
}
_SCHEMA = {"schema": "tickerflow.up", "schema_version": 1}


class Board:
    """Shows the parts. In a terminal on stderr; with ``as_json`` one JSON object a line on stdout."""

    def __init__(self, logs_dir: Path, *, as_json: bool, quiet: bool) -> None:
        self._statuses: dict[str, Status] = {}
        self._logs_dir = logs_dir
        self._as_json, self._quiet = as_json, quiet
        self._console = Console(stderr=True, highlight=False)
        self._headline, self._note = "starting", ""
        self._guard = threading.RLock()
        is_live = self._console.is_terminal and not as_json and not quiet
        self._live = Live(console=self._console, auto_refresh=False) if is_live else None

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def show(self, status: Status) -> None:
        """A part has changed; any thread may say so."""
        with self._guard:
            before = self._statuses.get(status.part.name)
            self._statuses[status.part.name] = status
            if self._as_json:
                self._json(event="part", **_row(status))
            elif self._live is not None:
                self._refresh()
            elif before is None or (before.state, before.detail) != (status.state, status.detail):
                self._line(_plain(status))

    def headline(self, text: str, event: str, **more: Any) -> None:
        """What all do now."""
        with self._guard:
            self._headline = text
            if self._as_json:
                self._json(event=event, **more)
            elif self._live is not None:
                self._refresh()
            else:
                self._line(text)

    def note(self, text: str) -> None:
        """What holds as long as all run, and the parts themselves do not tell."""
        with self._guard:
            self._note = text
            if self._as_json:
                self._json(event="note", text=text)
            elif self._live is None:
                self._line(text)

    def _refresh(self) -> None:
        assert self._live is not None
        table = Table(box=None, pad_edge=False, header_style="dim")
        for column in ("part", "health", "address", ""):
            table.add_column(column, overflow="fold")
        for status in self._statuses.values():
            since = f" after {status.seconds:.0f} s" if status.seconds is not None else ""
            health = Text(status.state, _STYLES[status.state])
            if status.is_ready:
                health.append(since, "dim")
            table.add_row(status.part.name, health, status.part.url, Text(status.detail, "dim"))
        end = Text(f"logs in {self._logs_dir}; Ctrl-C ends all", "dim")
        if self._note:
            end = Text(f"{self._note}\n", "yellow").append_text(end)
        self._live.update(Group(Text(self._headline, "bold"), table, end), refresh=True)

    def _line(self, text: str) -> None:
        if not self._quiet:
            self._console.print(Text(text), soft_wrap=True)

    def _json(self, **fields: Any) -> None:
        print(json.dumps({**_SCHEMA, **fields}), flush=True)  # noqa: T201
        sys.stdout.flush()


def _plain(status: Status) -> str:
    words = [f"{status.part.name:<12}", status.state]
    if status.is_ready and status.seconds is not None:
        words.append(f"after {status.seconds:.1f} s")
    words += [text for text in (status.part.url, status.detail) if text]
    return " ".join(words)


def _row(status: Status) -> dict[str, Any]:
    return {
        "part": status.part.name,
        "state": status.state,
        "url": status.part.url,
        "detail": status.detail,
        "seconds": None if status.seconds is None else round(status.seconds, 2),
        "starts": status.starts,
    }
