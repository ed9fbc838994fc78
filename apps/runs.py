"""One run of a command over many series: what it shows, and how it ends."""

import shlex
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from apps.console import RunDisplay, print_summary
from apps.errors import DONE, SOME_FAILED
from apps.interrupting import status_of
from apps.options import FOLDERS, Call
from apps.report import Kind, interrupted, json_result, write_report
from ml.outcomes import TrainOutcome
from ml.summary import Finished, Summary, failed


class Run:
    """One run of a command: its display, its clock, and how it ends."""

    def __init__(self, call: Call, kind: Kind, title: str) -> None:
        self._call = call
        self._kind = kind
        self._seconds = 0.0
        self.display = RunDisplay(title, quiet=call.quiet)
        self.interrupted: int | None = None  # the exit status, once it was
        self.extra: dict[str, Any] = {}  # of the JSON account, beside the series

    @contextmanager
    def showing(self) -> Iterator[RunDisplay]:
        """Show progress; Ctrl-C or SIGTERM ends the block, and what is finished is told all the same."""
        started = time.monotonic()
        try:
            with self.display:
                yield self.display
        except KeyboardInterrupt as interrupt:
            self.interrupted = status_of(interrupt)
        finally:
            self._seconds = time.monotonic() - started

    @property
    def summary(self) -> Summary:
        """How each series ended; after an interruption, those that did not get to their end failed."""
        return Summary.of(
            (*self.display.outcomes, *self._cut_short()), self.display.problems, self._seconds
        )

    def finish(self) -> int:
        """Write the report, print the result, and return the exit status."""
        summary = self.summary
        if self._call.report is not None:
            write_report(self._call.report, self._kind, summary, self.extra)
        if self._call.json:
            print(json_result(self._kind, summary, self.extra))  # noqa: T201
        cut_short = {outcome.key for outcome in self._cut_short()}
        print_summary(summary, cut_short, to_stderr=self._call.json)
        if self.interrupted is not None:
            self.display.say("interrupted: what is done stays, and the same command goes on from there")
            return self.interrupted
        self.display.say(f"next: {self._next(summary)}")
        return self.status

    @property
    def status(self) -> int:
        """The exit status."""
        if self.interrupted is not None:
            return self.interrupted
        return SOME_FAILED if self.summary.any_failed else DONE

    def _cut_short(self) -> Sequence[Finished]:
        if self.interrupted is None:
            return ()
        done = {outcome.key for outcome in self.display.outcomes}
        return [interrupted(self._kind, key) for key in self.display.keys if key not in done]

    def _next(self, summary: Summary) -> str:
        """A command that can work now, with the folders of this call."""
        done = [outcome for outcome in summary.outcomes if not failed(outcome)]
        serving = [o for o in summary.outcomes if isinstance(o, TrainOutcome) and o.version]
        if self._kind == "forecast":
            return self._command("models list")
        if self._kind == "score" and done:
            return self._command("models list")
        if self._kind == "evaluate" and done:
            return self._command("train")
        if self._kind == "tune" and done:
            return self._command("train")
        if self._kind == "ingest" and done:
            return self._command("train")
        if self._kind == "train" and serving:
            return self._command("forecast --steps 10")
        if self._kind == "train" and done:
            return "nothing is promoted: bring more bars, or try other --features or another --model"
        return f"mend the above, or bring more data; then {self._command(self._kind)}"

    def _command(self, words: str) -> str:
        typed = self._call.overrides
        folders = [
            f" --{name.replace('_', '-')} {shlex.quote(str(typed[name]))}"
            for name in FOLDERS
            if name in typed
        ]
        return f"tickerflow {words}{''.join(folders)}"
