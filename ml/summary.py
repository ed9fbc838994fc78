"""How a run of many series ended: a grade and a sentence for each series, a line for all of them."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from ml.errors import TooFewBarsError
from ml.outcomes import Failure, ForecastOutcome, IngestOutcome, TrainOutcome

Grade = Literal["PASS", "WARN", "ERROR", "SKIP"]
Finished = IngestOutcome | TrainOutcome | ForecastOutcome

GRADES: tuple[Grade, ...] = ("PASS", "WARN", "ERROR", "SKIP")


def grade(outcome: Finished) -> Grade:
    """PASS, WARN (done, with a reservation), SKIP (too little data) or ERROR."""
    if isinstance(outcome, TrainOutcome):
        return outcome.grade
    if outcome.failure is not None:
        return "SKIP" if outcome.failure.code == TooFewBarsError.code else "ERROR"
    if isinstance(outcome, ForecastOutcome):
        return "PASS" if outcome.skill is not None and outcome.skill > 0 else "WARN"
    return "WARN" if outcome.quarantined or outcome.suspect or outcome.warnings else "PASS"


def failed(outcome: Finished) -> bool:
    """Whether the series was not done: what makes the exit status 1."""
    return outcome.status in ("failed", "rejected")


def sentence(outcome: Finished) -> str:
    """What happened to the series, in one line with numbers; of a failure its cause."""
    if outcome.failure is not None:
        place = f"{outcome.failure.where}: " if outcome.failure.where else ""
        return f"{outcome.failure.code} {place}{outcome.failure.message}"
    if isinstance(outcome, TrainOutcome):
        return outcome.reason
    if isinstance(outcome, ForecastOutcome):
        return _forecast_sentence(outcome)
    return _ingest_sentence(outcome)


def _forecast_sentence(outcome: ForecastOutcome) -> str:
    skill = "no measured skill" if outcome.skill is None else f"skill {outcome.skill:+.4f}"
    asof = f" from {outcome.asof:%Y-%m-%d %H:%M}" if outcome.asof else ""
    price = f", {outcome.forecast:.6g} at the last" if outcome.forecast is not None else ""
    return f"{outcome.model} ({skill}): {outcome.steps} steps{asof}{price}"


def _ingest_sentence(outcome: IngestOutcome) -> str:
    span = (
        f" from {outcome.first:%Y-%m-%d} to {outcome.last:%Y-%m-%d}"
        if outcome.first and outcome.last
        else ""
    )
    parts = [f"{outcome.rows:,} bars{span}"]
    if outcome.unchanged:
        parts.append("unchanged, not read again")
    parts += [f"{count:,} {reason}" for reason, count in sorted(outcome.quarantined.items())]
    if outcome.suspect:
        parts.append(f"{len(outcome.suspect):,} suspect")
    if outcome.gaps:
        parts.append(f"{outcome.gaps:,} gaps")
    return ", ".join([*parts, *outcome.warnings])


def hint(outcome: Finished) -> str:
    """What the user can do about it; empty where there is nothing to do."""
    if outcome.failure is not None:
        return outcome.failure.hint
    if isinstance(outcome, IngestOutcome) and outcome.quarantined:
        return (
            f"the rows and their reasons are in {outcome.quarantine_path}"
            if outcome.quarantine_path
            else ""
        )
    return ""


@dataclass(frozen=True, slots=True)
class Summary:
    """All series of a run, and the files that were no series."""

    outcomes: Sequence[Finished]
    problems: Sequence[Failure] = ()
    seconds: float = 0.0

    @property
    def counts(self) -> Counter[str]:
        """Grade to number of series."""
        counts = Counter[str](grade(outcome) for outcome in self.outcomes)
        counts["ERROR"] += len(self.problems)
        return counts

    @property
    def total(self) -> int:
        """Series, and files that should have been one."""
        return len(self.outcomes) + len(self.problems)

    @property
    def any_failed(self) -> bool:
        """Whether anything was not done."""
        return bool(self.problems) or any(failed(outcome) for outcome in self.outcomes)

    @property
    def error_share(self) -> float:
        """Share that ended in an error; a series with too little data is none."""
        return self.counts["ERROR"] / self.total if self.total else 0.0

    def line(self) -> str:
        """``Done. PASS=9 WARN=2 ERROR=1 SKIP=1 TOTAL=13 in 3m41s``."""
        counts = self.counts
        figures = " ".join(f"{name}={counts[name]}" for name in GRADES)
        return f"Done. {figures} TOTAL={self.total} in {duration(self.seconds)}"

    def failures(self) -> list[str]:
        """One line for each that failed."""
        lines = [f"{problem}" for problem in self.problems]
        return lines + [
            f"{outcome.key}: {sentence(outcome)}"
            for outcome in ordered(self.outcomes)
            if failed(outcome)
        ]


def ordered(outcomes: Iterable[Finished]) -> list[Finished]:
    """By ticker, then interval."""
    return sorted(outcomes, key=lambda outcome: outcome.key)


def duration(seconds: float) -> str:
    """``0.4s``, ``12s``, ``3m41s``, ``1h02m``."""
    if seconds < 10:
        return f"{seconds:.1f}s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    return f"{whole // 3600}h{whole % 3600 // 60:02d}m"
