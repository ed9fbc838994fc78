"""``GET /ml/series``: what lies in the raw folder, what ingest said of it, and what serves it."""

from fastapi import APIRouter
from pydantic import AwareDatetime, BaseModel, Field

from apps.http.context import TheSettings
from apps.http.problems import answers
from apps.http.wording import without_folders
from ml.artifacts.store import ModelStore
from ml.config import Settings
from ml.data.discovery import Discovery, discover
from ml.data.store import read_outcome
from ml.errors import NoDataError, StoreError
from ml.outcomes import Failure, IngestOutcome
from ml.series import SeriesKey

router = APIRouter(tags=["series"])


class Series(BaseModel):
    """One series: its raw files, its bars, its model."""

    ticker: str
    interval: str
    files: int = Field(description="Raw CSV files; 0 where only a model is left")
    ingested: bool = Field(description="Whether its bars have been read")
    rows: int = Field(0, description="Bars at the last ingest")
    first: AwareDatetime | None = None
    last: AwareDatetime | None = None
    quarantined: int = Field(0, description="Rows that are no bars")
    promoted: bool = Field(description="Whether a model serves it")
    problem: str = Field("", description="Why it was rejected, or cannot be read")


class Trouble(BaseModel):
    """A file, or the folder, that takes no part."""

    name: str
    detail: str
    hint: str


class SeriesPage(BaseModel):
    """All series by ticker and interval, and what could not become one."""

    series: list[Series]
    problems: list[Trouble]


@router.get("/ml/series", summary="List the series", responses=answers(500, 503))
def series(settings: TheSettings) -> SeriesPage:
    """Every series that has raw files or a model; with none, ``problems`` says what to put where."""
    problems: list[Trouble] = []
    try:
        found = discover(settings.raw_dir)
    except NoDataError as error:
        found = Discovery((), ())
        problems.append(_trouble("", Failure.of(error), settings))
    problems += [_trouble(problem.path.name, problem.failure, settings) for problem in found.problems]
    files = {raw.key: len(raw.files) for raw in found.series}
    promoted = set(ModelStore(settings.models_dir).series())
    rows = []
    for key in sorted({*files, *promoted}):
        try:
            outcome, problem = read_outcome(settings.store_dir, key), ""
        except StoreError as error:
            outcome, problem = None, without_folders(str(error), settings)
        rows.append(_series(key, files.get(key, 0), key in promoted, outcome, problem))
    return SeriesPage(series=rows, problems=problems)


def _series(
    key: SeriesKey, files: int, promoted: bool, outcome: IngestOutcome | None, problem: str
) -> Series:
    name = {"ticker": key.ticker, "interval": str(key.interval)}
    if outcome is None:
        return Series(**name, files=files, ingested=False, promoted=promoted, problem=problem)
    return Series(
        **name,
        files=files,
        ingested=True,
        rows=outcome.rows,
        first=outcome.first,
        last=outcome.last,
        quarantined=sum(outcome.quarantined.values()),
        promoted=promoted,
        problem=str(outcome.failure or ""),
    )


def _trouble(name: str, failure: Failure, settings: Settings) -> Trouble:
    return Trouble(
        name=name,
        detail=without_folders(failure.message, settings),
        hint=without_folders(failure.hint, settings),
    )
