"""``GET /ml/quality``: how good the data of one series is."""

from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Final

from fastapi import APIRouter
from pydantic import AwareDatetime, BaseModel, Field

from apps.http.context import TheService, TheSettings
from apps.http.names import BarInterval, Ticker
from apps.http.problems import answers
from apps.http.wording import without_folders
from ml.config import Settings
from ml.data.discovery import discover
from ml.data.quality import Gaps, gap_stretches, read_quarantine
from ml.data.store import read_outcome
from ml.errors import CalendarError, NoDataError, TickerflowError
from ml.inference.service import ForecastService
from ml.series import SeriesKey

router = APIRouter(tags=["series"])

_MOST: Final = 100


class RawFile(BaseModel):
    """One raw CSV of the series."""

    name: str
    bytes: int
    modified: AwareDatetime


class QuarantinedRow(BaseModel):
    """A row that is no bar."""

    reason: str
    file: str
    line: int = Field(description="From 1, as an editor counts")
    text: str = Field(description="As it stands in the file; a long one is cut")


class Gap(BaseModel):
    """A stretch in which the calendar expects bars and the series has none."""

    after: AwareDatetime = Field(description="The bar before the gap")
    before: AwareDatetime = Field(description="The bar after it")
    missing: int = Field(description="Bars that are expected between them")


class Quality(BaseModel):
    """What ingest found in the files of one series."""

    ticker: str
    interval: str
    files: list[RawFile]
    rows: int = Field(description="Bars in the store")
    first: AwareDatetime | None
    last: AwareDatetime | None
    quarantined: dict[str, int] = Field(description="Rows that are no bars, by reason")
    examples: list[QuarantinedRow] = Field(description=f"The first {_MOST} of them")
    suspect: list[AwareDatetime] = Field(description="Bars that parse but cannot be right; they stay")
    gaps: list[Gap] = Field(description=f"The newest {_MOST}, newest first")
    n_gaps: int
    missing_bars: int = Field(description="In all gaps together")
    warnings: list[str] = Field(description="What ingest noticed and went on with")
    problem: str = Field(description="Why the files were rejected; empty where they were not")
    hint: str = Field(description="What to do about the problem")


@router.get(
    "/ml/quality",
    summary="How good the data of one series is",
    responses=answers(404, 409, 422, 500, 503),
)
def quality(
    settings: TheSettings, service: TheService, ticker: Ticker, interval: BarInterval
) -> Quality:
    """Files, quarantined rows with their reasons, suspect bars and gaps.

    Of a series whose files are rejected, the bars of before, if any, and why.
    """
    key = SeriesKey.of(ticker, interval)
    gaps, warnings, problem = _gaps(service, key)
    outcome = read_outcome(settings.store_dir, key)
    quarantine = read_quarantine(settings.store_dir, key, _MOST)
    told = [*(outcome.warnings if outcome else ()), *warnings]
    return Quality(
        ticker=key.ticker,
        interval=str(key.interval),
        files=_files(settings, key),
        rows=outcome.rows if outcome else 0,
        first=outcome.first if outcome else None,
        last=outcome.last if outcome else None,
        quarantined=quarantine.counts,
        examples=[QuarantinedRow(**asdict(row)) for row in quarantine.rows],
        suspect=list(outcome.suspect) if outcome else [],
        gaps=[
            Gap(after=gap.after.to_pydatetime(), before=gap.before.to_pydatetime(), missing=gap.missing)
            for gap in gaps.newest
        ],
        n_gaps=gaps.stretches,
        missing_bars=gaps.missing,
        warnings=[without_folders(words, settings) for words in told],
        problem=without_folders(problem.message, settings) if problem else "",
        hint=without_folders(problem.hint, settings) if problem else "",
    )


def _gaps(service: ForecastService, key: SeriesKey) -> tuple[Gaps, list[str], TickerflowError | None]:
    """Gaps, warnings, and why the series' files were rejected; raises `NoDataError` where none are."""
    try:
        series = service.bars(key)
    except NoDataError:
        raise
    except TickerflowError as error:
        return _NO_GAPS, [], error
    try:
        return gap_stretches(series.calendar, key, series.bars, _MOST), [], None
    except CalendarError as error:
        return _NO_GAPS, [f"gaps were not looked for: {error.message}"], None


_NO_GAPS: Final = Gaps((), 0, 0)


def _files(settings: Settings, key: SeriesKey) -> list[RawFile]:
    try:
        found = discover(settings.raw_dir, [key.ticker], [str(key.interval)])
    except NoDataError:  # what is left is the store
        return []
    files = []
    for path in (path for raw in found.series for path in raw.files):
        with suppress(FileNotFoundError):  # removed since it was listed
            status = path.stat()
            modified = datetime.fromtimestamp(status.st_mtime, UTC)
            files.append(RawFile(name=path.name, bytes=status.st_size, modified=modified))
    return files
