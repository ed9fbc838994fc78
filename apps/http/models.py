"""``/ml/models``: what is promoted, why, and back to an earlier version."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from fastapi import Path as PathPart
from pydantic import AwareDatetime, BaseModel, Field

from apps.http.context import TheSettings
from apps.http.guard import may_write
from apps.http.problems import answers
from ml.artifacts.meta import VERSION_PATTERN, Meta
from ml.artifacts.store import LifeEvent, ModelStore
from ml.errors import ArtifactError
from ml.ledger.cards import refresh_card
from ml.series import SeriesKey

router = APIRouter(tags=["models"])

Ticker = Annotated[str, PathPart(description="Such as AAPL or BTC/USD, with or without %2F")]
BarInterval = Annotated[str, PathPart(description="Such as 1h or 1d")]
Version = Annotated[
    str | None,
    Query(pattern=VERSION_PATTERN, description="To go back to; by default the one before"),
]
Last = Annotated[int, Query(ge=1, le=1000, description="How many events of the history, newest first")]


class Champion(BaseModel):
    """What serves a series."""

    ticker: str
    interval: str
    model: str = ""
    version: str = ""
    generation: int = 0
    promoted_at: AwareDatetime | None = None
    skill: float | None = Field(None, description="1 - MAE / MAE of the random walk, on test bars")
    proven: bool = Field(False, description="Significantly better than the random walk")
    verdict: str = Field("", description="promoted, forced, rolled_back or demoted")
    reason: str = Field("", description="Of the verdict, in words")
    problem: str = Field("", description="Why it cannot serve; empty where it can")


class Happening(BaseModel):
    """One event in the life of a series."""

    version: str
    at: AwareDatetime | None = None
    event: str = Field("", description="promoted, forced, rejected, rolled_back or demoted")
    serves: bool = Field(description="Whether the champion of now serves by this event")
    model: str = ""
    mode: str = ""
    skill: float | None = None
    proven: bool = False
    by: str = ""
    reason: str = ""
    problem: str = Field("", description="What is damaged of it")


class ModelPage(BaseModel):
    """All that there is to know of a champion."""

    champion: Champion
    features: list[str]
    seq_len: int
    horizon: int
    data: dict[str, Any] = Field(description="The bars it was made from")
    split: dict[str, Any] = Field(description="Training, validation and test stretches")
    training: dict[str, Any] = Field(description="Configuration and course of the training")
    metrics: dict[str, Any] = Field(description="On test bars")
    baselines: dict[str, Any] = Field(description="The same figures of the random walk and of drift")
    decision: dict[str, Any] = Field(description="Verdicts with p-values, by reference and by step")
    certificate: dict[str, Any] = Field(description="What was perturbed to find leaks")
    history: list[Happening] = Field(description="Newest first")


@router.get("/ml/models", summary="List what is promoted", responses=answers(500, 503))
def models(settings: TheSettings) -> list[Champion]:
    """The champion of each series; of a damaged one, what is wrong with it."""
    store = ModelStore(settings.models_dir)
    found = (_listed(store, key) for key in sorted(store.series()))
    return [champion for champion in found if champion is not None]


@router.get(
    "/ml/models/{ticker:path}/{interval}",
    summary="Show one champion and its history",
    responses=answers(404, 409, 422, 500, 503),
)
def model(settings: TheSettings, ticker: Ticker, interval: BarInterval, last: Last = 50) -> ModelPage:
    """Metrics beside the baselines', the decision, and what happened to the series."""
    key, store = SeriesKey.of(ticker, interval), ModelStore(settings.models_dir)
    # Loaded, not only looked up: what is shown can forecast.
    meta = store.champion(key).meta
    return ModelPage(
        champion=_champion(key, meta),
        features=list(meta.features),
        seq_len=meta.seq_len,
        horizon=meta.horizon,
        history=[_happening(life) for life in store.life(key, last)],
        **{name: _plain(meta, name) for name in _SECTIONS},
    )


@router.post(
    "/ml/models/{ticker:path}/{interval}/rollback",
    summary="Go back to an earlier version",
    dependencies=[Depends(may_write)],
    responses=answers(401, 403, 404, 409, 422, 500, 503),
)
def rollback(
    settings: TheSettings, ticker: Ticker, interval: BarInterval, version: Version = None
) -> Champion:
    """Make an earlier version the champion again; the next forecast is of it."""
    key = SeriesKey.of(ticker, interval)
    meta = ModelStore(settings.models_dir).rollback(key, version, by="HTTP")
    refresh_card(key, settings)
    return _champion(key, meta)


_SECTIONS = ("data", "split", "training", "metrics", "baselines", "decision", "certificate")


def _listed(store: ModelStore, key: SeriesKey) -> Champion | None:
    """None where it was taken away since it was listed."""
    try:
        meta = store.champion_meta(key)
    except ArtifactError as error:
        return Champion(ticker=key.ticker, interval=str(key.interval), problem=str(error))
    return None if meta is None else _champion(key, meta)


def _champion(key: SeriesKey, meta: Meta) -> Champion:
    decision = meta.decision
    return Champion(
        ticker=key.ticker,
        interval=str(key.interval),
        model=meta.model,
        version=meta.version,
        generation=meta.generation,
        promoted_at=meta.promoted_at,
        skill=decision.skill if decision else None,
        proven=decision is not None and decision.proven,
        verdict=decision.verdict if decision else "",
        reason=decision.reason if decision else "",
    )


def _happening(life: LifeEvent) -> Happening:
    event = life.event
    if event is None:
        return Happening(version=life.version, serves=life.serves, problem=str(life.problem or ""))
    return Happening(
        version=life.version,
        at=event.at,
        event=event.verdict,
        serves=life.serves,
        model=event.model,
        mode=event.mode,
        skill=event.skill,
        proven=event.proven,
        by=event.by,
        reason=event.reason,
    )


def _plain(meta: Meta, name: str) -> dict[str, Any]:
    part: dict[str, Any] | None = meta.model_dump(mode="json", include={name})[name]
    return part or {}
