"""The leaderboard: how the contenders did over all series, and how sure that is."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ml.backtesting.figures import ContenderFigures, SeriesFigures
from ml.evaluation.significance import benjamini_hochberg

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean over series with its standard error, as if the series were independent; None of one."""

    mean: float
    error: float | None

    @classmethod
    def of(cls, values: Floats) -> "Mean":
        """Of ``(series,)``."""
        spread = float(values.std(ddof=1)) / len(values) ** 0.5 if len(values) > 1 else None
        return cls(float(values.mean()), spread)

    @property
    def is_clear(self) -> bool:
        """Whether it is more than two standard errors from 0."""
        return self.error is not None and abs(self.mean) > 2 * self.error


@dataclass(frozen=True, slots=True)
class Standing:
    """One contender over all series.

    Attributes:
        contender: its name.
        model: the architecture.
        features: name of the feature set; empty for a baseline.
        mean_rank: of its error over the horizon among the contenders, 1 is best; ties share their ranks.
        skilled: share of series with less error than the random walk.
        proven: share significantly better at the level, by Benjamini and Hochberg over the series.
        refuted: share significantly worse, likewise.
        skill: over the horizon.
        median_skill: over the horizon.
        behind: skill that it lacks to the first of the leaderboard, series by series.
        skill_at: mean skill by step.
        median_skill_at: median skill by step.
        coverage_80: share of outcomes in the 80% interval, mean of steps and series.
        coverage_95: in the 95% interval.
        seconds: wall clock of all refits of a series, mean.
    """

    contender: str
    model: str
    features: str
    mean_rank: float
    skilled: float
    proven: float
    refuted: float
    skill: Mean
    median_skill: float
    behind: Mean
    skill_at: dict[int, float]
    median_skill_at: dict[int, float]
    coverage_80: float
    coverage_95: float
    seconds: float


@dataclass(frozen=True)
class Leaderboard:
    """All contenders, best mean rank first, on the series that all of them did.

    Attributes:
        standings: one for each contender.
        skills: skill over the horizon, ``(series, contenders)``, in the standings' order.
        series: the series that count.
        left_out: series that a contender failed on, with the names of those that did.
        windows: forecasts of each contender, all series together.
        steps: of each forecast.
        level: of the significance tests.
    """

    standings: tuple[Standing, ...]
    skills: Floats
    series: tuple[str, ...]
    left_out: dict[str, tuple[str, ...]]
    windows: int
    steps: int
    level: float

    @property
    def by_name(self) -> Mapping[str, Standing]:
        """Name to standing."""
        return {standing.contender: standing for standing in self.standings}

    def skills_of(self, name: str) -> Floats:
        """A contender's skill on each series, ``(series,)``."""
        return np.asarray(self.skills[:, list(self.by_name).index(name)])

    def rows(self) -> list[dict[str, Any]]:
        """One flat row for each contender, for CSV and JSON."""
        return [_row(standing, len(self.series)) for standing in self.standings]


def leaderboard(figures: Sequence[SeriesFigures], steps: Sequence[int], level: float) -> Leaderboard:
    """Compare the contenders on the series that all of them did.

    Args:
        figures: accounts of series with the same horizon; at least one.
        steps: with figures of their own, as far as the horizon goes; it is one of them.
        level: of the significance tests.
    """
    names = list(dict.fromkeys(each.contender for series in figures for each in series.contenders))
    complete = [series for series in figures if len(series.contenders) == len(names)]
    left_out = {
        str(series.key): tuple(sorted(series.failures))
        for series in figures
        if len(series.contenders) < len(names)
    }
    horizon = min(series.steps for series in figures)
    if not complete:
        return Leaderboard((), np.empty((0, 0)), (), left_out, 0, horizon, level)
    table = {name: [_of(series, name) for series in complete] for name in names}
    skills = np.array([[each.skill for each in table[name]] for name in names]).T
    # Of a small difference that is none, float's last digit must make no rank.
    ranks = pd.DataFrame(-skills).round(12).rank(axis=1).mean().to_numpy()
    order = [int(index) for index in np.argsort(ranks, kind="stable")]
    first = skills[:, order[0]]
    shown = sorted({step for step in (*steps, horizon) if step <= horizon})
    standings = tuple(
        _standing(table[names[index]], float(ranks[index]), first, shown, level) for index in order
    )
    return Leaderboard(
        standings=standings,
        skills=skills[:, order],
        series=tuple(str(series.key) for series in complete),
        left_out=left_out,
        windows=sum(series.windows for series in complete),
        steps=horizon,
        level=level,
    )


def series_rows(figures: Sequence[SeriesFigures]) -> list[dict[str, Any]]:
    """One flat row for each series, contender and step, for CSV; step 0 is the whole horizon."""
    return [
        {
            "ticker": series.ticker,
            "interval": series.interval,
            "contender": each.contender,
            "model": each.model,
            "features": each.features,
            "step": step,
            **values,
            "windows": series.windows,
            "folds": series.folds,
        }
        for series in figures
        for each in series.contenders
        for step, values in _by_step(series, each)
    ]


def _by_step(series: SeriesFigures, each: ContenderFigures) -> list[tuple[int, dict[str, Any]]]:
    verdict = each.verdict
    rows: list[tuple[int, dict[str, Any]]] = [
        (
            0,
            {
                "mae": float(np.mean(each.mae_by_step)),
                "mae_walk": float(np.mean(series.walk_by_step)),
                "skill": each.skill,
                "standing": verdict.standing,
                "p_better": verdict.p_better,
                "p_worse": verdict.p_worse,
                "coverage_80": float(np.mean(each.coverage_80_by_step)),
                "coverage_95": float(np.mean(each.coverage_95_by_step)),
                "seconds": each.seconds,
            },
        )
    ]
    for step in range(1, series.steps + 1):
        tested = verdict.by_step.get(step)
        rows.append(
            (
                step,
                {
                    "mae": each.mae_by_step[step - 1],
                    "mae_walk": series.walk_by_step[step - 1],
                    "skill": each.skill_by_step[step - 1],
                    "standing": tested.standing if tested else "",
                    "p_better": tested.p_better if tested else "",
                    "p_worse": tested.p_worse if tested else "",
                    "coverage_80": each.coverage_80_by_step[step - 1],
                    "coverage_95": each.coverage_95_by_step[step - 1],
                    "seconds": "",
                },
            )
        )
    return rows


def _of(series: SeriesFigures, name: str) -> ContenderFigures:
    return next(each for each in series.contenders if each.contender == name)


def _standing(
    rows: Sequence[ContenderFigures], rank: float, first: Floats, steps: Sequence[int], level: float
) -> Standing:
    skill = np.array([each.skill for each in rows])
    by_step = np.array([each.skill_by_step[: max(steps)] for each in rows])  # (series, steps)
    better = benjamini_hochberg(np.array([each.verdict.p_better for each in rows]))
    worse = benjamini_hochberg(np.array([each.verdict.p_worse for each in rows]))
    return Standing(
        contender=rows[0].contender,
        model=rows[0].model,
        features=rows[0].features,
        mean_rank=rank,
        skilled=float((skill > 0).mean()),
        proven=float((better <= level).mean()),
        refuted=float((worse <= level).mean()),
        skill=Mean.of(skill),
        median_skill=float(np.median(skill)),
        behind=Mean.of(first - skill),
        skill_at={step: float(by_step[:, step - 1].mean()) for step in steps},
        median_skill_at={step: float(np.median(by_step[:, step - 1])) for step in steps},
        coverage_80=float(np.mean([each.coverage_80_by_step for each in rows])),
        coverage_95=float(np.mean([each.coverage_95_by_step for each in rows])),
        seconds=float(np.mean([each.seconds for each in rows])),
    )


def _row(standing: Standing, n_series: int) -> dict[str, Any]:
    fields = asdict(standing)
    flat: dict[str, Any] = {"contender": fields["contender"], "series": n_series}
    for name, value in fields.items():
        if name in ("skill", "behind"):
            flat |= {name: value["mean"], f"{name}_error": value["error"]}
        elif isinstance(value, dict):
            flat |= {f"{name}_{step}": figure for step, figure in value.items()}
        else:
            flat[name] = value
    return flat
