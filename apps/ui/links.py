"""Addresses of the dashboard's own pages: every state of a page is a link."""

from typing import Final
from urllib.parse import quote, urlencode

OVERVIEW: Final = "overview"
SERIES: Final = "series"
TRAIN: Final = "train"
RUNS: Final = "runs"


def name_of(ticker: str, interval: str) -> str:
    """A series in a link, such as ``AAPL_1d``."""
    return f"{ticker}_{interval}"


def series_of(name: str) -> tuple[str, str]:
    """Ticker and interval of a link's series; a ticker may hold underscores, an interval does not."""
    ticker, _, interval = name.rpartition("_")
    return ticker, interval


def resource(ticker: str, interval: str) -> str:
    """A series in a path of the HTTP service, as in ``/ml/models/BTC%2FUSD/1d``."""
    return f"{quote(ticker, safe='')}/{quote(interval, safe='')}"


def series_link(ticker: str, interval: str, **state: str | int) -> str:
    """The address of a series' page, relative to the dashboard's own."""
    return link(SERIES, series=name_of(ticker, interval), **state)


def link(page: str, **state: str | int) -> str:
    """The address of a page in a state."""
    return f"{page}?{urlencode(state)}" if state else page
