"""One judge for all: skill against the random walk, and paired differences between contenders."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.peers.exchange import Account, Series
from benchmarks.peers.windows import Floats, outcomes

STEPS = (1, 5, 10)
_RESAMPLES = 10_000
_LEVEL = 0.95


@dataclass(frozen=True)
class Difference:
    """Tickerflow's skill less another's at one step: mean over series and its confidence interval.

    The bounds are NaN where a single series gives none.
    """

    mean: float
    low: float
    high: float

    @property
    def verdict(self) -> str:
        """Who is better, as far as the interval can tell."""
        if self.low > 0:
            return "better"
        return "worse" if self.high < 0 else "equal"


@dataclass(frozen=True)
class Row:
    """A contender's figures; seconds are medians over series of fit and forecast together.

    Attributes:
        skill_mean: by step, over series; None for what is not judged.
        difference: to Tickerflow, by step; None for Tickerflow itself and for what is not judged.
        fit_seconds, forecast_seconds: medians over series of wall seconds.
        cpu_seconds: median over series of CPU seconds.
        ratio: its seconds to Tickerflow's.
        cpu_ratio: its CPU seconds to Tickerflow's.
    """

    key: str
    title: str
    threads: int | None
    skill_mean: Mapping[int, float] | None = None
    skill_median: Mapping[int, float] | None = None
    difference: Mapping[int, Difference] | None = None
    seconds: float | None = None
    fit_seconds: float | None = None
    forecast_seconds: float | None = None
    cpu_seconds: float | None = None
    ratio: float | None = None
    cpu_ratio: float | None = None
    peak_mb: float | None = None
    note: str = ""


def skills(series: Sequence[Series], forecasts: Mapping[str, Floats]) -> Floats:
    """``1 - MAE / MAE of repeating the last close``, ``(series, horizon)``."""
    return np.stack([_skill(one, forecasts[one.name]) for one in series])


def _skill(series: Series, forecast: Floats) -> Floats:
    actual = outcomes(series.close, series.anchors, series.protocol.horizon)
    naive = series.close[series.anchors, None]
    error, reference = np.abs(forecast - actual).mean(axis=0), np.abs(naive - actual).mean(axis=0)
    if not (reference > 0).all():
        raise ValueError(f"{series.name}: expected closes that move, found a random walk without error")
    return np.asarray(1.0 - error / reference)


def paired_difference(ours: Floats, theirs: Floats, seed: int) -> Difference:
    """Mean of ``ours - theirs``, both ``(series,)``, with a percentile bootstrap over the series.

    The interval is Efron's percentile interval (Efron and Tibshirani 1993, chapter 13): series are drawn
    with replacement, in pairs. Windows of one series overlap, so they are not resampled.
    """
    difference = ours - theirs
    if len(difference) < 2:
        return Difference(float(difference.mean()), float("nan"), float("nan"))
    rng = np.random.default_rng(seed)
    drawn = rng.integers(0, len(difference), (_RESAMPLES, len(difference)))
    tail = (1 - _LEVEL) / 2
    low, high = np.quantile(difference[drawn].mean(axis=1), (tail, 1 - tail))
    return Difference(float(difference.mean()), float(low), float(high))


def median_seconds(*parts: Mapping[str, float]) -> float:
    """Median over series of the parts' sum."""
    return float(np.median([sum(part[name] for part in parts) for name in parts[0]]))


def judged_row(
    key: str,
    title: str,
    skill: Floats,
    account: Account,
    ours: tuple[Floats, Account],
    seed: int,
) -> Row:
    """The row of a contender whose ``skill`` is ``(series, horizon)``, beside Tickerflow's."""
    our_skill, our_account = ours
    seconds = median_seconds(account.fit_seconds, account.forecast_seconds)
    cpu = median_seconds(account.fit_cpu_seconds, account.forecast_cpu_seconds)
    ours_seconds = median_seconds(our_account.fit_seconds, our_account.forecast_seconds)
    ours_cpu = median_seconds(our_account.fit_cpu_seconds, our_account.forecast_cpu_seconds)
    itself = account is our_account
    return Row(
        key=key,
        title=title,
        threads=account.threads,
        skill_mean=by_step(skill.mean(axis=0)),
        skill_median=by_step(np.median(skill, axis=0)),
        difference=None
        if itself
        else {
            step: paired_difference(our_skill[:, step - 1], skill[:, step - 1], seed) for step in STEPS
        },
        seconds=seconds,
        fit_seconds=median_seconds(account.fit_seconds),
        forecast_seconds=median_seconds(account.forecast_seconds),
        cpu_seconds=cpu,
        ratio=seconds / ours_seconds,
        cpu_ratio=cpu / ours_cpu,
        peak_mb=account.peak_mb,
    )


def by_step(values: Floats) -> dict[int, float]:
    """The figures at `STEPS` of values ``(horizon,)``."""
    return {step: float(values[step - 1]) for step in STEPS}


def losses(rows: Sequence[Row]) -> list[str]:
    """Where Tickerflow, the first row, is behind, as sentences; empty where it is nowhere."""
    ours, *others = rows
    found = []
    for row in others:
        for step, difference in (row.difference or {}).items():
            if difference.mean < 0:
                surely = (
                    "surely" if difference.verdict == "worse" else "within the interval of no difference"
                )
                found.append(
                    f"{row.title} is more skilled at step {step} by {-difference.mean:.4f}, {surely}"
                )
        if row.ratio is not None and row.ratio < 1:
            found.append(f"{row.title} takes {row.ratio:.2f} of Tickerflow's seconds a series")
        if row.peak_mb is not None and ours.peak_mb is not None and row.peak_mb < ours.peak_mb:
            found.append(f"{row.title} needs {row.peak_mb:.0f} MB, Tickerflow {ours.peak_mb:.0f} MB")
    return found
