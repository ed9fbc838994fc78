"""How a series' forecasts stand, live: against the random walk, and against what their bands say."""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ml.config import PromoteConfig, WatchConfig
from ml.evaluation.live import coverage_p, judged_steps
from ml.evaluation.verdict import Comparison, compare, p_words
from ml.ledger.record import live_skill

Floats = NDArray[np.float64]
Reason = Literal["skill", "coverage"]

BASELINE: Final = "naive"
_NAMED_STEPS: Final = (1, 5, 10)


@dataclass(frozen=True)
class Standing:
    """How forecasts of a series have done so far.

    Attributes:
        forecasts: with a scored step.
        steps: scored.
        skill: over all of them; None where there are none.
        skill_by_step: at steps 1, 5 and 10 where these were scored.
        comparison: the test against the random walk over the first steps; None where forecasts are too
            few, or are the random walk's own.
        coverage_80, coverage_95: share inside, over all scored steps.
        outcomes: at step 1, on which the test of the bands rests.
        lost: what is lost, and how that was found, in words.
        needed: forecasts that a test takes.
    """

    forecasts: int = 0
    steps: int = 0
    skill: float | None = None
    skill_by_step: tuple[tuple[int, float], ...] = ()
    comparison: Comparison | None = None
    coverage_80: float | None = None
    coverage_95: float | None = None
    outcomes: int = 0
    lost: tuple[tuple[Reason, str], ...] = ()
    needed: int = 0

    @property
    def words(self) -> str:
        """The verdict in words, or how many forecasts there are so far."""
        if self.comparison is not None:
            return f"{self.comparison.words}, over the first {self.comparison.steps} steps"
        of = f", {self.needed} are needed" if self.forecasts < self.needed else ""
        return f"too few to tell: {self.forecasts} scored forecasts{of}"


def judge(
    record: pd.DataFrame,
    watch: WatchConfig,
    spacing: int = 1,
    *,
    covered_since: pd.Timestamp | None = None,
) -> Standing:
    """Judge scored steps (`ml.ledger.record.live_record`), one forecast an as-of bar: the last made.

    Args:
        record: of one version, or of several in turn.
        watch: the level of an alarm, and how many forecasts it takes.
        spacing: bars between the as-of bars of neighbouring forecasts.
        covered_since: as-of bar after which the bands are tested; by default all are.
    """
    if record.empty:
        return Standing(needed=watch.min_forecasts)
    last = record.groupby("asof")["created_at"].transform("max") == record["created_at"]
    rows = record[last & (record["step"] <= record["horizon"])].drop_duplicates(["asof", "step"])
    if rows.empty:
        return Standing(needed=watch.min_forecasts)
    comparison = _compare(rows, watch, spacing)
    first = rows[rows["step"] == 1]
    if covered_since is not None:
        first = first[first["asof"] > covered_since]
    lost: list[tuple[Reason, str]] = []
    if comparison is not None and comparison.standing == "worse":
        lost.append(("skill", f"live skill is lost: {comparison.words}"))
    uncovered = _uncovered(first, watch)
    if uncovered:
        lost.append(("coverage", uncovered))
    named = {step: rows[rows["step"] == step] for step in _NAMED_STEPS}
    return Standing(
        forecasts=int(rows["asof"].nunique()),
        steps=len(rows),
        skill=live_skill(rows),
        skill_by_step=tuple((step, live_skill(part)) for step, part in named.items() if len(part)),
        comparison=comparison,
        coverage_80=float(rows["inside_80"].mean()),
        coverage_95=float(rows["inside_95"].mean()),
        outcomes=len(first),
        lost=tuple(lost),
        needed=watch.min_forecasts,
    )


def _compare(rows: pd.DataFrame, watch: WatchConfig, spacing: int) -> Comparison | None:
    if (rows["model"] == BASELINE).all():
        return None
    loss, walk = (_by_forecast(rows, name) for name in ("error", "walk_error"))
    steps = judged_steps(loss, watch.min_forecasts, spacing)
    if not steps:
        return None
    known = ~np.isnan(loss[:, :steps]).any(axis=1)
    rule = PromoteConfig(level=watch.level, over=(), steps=_NAMED_STEPS)
    return compare(loss[known, :steps], walk[known, :steps], rule, spacing)


def _by_forecast(rows: pd.DataFrame, name: str) -> Floats:
    """Absolute errors ``(forecasts, steps)`` in time order, NaN where none came."""
    table = rows.pivot_table(index="asof", columns="step", values=name, aggfunc="first")
    wide = table.reindex(columns=range(1, int(rows["step"].max()) + 1))
    return np.asarray(np.abs(wide.to_numpy(dtype=np.float64)))


def _uncovered(first: pd.DataFrame, watch: WatchConfig) -> str:
    """How coverage is lost at step 1, in words, empty where it is not; each band has half the level."""
    if len(first) < watch.min_forecasts:
        return ""
    found = []
    for nominal in (80, 95):
        inside = first[f"inside_{nominal}"].to_numpy(dtype=np.bool_)
        p = coverage_p(inside, nominal / 100)
        if p < watch.level / 2:
            found.append(f"{inside.mean():.0%} in the {nominal}% band ({p_words(p)})")
    return f"coverage is lost: of {len(first)} outcomes {', '.join(found)}" if found else ""
