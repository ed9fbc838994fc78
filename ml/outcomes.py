"""What each step of the pipeline says about a series: small, frozen, serialisable.

Tasks hand these on instead of frames or tensors, so that the same flow runs on threads, processes or
another machine. ``key`` and ``error`` are in every one of them.
"""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

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
        description="PASS better than the random walk, WARN without skill, SKIP too little data"
    )
    model: str = Field("", description="Architecture that forecasts this series now")
    challenger: str = Field("", description="Architecture that was trained")
    version: str = Field("", description="Version of the champion now; empty if there is none")
    metrics: dict[str, float] = {}
    baseline: dict[str, float] = {}
    skill: float | None = Field(None, description="Of the champion now, on held-out bars")
    coverage_80: float | None = None
    coverage_95: float | None = None
    epochs: int = 0
    seconds: float = 0.0
    skipped: bool = Field(False, description="Same bars and configuration as at the last training")
    plots: tuple[str, ...] = ()


class Challenger(Outcome):
    """A trained model that waits for its verdict; or why there is none."""

    staged: str = Field("", description="Folder with the challenger's files; empty if there is none")
    outcome: TrainOutcome | None = Field(None, description="Set when the end is known: failed, skipped")
    failure: Failure | None = Field(
        None, description="Why the training failed, where a baseline stands in for it"
    )
    epochs: int = 0
    seconds: float = 0.0


class ForecastOutcome(Outcome):
    """What forecasting made of a series."""

    status: Literal["ok", "failed"]
    failure: Failure | None = None
    model: str = ""
    version: str = ""
    skill: float | None = None
    asof: datetime | None = None
    last_close: float | None = None
    steps: int = 0
    forecast: float | None = Field(None, description="Price at the last step")
    csv_path: str = ""
    json_path: str = ""
    plot_path: str = ""
    seconds: float = 0.0
