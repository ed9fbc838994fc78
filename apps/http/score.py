"""``/ml/score``: how forecasts that were made have done, against what came and the random walk."""

import time
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

import pandas as pd
from fastapi import APIRouter, Query
from pydantic import AwareDatetime, BaseModel, Field

from apps.http.context import TheService, TheSettings
from apps.http.names import IntervalInPath, TickerInPath
from apps.http.problems import answers
from ml.data.store import read_bars
from ml.errors import NoDataError, TickerflowError
from ml.inference.service import ForecastService
from ml.ledger.alarms import Alarm
from ml.ledger.past import (
    LiveScore,
    PastForecast,
    VersionScore,
    all_scores,
    live_score,
    past_forecasts,
)
from ml.series import SeriesKey

router = APIRouter(tags=["score"])

Past = Annotated[int, Query(ge=0, le=250, description="How many past forecasts, the newest")]


class Alarmed(BaseModel):
    """A loss that a scoring found."""

    version: str
    reason: str = Field(description="skill or coverage")
    words: str
    raised_at: AwareDatetime


class Score(BaseModel):
    """The live score of one version of a series."""

    ticker: str
    interval: str
    version: str
    model: str
    forecasts: int = Field(description="With at least one step that was scored")
    steps: int = Field(description="Scored")
    skill: float = Field(description="1 - mean absolute error / that of the random walk")
    coverage_80: float = Field(description="Share of outcomes in the 80% band")
    coverage_95: float
    alarms: list[Alarmed] = Field(description="Raised for this version")


class VersionLive(BaseModel):
    """The live score of one version."""

    version: str
    model: str
    forecasts: int
    steps: int
    first: AwareDatetime = Field(description="As-of bar of its first scored forecast")
    last: AwareDatetime
    skill: float
    coverage_80: float
    coverage_95: float


class StepLive(BaseModel):
    """The live score of one step ahead, over all versions."""

    step: int
    n: int = Field(description="Outcomes")
    mae: float = Field(description="Mean absolute error as a share of the last close that was known")
    mae_walk: float = Field(description="The same of the random walk")
    coverage_80: float
    coverage_95: float


class PastStep(BaseModel):
    """One step of a past forecast, on the scale of its own last close."""

    step: int
    due: AwareDatetime
    forecast: float
    lower_80: float
    upper_80: float
    lower_95: float
    upper_95: float
    actual: float | None = Field(description="The close that came; null while it has not")


class PastView(BaseModel):
    """One forecast that was made."""

    asof: AwareDatetime
    version: str
    model: str
    last_close: float
    steps: list[PastStep]


class ScorePage(BaseModel):
    """All that is known of how the forecasts of a series have done."""

    ticker: str
    interval: str
    versions: list[VersionLive] = Field(description="In the order of their first forecast")
    by_step: list[StepLive]
    alarms: list[Alarmed] = Field(description="Oldest first")
    open_steps: int = Field(description="Steps in the ledger that wait for their bar")
    past: list[PastView] = Field(description="Newest first, one for each as-of bar")


@router.get("/ml/score", summary="Live scores of all series", responses=answers(500, 503))
def scores(settings: TheSettings) -> list[Score]:
    """A row for each version that was ever scored; empty until `tickerflow score` has run."""
    rows = []
    for key, found in all_scores(settings.predictions_dir).items():
        for version in found.versions:
            raised = [_alarm(alarm) for alarm in found.alarms if alarm.version == version.version]
            rows.append(_score(key, version, raised))
    return rows


@router.get(
    "/ml/score/{ticker:path}/{interval}",
    summary="How the forecasts of one series have done",
    responses=answers(404, 422, 500, 503),
)
def score(
    settings: TheSettings,
    service: TheService,
    ticker: TickerInPath,
    interval: IntervalInPath,
    past: Past = 12,
) -> ScorePage:
    """Scores by version and by step, alarms, and the newest forecasts laid over what happened."""
    key = SeriesKey.of(ticker, interval)
    bars = _bars(service, key)
    found = live_score(settings.predictions_dir, key)
    made = past_forecasts(settings.predictions_dir, key, bars, past, int(time.time())) if past else []
    return _page(key, found, made)


def _bars(service: ForecastService, key: SeriesKey) -> pd.DataFrame:
    """The bars; of a series whose files are rejected now, those of before."""
    try:
        return service.bars(key).bars
    except NoDataError:
        raise
    except TickerflowError:
        return read_bars(service.settings.store_dir, key)


def _page(key: SeriesKey, found: LiveScore, made: list[PastForecast]) -> ScorePage:
    return ScorePage(
        ticker=key.ticker,
        interval=str(key.interval),
        versions=[
            VersionLive(
                version=one.version,
                model=one.model,
                forecasts=one.forecasts,
                steps=one.steps,
                first=one.first.to_pydatetime(),
                last=one.last.to_pydatetime(),
                skill=one.skill,
                coverage_80=one.coverage_80,
                coverage_95=one.coverage_95,
            )
            for one in found.versions
        ],
        by_step=[StepLive(**asdict(one)) for one in found.by_step],
        alarms=[_alarm(alarm) for alarm in found.alarms],
        open_steps=found.open_steps,
        past=[
            PastView(
                asof=_instant(one.asof),
                version=one.version,
                model=one.model,
                last_close=one.last_close,
                steps=[PastStep(**{**asdict(step), "due": _instant(step.due)}) for step in one.steps],
            )
            for one in made
        ],
    )


def _score(key: SeriesKey, version: VersionScore, alarms: list[Alarmed]) -> Score:
    return Score(
        ticker=key.ticker,
        interval=str(key.interval),
        version=version.version,
        model=version.model,
        forecasts=version.forecasts,
        steps=version.steps,
        skill=version.skill,
        coverage_80=version.coverage_80,
        coverage_95=version.coverage_95,
        alarms=alarms,
    )


def _alarm(alarm: Alarm) -> Alarmed:
    return Alarmed(
        version=alarm.version,
        reason=alarm.reason,
        words=alarm.words,
        raised_at=_instant(alarm.raised_at),
    )


def _instant(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
