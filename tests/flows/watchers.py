"""A watcher of the flows that keeps what it is told."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from ml.outcomes import Failure
from ml.series import SeriesKey
from ml.summary import Finished


@dataclass
class Recorder:
    """Keeps all."""

    keys: list[SeriesKey] = field(default_factory=list)
    problems: list[Failure] = field(default_factory=list)
    began: list[SeriesKey] = field(default_factory=list)
    outcomes: list[Finished] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    trials: list[tuple[SeriesKey, int, int, str]] = field(default_factory=list)

    def found(self, keys: Sequence[SeriesKey], problems: Sequence[Failure]) -> None:
        self.keys += keys
        self.problems += problems

    def training(self, key: SeriesKey) -> None:
        self.began.append(key)
        self.events.append(f"training {key}")

    def trial(self, key: SeriesKey, done: int, total: int, text: str) -> None:
        self.trials.append((key, done, total, text))

    def finished(self, outcome: Finished) -> None:
        self.outcomes.append(outcome)
        self.events.append(f"{outcome.status} {outcome.key}")
