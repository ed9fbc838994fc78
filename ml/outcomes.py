"""What each step of the pipeline says about a series: small, frozen, serialisable.

Tasks hand these on instead of frames or tensors, so that the same flow runs on threads, processes or
another machine. ``key`` and ``error`` are in every one of them.
"""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from ml.config import Standing
from ml.errors import TickerflowError
from ml.series import SeriesKey


class Outcome(BaseModel):
    """Base: which series, and how it ended."""

    # Built when first used: what only prints its help needs none of them.
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    ticker: str
    interval: str

    @property
    def key(self) -> SeriesKey:
        """The series' key."""
        return SeriesKey.of(self.ticker, self.interval)


class Failure(BaseModel):
    """An expected error, as data."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    code: str
    message: str
    hint: str = ""
    where: str = ""

    @classmethod
    def of(cls, error: TickerflowError) -> "Failure":
        """The error's fields."""
        return cls(code=error.code, message=error.message, hint=error.hint, where=error.where)

    def __str__(self) -> str:
        place = f" {self.where}:" if self.where else ":"
        hint = f" hint: {self.hint}" if self.hint else ""
        return f"{self.code}{place} {self.message}{hint}"


class IngestOutcome(Outcome):
    """What ingest made of a series' files."""

    status: Literal["ok", "rejected"]
    failure: Failure | None = None
    unchanged: bool = Field(False, description="Files and configuration as at the last time: not read")
    rows: int = 0
    first: datetime | None = None
    last: datetime | None = None
    quarantined: dict[str, int] = {}
    suspect: tuple[datetime, ...] = ()
    duplicates_collapsed: int = 0
    has_volume: bool = False
    calendar: str = ""
    gaps: int = Field(0, description="Bars that the calendar expects and the series lacks")
    fingerprint: str = Field("", description="sha256 of the stored bars' content")
    files: tuple[str, ...] = ()
    store_path: str = ""
    quarantine_path: str = ""
    warnings: tuple[str, ...] = ()
    seconds: float = 0.0


class StagedSeries(Outcome):
    """A series' files, read and merged but not yet judged; or why they could not be."""

    path: str = Field("", description="Arrow file of the raw rows; empty when unchanged or rejected")
    outcome: IngestOutcome | None = Field(None, description="Set when ingest already knows the end")


class TrainOutcome(Outcome):
    """What training, judging and promoting made of a series."""

    status: Literal["promoted", "kept", "failed"]
    reason: str = Field(description="One readable sentence with numbers")
    failure: Failure | None = None
    grade: Literal["PASS", "WARN", "ERROR", "SKIP"] = Field(
        description="PASS proven better than the random walk, WARN not so, SKIP too little data"
    )
    model: str = Field("", description="Architecture that forecasts this series now")
    challenger: str = Field("", description="Architecture that was trained")
    version: str = Field("", description="Version of the champion now; empty if there is none")
    metrics: dict[str, float] = {}
    baseline: dict[str, float] = {}
    skill: float | None = Field(None, description="Of the champion now, on held-out bars")
    verdict: Standing | Literal[""] = Field(
        "", description="Of the champion now against the random walk; empty where it was not judged"
    )
    p_value: float | None = Field(
        None, description="Of the champion now being no better than the random walk"
    )
    p_adjusted: float | None = Field(
        None, description="p_value among all series of the run, by Benjamini and Hochberg"
    )
    level: float = Field(0.05, description="Significance level of the verdict")
    proven: bool = Field(
        False, description="The champion now is significantly better than the random walk"
    )
    coverage_80: float | None = None
    coverage_95: float | None = None
    epochs: int = 0
    seconds: float = 0.0
    skipped: bool = Field(False, description="Same bars and configuration as at the last training")
    plots: tuple[str, ...] = ()
    card: str = Field("", description="The model card of what serves now; empty if it was not drawn")

    @property
    def proven_among_all(self) -> bool:
        """Proven still, after the correction for the number of series in the run."""
        return self.proven and self.p_adjusted is not None and self.p_adjusted <= self.level


class Challenger(Outcome):
    """A trained model that waits for its verdict; or why there is none."""

    staged: str = Field("", description="Folder with the challenger's files; empty if there is none")
    rival: str = Field(
        "", description="Staged folder of the champion's configuration, refitted up to the split"
    )
    final: str = Field(
        "", description="Staged folder of the fit on all bars, promoted where the challenger is accepted"
    )
    outcome: TrainOutcome | None = Field(None, description="Set when the end is known: failed, skipped")
    failure: Failure | None = Field(
        None, description="Why the training failed, where a baseline stands in for it"
    )
    epochs: int = 0
    seconds: float = 0.0


class EvaluateOutcome(Outcome):
    """What an evaluation made of a series; the figures are in the file at ``path``."""

    status: Literal["ok", "failed"]
    failure: Failure | None = None
    best: str = Field("", description="Contender with the least error over the horizon")
    skill: float | None = Field(None, description="Its skill against the random walk")
    proven: bool = Field(False, description="It is significantly better, taken by itself")
    contenders: int = Field(0, description="That did all folds")
    failures: dict[str, Failure] = Field({}, description="Why the others did not, by name")
    windows: int = 0
    steps: int = 0
    folds: int = 0
    fits: int = Field(0, description="Refits of all contenders")
    kept: int = Field(0, description="Of these, that an earlier run had done")
    path: str = ""
    seconds: float = 0.0


class ForecastOutcome(Outcome):
    """What forecasting made of a series."""

    status: Literal["ok", "failed"]
    failure: Failure | None = None
    model: str = ""
    version: str = ""
    skill: float | None = None
    proven: bool = Field(False, description="The model is significantly better than the random walk")
    expired: str = Field("", description="Why the model is too old, in words; empty where it is not")
    asof: datetime | None = None
    last_close: float | None = None
    steps: int = 0
    forecast: float | None = Field(None, description="Price at the last step")
    csv_path: str = ""
    json_path: str = ""
    plot_path: str = ""
    seconds: float = 0.0


class Trial(BaseModel):
    """One trial of a tuning."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    number: int
    state: Literal["complete", "pruned", "failed"]
    value: float | None = Field(None, description="Mean absolute error relative to the random walk's")
    chosen: dict[str, float | int | str] = {}
    seconds: float = 0.0
    note: str = ""


class TuneOutcome(Outcome):
    """What a tuning made of a series, or of a group, whose name then stands as its ticker."""

    status: Literal["tuned", "kept", "failed"]
    reason: str = Field("", description="One readable sentence with numbers")
    failure: Failure | None = None
    group: str = ""
    members: int = 1
    sample: tuple[str, ...] = ()
    values: dict[str, float | int | str | list[str] | None] = Field(
        {}, description="The best trial's fields of TrainConfig"
    )
    value: float | None = Field(None, description="Of the best trial, on the folds of the search")
    defaults: float | None = Field(None, description="Of the defaults, there")
    confirmed: float | None = Field(None, description="Of the best trial, on the fold after them")
    confirmed_defaults: float | None = None
    study: str = ""
    trials: tuple[Trial, ...] = ()
    resumed: int = Field(0, description="Trials that an earlier run had made")
    importance: dict[str, float] = {}
    path: str = Field("", description="The tuned configuration; empty where none was kept")
    plots: tuple[str, ...] = ()
    seconds: float = 0.0


class ScoreOutcome(Outcome):
    """What scoring found of a series' past forecasts."""

    status: Literal["ok", "failed"]
    failure: Failure | None = None
    model: str = Field("", description="Architecture that forecasts this series now")
    version: str = Field("", description="Version of the champion now; empty if there is none")
    forecasts: int = Field(0, description="In the ledger")
    new: int = Field(0, description="Of these, seen for the first time")
    scored: int = Field(0, description="Steps that got their outcome in this run")
    steps: int = Field(0, description="Steps with an outcome that counts")
    late: int = Field(0, description="Steps whose outcome was known when they were forecast")
    open: int = Field(0, description="Steps without an outcome")
    missing: int = Field(0, description="Of the open ones, those whose bar did not come")
    restated: int = Field(0, description="Steps scored now whose as-of bar has another price by now")
    judged: Literal["version", "series"] = Field(
        "version", description="Whether the figures are the champion's, or of all since the last alarm"
    )
    judged_forecasts: int = 0
    skill: float | None = Field(None, description="Live, over the horizon")
    skill_by_step: dict[int, float] = {}
    standing: str = Field("", description="better, not_worse, undecided or worse; empty: too few yet")
    p_better: float | None = None
    p_worse: float | None = None
    verdict: str = Field("", description="The standing in words, with numbers")
    coverage_80: float | None = None
    coverage_95: float | None = None
    drift_volatility: float | None = Field(None, description="Recent volatility over that of training")
    drift_ks_p: float | None = None
    drift_psi: float | None = None
    lost: dict[str, str] = Field({}, description="What is lost, skill or coverage, in words")
    alarms: tuple[str, ...] = Field((), description="Of these, what was not known before this run")
    demoted: str = Field("", description="Version of the baseline that took the champion's place")
    problems: tuple[str, ...] = Field((), description="Pairs that could not be read")
    warnings: tuple[str, ...] = ()
    seconds: float = 0.0
