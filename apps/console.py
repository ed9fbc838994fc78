"""What a run shows: a line for each series as it finishes, a bar in a terminal, a summary in the end.

Progress goes to stderr and the result to stdout; with ``--json`` stdout holds JSON alone.
"""

import sys
from collections.abc import Collection, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from ml.errors import TickerflowError
from ml.outcomes import Failure, ForecastOutcome, TrainOutcome
from ml.series import SeriesKey
from ml.summary import Finished, Grade, Summary, duration, grade, hint, ordered, sentence

_STYLES: dict[Grade, str] = {"PASS": "green", "WARN": "yellow", "ERROR": "bold red", "SKIP": "cyan"}
_MAX_WARNINGS = 10
UNPROVEN = "not proven better than the random walk"
UNPROVEN_HINT = (
    "these forecast all the same, and say so: more bars, other --features or another --model may help; "
    "the random walk is hard to beat"
)
EXPIRED_HINT = "an expired model forecasts on, and is trained first: tickerflow train"


class RunDisplay:
    """Shows a run on stderr, and keeps the outcomes for the end.

    It is a watcher of the flows: they call `found`, `training` and `finished`.
    """

    def __init__(self, title: str, *, quiet: bool = False) -> None:
        self.outcomes: list[Finished] = []
        self.problems: list[Failure] = []
        self.keys: tuple[SeriesKey, ...] = ()
        self._quiet = quiet
        self._total = 0
        self._trials: dict[SeriesKey, int] = {}
        self._console = Console(stderr=True, highlight=False)
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=self._console,
            transient=True,
            disable=quiet or not self._console.is_terminal,
        )
        self._task = self._bar.add_task(title, total=None)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def say(self, line: str) -> None:
        """A line of progress."""
        if not self._quiet:
            self._console.print(Text(line), soft_wrap=True)

    def status(self, text: str) -> None:
        """What goes on now, beside the bar."""
        self._bar.update(self._task, description=text)

    @property
    def is_complete(self) -> bool:
        """Whether every series was accounted for."""
        return self._total > 0 and len(self.outcomes) + len(self.problems) == self._total

    def found(self, keys: Sequence[SeriesKey], problems: Sequence[Failure]) -> None:
        """These series take part; these files do not. What was found before is not told again."""
        self.keys = tuple(keys)
        self._total = len(keys) + len(problems)
        self._bar.update(self._task, total=self._total, completed=len(problems))
        for problem in problems:
            if problem in self.problems:
                continue
            self.problems.append(problem)
            self._line("ERROR", problem.where, f"{problem.code} {problem.message}", 0.0)

    def failed_afterwards(self, error: Exception) -> None:
        """Every series is done, and what follows (artifacts, events) failed: say so, and count it."""
        if isinstance(error, TickerflowError):
            self.problems.append(Failure.of(error))
            return
        self.problems.append(
            Failure(
                code=TickerflowError.code,
                message=f"all series are done, and what follows failed: {type(error).__name__}: {error}",
                hint="reports or events in Prefect may be missing; --debug shows the log",
            )
        )

    def training(self, key: SeriesKey) -> None:
        """A series' training began."""
        self.status(f"training {key}")

    def trial(self, key: SeriesKey, done: int, total: int, text: str) -> None:
        """A study went on: the bar counts trials, of all studies."""
        self._trials[key] = done
        self._bar.update(
            self._task,
            description=f"{key}: {text}",
            total=total * len(self.keys),
            completed=sum(self._trials.values()),
        )

    def finished(self, outcome: Finished) -> None:
        """A series is done."""
        self.outcomes.append(outcome)
        card = outcome.card if isinstance(outcome, TrainOutcome) else ""
        self._line(grade(outcome), str(outcome.key), sentence(outcome), outcome.seconds, card)
        if not self._trials:
            self._bar.update(self._task, completed=len(self.outcomes) + len(self.problems))

    def _line(self, grading: Grade, name: str, text: str, seconds: float, card: str = "") -> None:
        if self._quiet:
            return
        number = len(self.outcomes) + len(self.problems)
        line = Text(f"{number:>{len(str(self._total))}} of {self._total} ")
        line.append(f"{grading:<5}", _STYLES[grading])
        # In a terminal the name is a link to the series' model card.
        line.append(f" {name:<12}", f"link {Path(card).resolve().as_uri()}" if card else "")
        line.append(f" {text} [{duration(seconds)}]")
        self._console.print(line, soft_wrap=True)


def print_summary(summary: Summary, cut_short: Collection[SeriesKey] = (), *, to_stderr: bool) -> None:
    """The line of figures, then each that is not PASS: what failed with its cause and its remedy.

    Series without proof are many, as are those that an interruption ``cut_short``: one remedy for all.
    """
    console = Console(file=sys.stderr if to_stderr else sys.stdout, highlight=False)
    console.print(Text(summary.line()), soft_wrap=True)
    if summary.proof():
        console.print(Text(summary.proof()), soft_wrap=True)
    for problem in summary.problems:
        _print_cause(
            console, "ERROR", f"{problem.where}: {problem.code} {problem.message}", problem.hint
        )
    doubtful: list[TrainOutcome | ForecastOutcome] = []
    for outcome in ordered(summary.outcomes):
        if grade(outcome) == "WARN" and isinstance(outcome, TrainOutcome | ForecastOutcome):
            doubtful.append(outcome)
        elif grade(outcome) != "PASS" and outcome.key not in cut_short:
            _print_cause(console, grade(outcome), f"{outcome.key}: {sentence(outcome)}", hint(outcome))
    _print_doubtful(console, doubtful)
    if cut_short:
        _print_cause(console, "ERROR", f"{len(cut_short)} series: interrupted", "")


def _print_doubtful(console: Console, outcomes: Sequence[TrainOutcome | ForecastOutcome]) -> None:
    if len(outcomes) > _MAX_WARNINGS:
        counts = {UNPROVEN: sum(not one.proven for one in outcomes), "expired": _expired(outcomes)}
        told = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
        cause = f"{len(outcomes)} series: {told}; tickerflow models list names them"
        _print_cause(console, "WARN", cause, "")
    else:
        for outcome in outcomes:
            _print_cause(console, "WARN", f"{outcome.key}: {_doubt(outcome)}", "")
    if any(not outcome.proven for outcome in outcomes):
        console.print(Text(f"hint: {UNPROVEN_HINT}"), soft_wrap=True)
    if _expired(outcomes):
        console.print(Text(f"hint: {EXPIRED_HINT}"), soft_wrap=True)


def _expired(outcomes: Sequence[TrainOutcome | ForecastOutcome]) -> int:
    return sum(bool(one.expired) for one in outcomes if isinstance(one, ForecastOutcome))


def _doubt(outcome: TrainOutcome | ForecastOutcome) -> str:
    """Why what serves is not PASS."""
    doubts = [] if outcome.proven else [UNPROVEN]
    if isinstance(outcome, ForecastOutcome):
        return "; ".join([*doubts, *([outcome.expired] if outcome.expired else [])])
    if not outcome.verdict:
        return UNPROVEN
    figure = "too few windows" if outcome.p_value is None else f"p = {outcome.p_value:.2g}"
    return f"{UNPROVEN} ({outcome.verdict.replace('_', ' ')}, {figure})"


def _print_cause(console: Console, grading: Grade, cause: str, remedy: str) -> None:
    line = Text()
    line.append(f"{grading:<5}", _STYLES[grading])
    console.print(line.append(f" {cause}"), soft_wrap=True)
    if remedy:
        console.print(Text(f"      hint: {remedy}"), soft_wrap=True)
