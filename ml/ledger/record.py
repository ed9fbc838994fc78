"""What the ledger holds of a series: each step that was scored.

The signature that others depend on: `live_record`.
"""

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from ml.evaluation import metrics
from ml.ledger.database import reading
from ml.series import SeriesKey

COLUMNS: Final = (
    "asof",
    "version",
    "model",
    "horizon",
    "created_at",
    "step",
    "due",
    "bar",
    "forecast",
    "actual",
    "last_close",
    "error",
    "walk_error",
    "inside_80",
    "inside_95",
)
_TIMES: Final = ("asof", "created_at", "due", "bar")
_SHARES: Final = ("inside_80", "inside_95")


def live_record(predictions_dir: Path, key: SeriesKey) -> pd.DataFrame:
    """Every scored step of a series that counts, in the order of as-of bar, creation and step.

    Columns: ``asof, created_at, due, bar`` (UTC stamps: the last bar known, the file's creation, the bar
    that was forecast, the bar that it was judged against), ``version, model, horizon, step`` (from 1),
    ``forecast, actual, last_close`` (prices), ``error, walk_error`` (signed, of the model and of the
    random walk, as a share of ``last_close``), ``inside_80, inside_95`` (bool). Empty where nothing has
    been scored.

    Raises `LedgerError`.
    """
    with reading(predictions_dir) as connection:
        return read_record(connection, key)


def read_record(connection: sqlite3.Connection | None, key: SeriesKey) -> pd.DataFrame:
    """`live_record` from an open ledger."""
    names = ", ".join(COLUMNS)
    query = (
        f"SELECT {names} FROM score WHERE series = ? AND counts "  # noqa: S608  # the names are ours
        "ORDER BY asof, created_at, version, step"
    )
    rows = connection.execute(query, (key.stem,)).fetchall() if connection is not None else []
    columns = list(zip(*rows, strict=True)) or [()] * len(COLUMNS)
    return pd.DataFrame(
        {name: _column(name, values) for name, values in zip(COLUMNS, columns, strict=True)}
    )


def live_skill(rows: pd.DataFrame) -> float:
    """``1 - MAE / MAE of the random walk`` of some scored steps, errors as shares of the last close."""
    return metrics.skill(float(rows["error"].abs().mean()), float(rows["walk_error"].abs().mean()))


def _column(name: str, values: Sequence[object]) -> object:
    if name in _TIMES:
        seconds = np.array(values, dtype="int64").astype("datetime64[s]")
        return pd.DatetimeIndex(seconds).tz_localize("UTC")
    if name in _SHARES:
        return np.array(values, dtype=np.bool_)
    if name in ("version", "model"):
        return pd.Series([str(value) for value in values], dtype="str")
    return np.array(values, dtype=np.int64 if name in ("horizon", "step") else np.float64)
