"""How a run of many series ended: a grade and a sentence for each series, a line for all of them."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from ml.errors import TooFewBarsError
from ml.outcomes import (
    EvaluateOutcome,
    Failure,
    ForecastOutcome,
    IngestOutcome,
    ScoreOutcome,
    TrainOutcome,
    TuneOutcome,
)

Grade = Literal["PASS", "WARN", "ERROR", "SKIP"]
Finished = IngestOutcome | TrainOutcome | EvaluateOutcome | ForecastOutcome | TuneOutcome | ScoreOutcome

GRADES: tuple[Grade, ...] = ("PASS", "WARN", "ERROR", "SKIP")


def grade(outcome: Finished) -> Grade:
    """PASS, WARN (done, with a reservation), SKIP (too little data) or ERROR."""
    if isinstance(outcome, TrainOutcome):
        return outcome.grade
    if outcome.failure is not None:
        return "SKIP" if outcome.failure.code == TooFewBarsError.code else "ERROR"
    if isinstance(outcome, ForecastOutcome):
        return "PASS" if outcome.proven and not outcome.expired else "WARN"
    if isinstance(outcome, EvaluateOutcome):
        return "WARN" if outcome.failures else "PASS"
    if isinstance(outcome, TuneOutcome):
        return "PASS" if outcome.status == "tuned" else "WARN"
    if isinstance(outcome, ScoreOutcome):
        doubtful = outcome.lost or outcome.demoted or outcome.problems or outcome.warnings
        return "WARN" if doubtful else "PASS" if outcome.steps else "SKIP"
    return "WARN" if outcome.quarantined or outcome.suspect or outcome.warnings else "PASS"


def failed(outcome: Finished) -> bool:
    """Whether the series was not done: what makes the exit status 1."""
    return outcome.status in ("failed", "rejected")


def sentence(outcome: Finished) -> str:
    """What happened to the series, in one line with numbers; of a failure its cause."""
    if outcome.failure is not None:
        place = f"{outcome.failure.where}: " if outcome.failure.where else ""
        return f"{outcome.failure.code} {place}{outcome.failure.message}"
    if isinstance(outcome, TrainOutcome | TuneOutcome):
        return outcome.reason
    if isinstance(outcome, ForecastOutcome):
        return _forecast_sentence(outcome)
    if isinstance(outcome, EvaluateOutcome):
        return _evaluate_sentence(outcome)
    if isinstance(outcome, ScoreOutcome):
        return _score_sentence(outcome)
    return _ingest_sentence(outcome)


def _forecast_sentence(outcome: ForecastOutcome) -> str:
    skill = "no measured skill" if outcome.skill is None else f"skill {outcome.skill:+.4f}"
    asof = f" from {outcome.asof:%Y-%m-%d %H:%M}" if outcome.asof else ""
    price = f", {outcome.forecast:.6g} at the last" if outcome.forecast is not None else ""
    proven = "proven better than the random walk" if outcome.proven else "not proven better"
    marks = f"; {outcome.expired}" if outcome.expired else ""
    return f"{outcome.model} ({skill}, {proven}): {outcome.steps} steps{asof}{price}{marks}"


def _evaluate_sentence(outcome: EvaluateOutcome) -> str:
    skill = "" if outcome.skill is None else f" (skill {outcome.skill:+.4f})"
    parts = [
        f"best of {outcome.contenders}: {outcome.best}{skill}, {outcome.windows:,} windows of "
        f"{outcome.steps} steps in {outcome.folds} folds"
    ]
    if outcome.kept:
        parts.append(f"{outcome.kept} of {outcome.fits} fits were done before")
    parts += [f"{name} failed: {failure.message}" for name, failure in outcome.failures.items()]
    return "; ".join(parts)


def _score_sentence(outcome: ScoreOutcome) -> str:
    parts = [f"{outcome.forecasts:,} forecasts, {outcome.steps:,} steps scored, {outcome.scored:,} now"]
    if outcome.late:
        parts.append(f"{outcome.late:,} were known when they were forecast, and do not count")
    if outcome.missing:
        parts.append(f"{outcome.missing:,} without a bar")
    parts += list(outcome.lost.values()) or [outcome.verdict]
    if outcome.demoted:
        parts.append(f"demoted to {outcome.model} {outcome.demoted}")
    return "; ".join([*parts, *outcome.problems, *outcome.warnings])


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


def score_row(outcome: ScoreOutcome) -> dict[str, str]:
    """A scored series as a row of a table."""
    drifted = outcome.drift_volatility is not None and outcome.drift_psi is not None
    verdict = outcome.standing.replace("_", " ") or "too few yet"
    return {
        "model": outcome.model,
        "forecasts": f"{outcome.forecasts:,}",
        "steps scored": f"{outcome.steps:,}",
        "live skill": "" if outcome.skill is None else f"{outcome.skill:+.4f}",
        "verdict": "demoted"
        if outcome.demoted
        else ", ".join(f"{x} lost" for x in outcome.lost) or verdict,
        "80%": "" if outcome.coverage_80 is None else f"{outcome.coverage_80:.0%}",
        "95%": "" if outcome.coverage_95 is None else f"{outcome.coverage_95:.0%}",
        "drift": f"vol x{outcome.drift_volatility:.2f}, PSI {outcome.drift_psi:.2f}" if drifted else "",
    }


def hint(outcome: Finished) -> str:
    """What the user can do about it; empty where there is nothing to do."""
    if outcome.failure is not None:
        return outcome.failure.hint
    if isinstance(outcome, ScoreOutcome) and outcome.alarms:
        return (
            f"train it again: tickerflow train --ticker {outcome.ticker} --interval {outcome.interval}"
        )
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

    @classmethod
    def of(cls, outcomes: Sequence[Finished], problems: Sequence[Failure], seconds: float) -> "Summary":
        """A run that has ended: its trainings' p-values are adjusted for their number."""
        return cls(adjusted(outcomes), problems, seconds)

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

    @property
    def proofs(self) -> dict[str, int]:
        """How many trained series were tested, are proven, and are so after the correction."""
        trained = [outcome for outcome in self.outcomes if isinstance(outcome, TrainOutcome)]
        return {
            "tested": sum(outcome.p_value is not None for outcome in trained),
            "proven": sum(outcome.proven for outcome in trained),
            "proven_among_all": sum(outcome.proven_among_all for outcome in trained),
        }

    def proof(self) -> str:
        """How much of it is more than chance; empty where nothing was tested."""
        tested, proven, among_all = self.proofs.values()
        if not tested:
            return ""
        return (
            f"Proven better than the random walk: {proven} of {tested} series tested, {among_all} after "
            "the correction for their number (Benjamini-Hochberg)"
        )

    def failures(self) -> list[str]:
        """One line for each that failed."""
        lines = [f"{problem}" for problem in self.problems]
        return lines + [
            f"{outcome.key}: {sentence(outcome)}"
            for outcome in ordered(self.outcomes)
            if failed(outcome)
        ]


def adjusted(outcomes: Sequence[Finished]) -> tuple[Finished, ...]:
    """The outcomes, with the p-values of trainings adjusted for how many were tested."""
    p_values = {
        index: outcome.p_value
        for index, outcome in enumerate(outcomes)
        if isinstance(outcome, TrainOutcome) and outcome.p_value is not None
    }
    if not p_values:
        return tuple(outcomes)
    from ml.evaluation.significance import benjamini_hochberg  # what only prints its help needs no numpy

    found = dict(zip(p_values, benjamini_hochberg(list(p_values.values())).tolist(), strict=True))
    return tuple(
        outcome.model_copy(update={"p_adjusted": found[index]}) if index in found else outcome
        for index, outcome in enumerate(outcomes)
    )


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
