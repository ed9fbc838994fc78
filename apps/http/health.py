"""``/healthz``: the process answers. ``/readyz``: it can forecast, or what is missing for that."""

from typing import Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from apps.http.context import TheSettings
from apps.http.problems import answers
from apps.http.wording import without_folders
from ml.artifacts.store import ModelStore
from ml.config import Settings
from ml.data.discovery import discover
from ml.errors import NoDataError

router = APIRouter(tags=["health"])


class Health(BaseModel):
    """The process answers."""

    status: Literal["ok"] = "ok"


class Missing(BaseModel):
    """Something that forecasts need."""

    what: str
    hint: str


class Readiness(BaseModel):
    """Whether forecasts can be had."""

    ready: bool
    series: int = Field(description="Series that have a promoted model")
    missing: list[Missing]


@router.get("/healthz", summary="Whether the service answers", responses=answers(500))
async def healthz() -> Health:
    """Nothing is looked at: an answer is the answer."""
    return Health()


@router.get(
    "/readyz",
    summary="Whether the service can forecast",
    responses={503: {"model": Readiness, "description": "What is missing"}, **answers(500)},
)
def readyz(settings: TheSettings, response: Response) -> Readiness:
    """200 where there is data and a promoted model; 503 with what is missing otherwise."""
    promoted = len(ModelStore(settings.models_dir).series())
    missing = [
        Missing(what=without_folders(each.what, settings), hint=without_folders(each.hint, settings))
        for each in _missing(settings, promoted)
    ]
    response.status_code = 503 if missing else 200
    response.headers["Cache-Control"] = "no-store"
    return Readiness(ready=not missing, series=promoted, missing=missing)


def _missing(settings: Settings, promoted: int) -> list[Missing]:
    missing = []
    if not promoted:
        missing.append(
            Missing(
                what=f"expected promoted models in {settings.models_dir}, found none",
                hint="train: tickerflow train, or POST /ml/train",
            )
        )
    try:
        discover(settings.raw_dir)
    except NoDataError as error:
        if not any(settings.store_dir.glob("*.parquet")):
            missing.append(Missing(what=error.message, hint=error.hint))
    return missing
