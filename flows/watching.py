"""Who watches a run: the log, the progress artifact, and the command line where it started the run."""

import tempfile
import time
from collections.abc import Sequence
from contextvars import ContextVar
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self
from uuid import UUID

from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.logging import get_run_logger

from ml.outcomes import Failure
from ml.series import SeriesKey
from ml.summary import Finished, Summary, grade, sentence
from tasks.journal import Journal, JournalReader

_ARTIFACT_SECONDS = 2.0
_LEVELS = {"PASS": "info", "WARN": "info", "SKIP": "warning", "ERROR": "error"}


class Watcher(Protocol):
    """Is told what happens in a run, as it happens, in the thread of the flow."""

    def found(self, keys: Sequence[SeriesKey], problems: Sequence[Failure]) -> None:
        """These series take part; these files do not."""

    def training(self, key: SeriesKey) -> None:
        """A series' training began."""

    def trial(self, key: SeriesKey, done: int, total: int, text: str) -> None:
        """A study went on: so many of its trials have ended."""

    def finished(self, outcome: Finished) -> None:
        """A series is done."""


watcher: ContextVar[Watcher | None] = ContextVar("watcher", default=None)


class Watch:
    """Follows the journal of one run, and keeps the outcome of each series."""

    def __init__(
        self,
        kind: type[Finished],
        keys: Sequence[SeriesKey],
        problems: Sequence[Failure],
    ) -> None:
        self._kind = kind
        self._total = len(keys)
        self._problems = problems
        self._folder = tempfile.TemporaryDirectory(prefix="tickerflow-")
        self.journal = Journal(Path(self._folder.name) / "journal.jsonl")
        self._reader = JournalReader(self.journal.path)
        self._outcomes: dict[SeriesKey, Finished] = {}
        self._log = get_run_logger()
        self._watcher = watcher.get()
        self._artifact: UUID | None = None
        self._shown = 0
        self._shown_at = self._began = time.monotonic()
        for problem in problems:
            self._log.error("%s", problem)
        if self._watcher:
            self._watcher.found(keys, problems)

    def __enter__(self) -> Self:
        self._artifact = create_progress_artifact(
            0.0, key="progress", description=f"0 of {self._total} series"
        )  # type: ignore[assignment]  # declared for both the sync and the async call
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._drain()
        if error is None:
            self._show()
        self._folder.cleanup()

    def tick(self) -> None:
        """Take in what is new."""
        self._drain()
        if time.monotonic() - self._shown_at > _ARTIFACT_SECONDS:
            self._show()

    def finish(self, outcome: Finished) -> None:
        """Account for a series, once."""
        if outcome.key in self._outcomes:
            return
        self._outcomes[outcome.key] = outcome
        grading = grade(outcome)
        text = f"{len(self._outcomes)} of {self._total} {grading} {outcome.key}: {sentence(outcome)}"
        getattr(self._log, _LEVELS[grading])("%s", text)
        if self._watcher:
            self._watcher.finished(outcome)

    def summary(self) -> Summary:
        """All that finished so far."""
        outcomes = tuple(self._outcomes.values())
        return Summary.of(outcomes, self._problems, time.monotonic() - self._began)

    def _drain(self) -> None:
        for record in self._reader.new():
            self._take(record)

    def _take(self, record: dict[str, Any]) -> None:
        if record["event"] == "finished":
            self.finish(self._kind.model_validate(record["outcome"]))
        elif record["event"] == "trial":
            if self._watcher:
                key = SeriesKey.of(record["ticker"], record["interval"])
                self._watcher.trial(key, record["done"], record["total"], record["text"])
        elif self._watcher:
            self._watcher.training(SeriesKey.of(record["ticker"], record["interval"]))

    def _show(self) -> None:
        self._shown_at = time.monotonic()
        done = len(self._outcomes)
        if self._artifact is not None and done != self._shown:
            self._shown = done
            update_progress_artifact(
                self._artifact, 100 * done / self._total, description=f"{done} of {self._total} series"
            )
