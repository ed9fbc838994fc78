"""``/ml/models``: what is promoted, why, and back to an earlier version."""

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from pydantic import AwareDatetime, BaseModel, Field
from starlette.responses import HTMLResponse

from apps.http.context import TheService, TheSettings
from apps.http.guard import may_write
from apps.http.names import IntervalInPath, TickerInPath
from apps.http.problems import answers
from apps.http.served import told_of
from apps.http.wording import without_folders
from ml.artifacts.expiry import bars_since, expired
from ml.artifacts.meta import VERSION_PATTERN, Meta
from ml.artifacts.pictures import version_folder
from ml.artifacts.store import LifeEvent, ModelStore, VersionRecord
from ml.config import Settings
from ml.errors import ArtifactError, TickerflowError
from ml.inference.service import ForecastService
from ml.ledger.cards import draw_card, refresh_card
from ml.series import SeriesKey

router = APIRouter(tags=["models"])

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


class Losses(BaseModel):
    """The course of the training, by epoch; empty where the version has not recorded it.

    The first entry is before any training: it has no training loss.
    """

    training: list[float | None] = []
    validation: list[float | None] = []


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
    losses: Losses
    bars_since_training: int | None = Field(description="Null where the series has no bars to read")
    expired: str = Field(description="Why the model is too old; empty where it is not")


@router.get("/ml/models", summary="List what is promoted", responses=answers(500, 503))
def models(settings: TheSettings) -> list[Champion]:
    """The champion of each series; of a damaged one, what is wrong with it."""
    store = ModelStore(settings.models_dir)
    found = (_listed(store, key, settings) for key in sorted(store.series()))
    return [champion for champion in found if champion is not None]


@router.get(
    # These are before the route of the model itself, whose ticker may hold a slash.
    "/ml/models/{ticker:path}/{interval}/card",
    summary="The model card of what serves one series",
    response_class=HTMLResponse,
    responses=answers(404, 409, 422, 500, 503),
)
def card(settings: TheSettings, ticker: TickerInPath, interval: IntervalInPath) -> HTMLResponse:
    """A page that needs no other file; drawn now, of what is promoted now."""
    return HTMLResponse(draw_card(SeriesKey.of(ticker, interval), settings), headers=_CARD_HEADERS)


@router.post(
    "/ml/models/{ticker:path}/{interval}/rollback",
    summary="Go back to an earlier version",
    dependencies=[Depends(may_write)],
    responses=answers(401, 403, 404, 409, 422, 500, 503),
)
def rollback(
    settings: TheSettings, ticker: TickerInPath, interval: IntervalInPath, version: Version = None
) -> Champion:
    """Make an earlier version the champion again; the next forecast is of it."""
    key = SeriesKey.of(ticker, interval)
    meta = ModelStore(settings.models_dir).rollback(key, version, by="HTTP")
    refresh_card(key, settings)
    return _champion(key, meta)


@router.get(
    "/ml/models/{ticker:path}/{interval}/history",
    summary="What happened to one series",
    responses=answers(404, 409, 422, 500, 503),
)
def history(
    settings: TheSettings, ticker: TickerInPath, interval: IntervalInPath, last: Last = 50
) -> list[Happening]:
    """Promotions, rejections, rollbacks and demotions, newest first; of a damaged champion too."""
    key, store = SeriesKey.of(ticker, interval), ModelStore(settings.models_dir)
    life = store.life(key, last)
    if not life:
        store.champion(key)  # says that there is none, and how to train one
    return [_happening(event, settings) for event in life]


@router.get(
    "/ml/models/{ticker:path}/{interval}",
    summary="Show one champion and its history",
    responses=answers(404, 409, 422, 500, 503),
)
def model(
    settings: TheSettings,
    service: TheService,
    ticker: TickerInPath,
    interval: IntervalInPath,
    last: Last = 50,
) -> ModelPage:
    """Metrics beside the baselines', the decision, and what happened to the series."""
    key, store = SeriesKey.of(ticker, interval), ModelStore(settings.models_dir)
    # Loaded, not only looked up: what is shown can forecast.
    meta = store.champion(key).meta
    since = _bars_since(service, meta)
    return ModelPage(
        losses=_losses(store, settings, meta),
        bars_since_training=since,
        expired=expired(meta, since or 0, datetime.now(UTC), settings.watch),
        champion=_champion(key, meta),
        features=list(meta.features),
        seq_len=meta.seq_len,
        horizon=meta.horizon,
        history=[_happening(life, settings) for life in store.life(key, last)],
        **{name: _plain(meta, name) for name in _SECTIONS},
    )


_SECTIONS = ("data", "split", "training", "metrics", "baselines", "decision", "certificate")


# Whatever a card may say one day, it runs nothing and loads nothing.
_CARD_HEADERS = {
    "Content-Security-Policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:",
    "Cache-Control": "no-cache",
    "X-Content-Type-Options": "nosniff",
}


def _bars_since(service: ForecastService, meta: Meta) -> int | None:
    try:
        return bars_since(meta, service.bars(meta.key).bars["timestamp"])
    except TickerflowError:  # of the data: /ml/quality says what it is
        return None


def _losses(store: ModelStore, settings: Settings, meta: Meta) -> Losses:
    record = VersionRecord(meta.version, "champion", meta, version_folder(settings.models_dir, meta))
    try:
        course = store.evaluation(record).get("history")
    except FileNotFoundError:
        return Losses()
    epochs = [epoch for epoch in course if isinstance(epoch, dict)] if isinstance(course, list) else []
    return Losses(
        training=[epoch.get("train_loss") for epoch in epochs],
        validation=[epoch.get("val_loss") for epoch in epochs],
    )


def _listed(store: ModelStore, key: SeriesKey, settings: Settings) -> Champion | None:
    """None where it was taken away since it was listed."""
    try:
        meta = store.champion_meta(key)
    except ArtifactError as error:
        problem = without_folders(str(error), settings)
        return Champion(ticker=key.ticker, interval=str(key.interval), problem=problem)
    return None if meta is None else _champion(key, meta)


def _champion(key: SeriesKey, meta: Meta) -> Champion:
    return Champion(
        ticker=key.ticker,
        interval=str(key.interval),
        promoted_at=meta.promoted_at,
        **told_of(meta),
    )


def _happening(life: LifeEvent, settings: Settings) -> Happening:
    event = life.event
    if event is None:
        problem = without_folders(str(life.problem or ""), settings)
        return Happening(version=life.version, serves=life.serves, problem=problem)
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
