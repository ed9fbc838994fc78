"""One series at a glance: its last bars, what serves it, what that forecasts, and what is wrong."""

from datetime import datetime
from functools import cached_property
from typing import Any, Final, Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from ml.artifacts.expiry import bars_since, expired
from ml.artifacts.meta import Meta
from ml.config import Settings, Standing
from ml.data.calendars.calendar import MAX_STEPS
from ml.errors import TickerflowError
from ml.evaluation.drift import Drift
from ml.inference.service import Prediction
from ml.inference.sources import SeriesBars
from ml.ledger.drifting import drift_since
from ml.ledger.past import LiveScore
from ml.outcomes import IngestOutcome
from ml.series import SeriesKey

AlertKind = Literal["rejected", "damaged", "lost", "expired", "drifting", "overdue"]

_GRAVITY: Final = get_args(AlertKind)  # the gravest first
SPARK_BARS: Final = 60
# By custom the index says that a distribution has shifted above this; its test has to agree.
_SHIFTED_PSI: Final = 0.25
_SHIFTED_P: Final = 0.01
_LEAST_DUE: Final = 32
# One bar may be on its way.
_LATE_BARS: Final = 2


class Alert(BaseModel):
    """Something about a series that wants a look."""

    model_config = ConfigDict(frozen=True)

    kind: AlertKind
    words: str = Field(description="What was found")
    hint: str = Field(description="What to do about it")


class Live(BaseModel):
    """How the forecasts of what serves have done so far."""

    model_config = ConfigDict(frozen=True)

    skill: float
    coverage_80: float
    forecasts: int


class Row(BaseModel):
    """One series at a glance."""

    model_config = ConfigDict(frozen=True)

    ticker: str
    interval: str
    last: AwareDatetime | None = Field(None, description="The last bar")
    last_close: float | None = None
    change: float | None = Field(None, description="Of the last bar's close, as a share")
    spark: list[float] = Field([], description=f"The newest closes, {SPARK_BARS} at most")
    rows: int = Field(0, description="Bars")
    quarantined: int = Field(0, description="Rows that are no bars")
    promoted: bool = Field(description="Whether a model serves it")
    model: str = ""
    version: str = ""
    generation: int = 0
    skill: float | None = Field(None, description="1 - MAE / MAE of the random walk, on test bars")
    proven: bool = Field(False, description="Significantly better than the random walk")
    standing: Standing | Literal[""] = Field(
        "", description="Beside the random walk; empty where it was not judged"
    )
    verdict: str = Field("", description="promoted, forced, rolled_back or demoted")
    reason: str = Field("", description="Of the verdict, in words")
    horizon: int = Field(0, description="Steps that the model was judged on")
    forecast_change: float | None = Field(
        None, description="Of the price from the last close to the horizon's last step, as a share"
    )
    direction: Literal["up", "down", "none"] = Field(
        "none", description="Of the forecast; none where the model is not proven"
    )
    trained_at: AwareDatetime | None = None
    bars_since_training: int = 0
    overdue_bars: int = Field(0, description="Bars that should have come by now")
    live: Live | None = None
    alerts: list[Alert] = Field([], description="The gravest first")

    @cached_property
    def document(self) -> bytes:
        """The row as JSON; of hundreds of rows few change from one look to the next."""
        return self.model_dump_json().encode()


class Glance:
    """What is known of a series, as far as neither the time of day nor the ledger change it.

    Attributes:
        key: the series.
        fields: of `Row`.
        meta: of what serves, where that can be read.
        alerts: that hold at any time.
        due: when each bar after the last one is over, seconds of UTC, ascending ``(n,)``; empty where
            it was not found out.
        is_complete: whether its files and its forecast were looked at too.
    """

    def __init__(self, key: SeriesKey, *, promoted: bool) -> None:
        self.key = key
        self.fields: dict[str, Any] = {
            "ticker": key.ticker,
            "interval": str(key.interval),
            "promoted": promoted,
        }
        self.meta: Meta | None = None
        self.alerts: list[Alert] = []
        self.due: NDArray[np.int64] = np.empty(0, dtype=np.int64)
        self.is_complete = False

    def add_ingested(self, outcome: IngestOutcome) -> None:
        """What ingest said of the series."""
        self.fields |= {
            "last": outcome.last,
            "rows": outcome.rows,
            "quarantined": sum(outcome.quarantined.values()),
        }

    def add_bars(self, bars: pd.DataFrame) -> None:
        """The newest closes."""
        close = bars["close"].to_numpy(dtype=np.float64)
        self.fields |= {
            "last": bars["timestamp"].iloc[-1].to_pydatetime(),
            "last_close": float(close[-1]),
            "change": float(close[-1] / close[-2] - 1) if len(close) > 1 else None,
            "spark": close[-SPARK_BARS:].tolist(),
            "rows": len(bars),
        }

    def add_champion(self, meta: Meta) -> None:
        """What serves the series."""
        decision, self.meta = meta.decision, meta
        walk = decision.verdicts.get("walk") if decision else None
        self.fields |= {
            "model": meta.model,
            "version": meta.version,
            "generation": meta.generation,
            "horizon": meta.horizon,
            "trained_at": meta.created_at,
            "bars_since_training": max(0, self.fields.get("rows", 0) - meta.data.rows),
        }
        if decision is not None:
            self.fields |= {
                "skill": decision.skill,
                "proven": decision.proven,
                "standing": walk.get("standing", "") if isinstance(walk, dict) else "",
                "verdict": decision.verdict,
                "reason": decision.reason,
            }

    def add_calendar(self, series: SeriesBars, now: datetime) -> None:
        """When the next bars are due; raises `CalendarError`."""
        interval, last = series.key.interval.delta, series.bars["timestamp"].iloc[-1]
        waited = int((pd.Timestamp(now) - last) / interval)
        # Twice as many as may be due by now, and some days more: the feed may rest while time goes on.
        steps = min(MAX_STEPS, max(_LEAST_DUE, 2 * waited))
        due = series.future(steps).as_unit("s").asi8
        self.due = np.asarray(due, dtype=np.int64) + int(interval.total_seconds())

    def add_forecast(self, prediction: Prediction) -> None:
        """What is forecast, and how far the market has moved since the training."""
        meta, bars = prediction.meta, prediction.series.bars
        self.add_champion(meta)
        change = float(prediction.frame["forecast"].iloc[-1] / bars["close"].iloc[-1] - 1)
        self.fields["forecast_change"] = change
        self.fields["bars_since_training"] = bars_since(meta, bars["timestamp"])
        if self.fields.get("proven") and change != 0:
            self.fields["direction"] = "up" if change > 0 else "down"
        moved = drift_since(meta, bars)
        if moved is not None and moved.psi > _SHIFTED_PSI and moved.ks_p < _SHIFTED_P:
            self.alerts.append(_drifting(moved))

    def add_error(self, kind: AlertKind, error: TickerflowError) -> None:
        """Why its files or its model take no part."""
        if all(alert.words != error.message for alert in self.alerts):
            self.alerts.append(Alert(kind=kind, words=error.message, hint=error.hint))

    def row(self, scored: LiveScore | None, settings: Settings, now: datetime) -> Row:
        """The row as it is at a moment.

        Args:
            scored: what the ledger has of the series.
            settings: what counts as expired.
            now: aware of its zone.
        """
        overdue = self.overdue(now)
        alerts = [*self.alerts, *self._passing(scored, settings, overdue, now)]
        alerts.sort(key=lambda alert: _GRAVITY.index(alert.kind))
        return Row(**self.fields, overdue_bars=overdue, live=self._live(scored), alerts=alerts)

    def overdue(self, now: datetime) -> int:
        """Bars that should have come by a moment."""
        return int(np.searchsorted(self.due, int(now.timestamp()), side="right"))

    def _last_bar(self) -> str:
        """Its day, and its time of day where bars have one."""
        return f"{self.fields['last']:%Y-%m-%d{' %H:%M' if self.key.interval.is_intraday else ''}}"

    def _live(self, scored: LiveScore | None) -> Live | None:
        for one in scored.versions if scored else ():
            if self.meta is not None and one.version == self.meta.version:
                return Live(skill=one.skill, coverage_80=one.coverage_80, forecasts=one.forecasts)
        return None

    def _passing(
        self, scored: LiveScore | None, settings: Settings, overdue: int, now: datetime
    ) -> list[Alert]:
        """Alerts that time and the ledger decide on."""
        found = []
        if self.meta is not None:
            found += [
                Alert(kind="lost", words=alarm.words, hint=_LOST)
                for alarm in (scored.alarms if scored else ())
                if alarm.version == self.meta.version
            ]
            if self.fields.get("verdict") == "demoted":
                found.append(Alert(kind="lost", words=self.fields["reason"], hint=_LOST))
            old = expired(self.meta, self.fields["bars_since_training"], now, settings.watch)
            if old:
                found.append(Alert(kind="expired", words=old, hint="train the series again"))
        if overdue >= _LATE_BARS:
            many = f"{overdue} or more" if overdue == len(self.due) else f"{overdue}"
            words = f"the last bar is of {self._last_bar()}, {many} bars are overdue"
            found.append(Alert(kind="overdue", words=words, hint=_OVERDUE))
        return found


_LOST: Final = "train the series again, or go back to an earlier version"
_OVERDUE: Final = "put a newer file of it into the raw folder"


def _drifting(moved: Drift) -> Alert:
    words = (
        f"the market has changed since the training: volatility {moved.volatility:.1f} times as high, "
        f"stability index {moved.psi:.2f} over {moved.bars} bars"
    )
    return Alert(kind="drifting", words=words, hint="watch the live skill, or train the series again")
