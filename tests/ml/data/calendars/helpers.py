"""Bars as vendors stamp them, made from exchange_calendars itself: the oracle of these tests."""

import warnings
from functools import cache
from typing import TypeAlias

import exchange_calendars as xc
import numpy as np
import pandas as pd

from ml.data.calendars import future_timestamps, infer_calendar
from ml.series import SeriesKey

Index: TypeAlias = "pd.Index[pd.Timestamp]"


def bars_at(stamps: Index, volume: float = 100.0) -> pd.DataFrame:
    """Bars of constant price at UTC stamps (naive ones are taken as they are)."""
    stamps = pd.DatetimeIndex(stamps)
    index = stamps.tz_localize("UTC") if stamps.tz is None else stamps.tz_convert("UTC")
    prices = dict.fromkeys(("open", "high", "low", "close"), 1.0)
    return pd.DataFrame({"timestamp": index.as_unit("ns"), **prices, "volume": volume})


@cache
def _whole_schedule(code: str, start: str) -> pd.DataFrame:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pd.DataFrame(xc.get_calendar(code, start=start, end="2026-12-31").schedule)


def schedule(code: str, start: str, end: str) -> pd.DataFrame:
    """Sessions with their UTC hours, from exchange_calendars."""
    return _whole_schedule(code, "1997-01-06" if start > "1997" else "1968-01-02").loc[start:end]


def daily(code: str, start: str, end: str) -> pd.DatetimeIndex:
    """Session dates at midnight UTC."""
    return pd.DatetimeIndex(schedule(code, start, end).index)


def intraday(
    code: str, start: str, end: str, minutes: int, *, at_end: bool = False, wall: str = ""
) -> pd.DatetimeIndex:
    """Bars from each open to each close without the midday break, stamped at their start or end.

    ``wall`` names a zone whose local time the stamps show, labelled UTC.
    """
    step = pd.Timedelta(minutes=minutes)
    hours = schedule(code, start, end)
    stamps: list[pd.Timestamp] = []
    for opens, pause, resumes, closes in zip(
        hours["open"], hours["break_start"], hours["break_end"], hours["close"], strict=True
    ):
        halves = [(opens, closes)] if pd.isna(pause) else [(opens, pause), (resumes, closes)]
        for first, last in halves:
            starts = pd.date_range(first, last, freq=step, inclusive="left")
            stamps.extend(min(stamp + step, last) if at_end else stamp for stamp in starts)
    index = pd.DatetimeIndex(stamps).as_unit("ns")
    return index.tz_convert(wall).tz_localize(None).tz_localize("UTC") if wall else index


def predict(ticker: str, interval: str, stamps: Index, n: int) -> list[str]:
    """The next stamps, as text to the minute."""
    key, bars = SeriesKey.of(ticker, interval), bars_at(stamps)
    found = future_timestamps(infer_calendar(key, bars), key, bars, n)
    assert found.dtype == "datetime64[ns, UTC]"
    assert len(found) == n
    return [f"{stamp:%Y-%m-%d %H:%M}" for stamp in found]


def text(stamps: Index) -> list[str]:
    """Stamps as `predict` writes them."""
    return [f"{stamp:%Y-%m-%d %H:%M}" for stamp in stamps]


def exact_share(ticker: str, interval: str, stamps: pd.DatetimeIndex, cuts: int, n: int) -> float:
    """Hide what comes after each of some cuts, predict it, and return the share of exact stamps."""
    hits = 0
    for cut in np.linspace(len(stamps) // 3, len(stamps) - n, cuts).astype(int):
        hits += len(set(predict(ticker, interval, stamps[:cut], n)) & set(text(stamps[cut : cut + n])))
    return hits / (cuts * n)
