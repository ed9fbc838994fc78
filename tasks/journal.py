"""Progress across threads and processes: one file, one JSON line for each thing that happened.

A task hands its results on when its whole shard is done, and Prefect's states arrive late; whoever
watches a run wants each series as it finishes. Appending one short line is atomic on a local file
(O_APPEND), so writers need no lock, and the reader takes complete lines only.
"""

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ml.outcomes import Outcome


class Stopped(BaseException):
    """The run was asked to stop. Not an Exception: no step may take it for its own failure."""


@dataclass(frozen=True, slots=True)
class Journal:
    """The writers' end; small enough to be handed to every task."""

    path: Path

    def append(self, event: str, **fields: Any) -> None:
        """Write one line: ``{"event": ..., **fields}``."""
        line = json.dumps({"event": event, **fields}, separators=(",", ":")) + "\n"
        descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(descriptor, line.encode())
        finally:
            os.close(descriptor)

    def finished(self, outcome: Outcome) -> None:
        """Write that a series is done, and how."""
        self.append("finished", outcome=outcome.model_dump(mode="json"))

    @property
    def _stop_path(self) -> Path:
        return self.path.with_name(self.path.name + ".stop")

    def stop(self) -> None:
        """Ask every task of the run to end at its next epoch or series."""
        self._stop_path.touch()

    @property
    def is_stopped(self) -> bool:
        """Whether the run was asked to stop."""
        return self._stop_path.exists()

    def check(self) -> None:
        """Raise `Stopped` when the run was asked to stop."""
        if self.is_stopped:
            raise Stopped


@dataclass(slots=True)
class JournalReader:
    """The reader's end: each call to `new` returns what was written since the last."""

    path: Path
    _offset: int = field(default=0, init=False)

    def new(self) -> list[dict[str, Any]]:
        """The complete lines since the last call, in the order they were written."""
        try:
            with self.path.open("rb") as file:
                file.seek(self._offset)
                text = file.read()
        except FileNotFoundError:
            return []
        complete = text[: text.rfind(b"\n") + 1]
        self._offset += len(complete)
        return [json.loads(line) for line in complete.splitlines()]
