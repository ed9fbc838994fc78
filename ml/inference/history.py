"""Bars that a caller hands over to forecast from, checked once at the edge."""

from typing import Final

import pandas as pd

from ml.data.bars import BAR_COLUMNS, PRICES, split_bars
from ml.errors import UsageError

_HINT: Final = (
    "hand over normalised bars, as `tickerflow ingest` stores them: timestamp (UTC, ascending), "
    "open, high, low, close, volume (null where there is none)"
)


def check_history(history: pd.DataFrame) -> pd.DataFrame:
    """Return ``history`` as normalised bars, in a new frame; further columns and its index are dropped.

    Args:
        history: columns ``timestamp`` (aware of its zone, ascending), ``open, high, low, close`` (finite
            and positive), and ``volume``, which may be null or missing.

    Raises:
        UsageError: it is no such frame; the message names the column, or the row and what is wrong.
    """
    if not isinstance(history, pd.DataFrame):
        raise _wrong(f"a data frame, found {type(history).__name__}")
    missing = [column for column in ("timestamp", *PRICES) if column not in history.columns]
    if missing:
        raise _wrong(
            f"the columns timestamp, open, high, low, close, found none named {', '.join(missing)}"
        )
    repeated = [column for column in BAR_COLUMNS if list(history.columns).count(column) > 1]
    if repeated:
        raise _wrong(f"one column of each name, found several named {', '.join(repeated)}")
    if history.empty:
        raise _wrong("at least one bar, found an empty frame")

    bars = pd.DataFrame({"timestamp": _stamps(history["timestamp"])})
    for column in (*PRICES, "volume"):
        bars[column] = _numbers(history, column)
    stamps = bars["timestamp"]
    fallen = stamps.diff() <= pd.Timedelta(0)
    if fallen.any():
        row = int(fallen.to_numpy().argmax())
        raise _wrong(f"ascending timestamps, found {stamps[row]} in row {row} after {stamps[row - 1]}")
    bad = split_bars(bars).quarantine
    if len(bad):
        row = int(bad["position"].iloc[0])
        what = str(bad["reason"].iloc[0]).replace("_", " ")
        raise _wrong(f"bars with finite, positive and consistent prices, found {what} in row {row}")
    return bars


def _stamps(column: pd.Series) -> pd.DatetimeIndex:
    if not isinstance(column.dtype, pd.DatetimeTZDtype):
        raise _wrong(f"timestamps with a time zone, found {column.dtype} in the column timestamp")
    stamps = pd.DatetimeIndex(column).tz_convert("UTC").as_unit("ns")
    if stamps.hasnans:
        raise _wrong(f"a timestamp in every row, found none in row {int(stamps.isna().argmax())}")
    return stamps


def _numbers(history: pd.DataFrame, column: str) -> pd.Series:
    if column not in history.columns:  # volume only: the others were checked
        return pd.Series(float("nan"), index=range(len(history)))
    values = history[column].reset_index(drop=True)
    # Text that looks like a number would be converted silently; True would become 1.
    if pd.api.types.is_bool_dtype(values) or not pd.api.types.is_numeric_dtype(values):
        if column == "volume" and values.isna().all():
            return pd.Series(float("nan"), index=range(len(history)))
        raise _wrong(f"numbers in the column {column}, found {values.dtype}")
    return values.astype("float64")


def _wrong(what: str) -> UsageError:
    return UsageError(f"expected a history of {what}", hint=_HINT)
