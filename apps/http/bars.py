"""``GET /ml/bars``: the newest bars of one series."""

import hashlib
from typing import Annotated

import pandas as pd
from fastapi import APIRouter, Header, Query
from pydantic import AwareDatetime, BaseModel, Field
from starlette.responses import Response

from apps.http.context import TheService
from apps.http.names import BarInterval, Ticker
from apps.http.negotiation import CSV, JSON, headers_of, not_modified, prefers_csv, two_media
from apps.http.problems import answers
from ml.data.bars import BAR_COLUMNS
from ml.inference.sources import SeriesBars
from ml.series import SeriesKey

router = APIRouter(tags=["series"])

Last = Annotated[int, Query(ge=1, le=5000, description="How many bars, the newest")]


class Bars(BaseModel):
    """Bars of one series, ascending, in columns; prices in the series' own unit."""

    ticker: str
    interval: str
    rows: int = Field(description="Bars of the whole series, of which these are the newest")
    first: AwareDatetime = Field(description="Of the whole series")
    last: AwareDatetime
    calendar: str = Field(description="24/7, FX, weekdays, or an exchange such as XNYS")
    timestamp: list[AwareDatetime] = Field(description="UTC")
    open: list[float]
    high: list[float]
    low: list[float]
    close: list[float]
    volume: list[float | None]


@router.get(
    "/ml/bars",
    summary="The newest bars of one series",
    response_model=Bars,
    responses={**two_media("Bars"), **answers(404, 409, 422, 500, 503)},
)
def bars(
    service: TheService,
    ticker: Ticker,
    interval: BarInterval,
    last: Last = 500,
    accept: Annotated[str, Header(description="application/json or text/csv")] = JSON,
    if_none_match: Annotated[str, Header(description="ETags of answers that are at hand")] = "",
) -> Response:
    """Normalised bars, brought up to date with the raw files of the series."""
    series = service.bars(SeriesKey.of(ticker, interval))
    media = CSV if prefers_csv(accept) else JSON
    told = (series.key, series.fingerprint, series.calendar.code, last, media)
    headers = headers_of(hashlib.sha256(repr(told).encode()).hexdigest())
    if not_modified(if_none_match, headers):
        return Response(status_code=304, headers=headers)
    newest = series.bars.tail(last)
    if media == CSV:
        headers["Content-Disposition"] = f'attachment; filename="{series.key.stem}.csv"'
        return Response(_csv(newest), headers=headers, media_type=CSV)
    return Response(_json(series, newest).model_dump_json(), headers=headers, media_type=JSON)


def _json(series: SeriesBars, newest: pd.DataFrame) -> Bars:
    stamps = series.bars["timestamp"]
    volume = newest["volume"]
    return Bars(
        ticker=series.key.ticker,
        interval=str(series.key.interval),
        rows=len(series.bars),
        first=stamps.iloc[0].to_pydatetime(),
        last=stamps.iloc[-1].to_pydatetime(),
        calendar=series.calendar.code,
        timestamp=[stamp.to_pydatetime() for stamp in newest["timestamp"]],
        volume=volume.astype(object).where(volume.notna(), None).tolist(),
        **{name: newest[name].tolist() for name in BAR_COLUMNS[1:5]},
    )


def _csv(newest: pd.DataFrame) -> str:
    text = newest.assign(timestamp=newest["timestamp"].dt.strftime("%Y-%m-%dT%H:%M:%SZ"))
    return text.to_csv(index=False, lineterminator="\n")
