"""Telling raw rows that are normalised bars from rows that are not.

The models of `ml.data.rules` are the definition, and pandera is the judge: `split_bars` only turns its
failures into quarantine rows. Each bad row gets one reason, the first that applies in the order of
`REASONS`. Rows are judged by themselves first, and only the good ones compete for a timestamp: a row of
nulls does not displace the bar that the file had before it.
"""

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

# pandera takes as long to import as a hundred series to judge; where no file has changed it is not used.
if TYPE_CHECKING:
    import pandera.pandas as pa

PRICES: Final = ("open", "high", "low", "close")
BAR_COLUMNS: Final = ("timestamp", *PRICES, "volume")
REASONS: Final = (
    "unparsable_timestamp",
    "missing_value",
    "non_positive_price",
    "inconsistent_ohlc",
    "negative_volume",
    "duplicate_timestamp",
)
_UTC: Final = pd.DatetimeTZDtype("ns", "UTC")
# Relative; vendors round prices one by one, so a high may end a hair below the close.
TOLERANCE: Final = 1e-6


@dataclass(frozen=True)
class SplitBars:
    """Raw rows, told apart.

    Attributes:
        bars: the good ones, ascending, with `BAR_COLUMNS` and a `RangeIndex`.
        quarantine: the bad ones, in file order: position (of the raw row), reason, timestamp.
        duplicates: exact duplicates that collapsed; neither good nor bad.
    """

    bars: pd.DataFrame
    quarantine: pd.DataFrame
    duplicates: int


def split_bars(rows: pd.DataFrame) -> SplitBars:
    """Tell normalised bars from rows to quarantine.

    ``rows`` holds `BAR_COLUMNS` (further columns are ignored) in file order, file after file: prices
    missing, unparsable or infinite as NaN, stamps that do not parse as NaT. Of good rows that share a
    timestamp the exact duplicates collapse, and of those that remain the last stays.

    Raises `pandera.errors.SchemaErrors` where the columns are not those of a reader: a bug.
    """
    from ml.data.rules import OrderRules, RowRules

    raw = rows if tuple(rows.columns) == BAR_COLUMNS else rows[list(BAR_COLUMNS)]
    raw = raw.reset_index(drop=True)
    bars = _ascending(raw) if raw.dtypes["timestamp"] == _UTC else raw
    if _is_faultless(bars):
        return SplitBars(bars.reset_index(drop=True), _nothing().copy(), 0)

    reasons = _judge(raw, RowRules)
    good = raw[reasons < 0] if (reasons >= 0).any() else raw
    good, duplicates = _collapse(_ascending(good))

    conflicts = _judge(good, OrderRules)
    lost = conflicts >= 0
    if lost.any():
        reasons[good.index[lost]] = conflicts[lost]
        good = good[~lost]

    return SplitBars(good.reset_index(drop=True), _quarantine(raw, reasons), duplicates)


def _is_faultless(bars: pd.DataFrame) -> bool:
    """Whether all rows are bars as they stand: so it is with nearly every series."""
    import pandera.pandas as pa

    from ml.data.rules import Bar

    try:
        Bar.validate(bars, inplace=True)  # inplace: nothing is coerced, so no copy
    except pa.errors.SchemaError:
        return False
    return True


def _quarantine(raw: pd.DataFrame, reasons: npt.NDArray[np.int8]) -> pd.DataFrame:
    bad = np.flatnonzero(reasons >= 0)
    return pd.DataFrame(
        {
            "position": bad,
            "reason": np.array(REASONS, dtype=object)[reasons[bad]],
            "timestamp": raw["timestamp"].array[bad],
        }
    )


@cache
def _nothing() -> pd.DataFrame:
    empty = pd.DataFrame({"timestamp": pd.DatetimeIndex([], tz="UTC").as_unit("ns")})
    return _quarantine(empty, np.empty(0, dtype=np.int8))


def _judge(bars: pd.DataFrame, model: "type[pa.DataFrameModel]") -> npt.NDArray[np.int8]:
    """Let pandera validate, lazily; each row's reason as an index into `REASONS`, or -1."""
    import pandera.pandas as pa

    reasons = np.full(len(bars), -1, dtype=np.int8)
    try:
        model.validate(bars, lazy=True, inplace=True)
    except pa.errors.SchemaErrors as errors:
        failed: dict[int, npt.NDArray[np.intp]] = {}
        for error in errors.schema_errors:
            reason = _reason_of(error)
            if reason is None:
                raise
            failed[reason] = np.flatnonzero(~error.check_output.to_numpy(dtype=bool))
        for reason in sorted(failed, reverse=True):  # the first reason is written last, and stays
            reasons[failed[reason]] = reason
    return reasons


def _reason_of(error: "pa.errors.SchemaError") -> int | None:
    name = error.check if isinstance(error.check, str) else error.check.name
    return REASONS.index(name) if name in REASONS else None


def nanoseconds_of(bars: pd.DataFrame) -> npt.NDArray[np.int64]:
    """The stamps ``(n,)``; those that are missing are the least number."""
    return pd.DatetimeIndex(bars["timestamp"]).asi8


def _ascending(bars: pd.DataFrame) -> pd.DataFrame:
    nanoseconds = nanoseconds_of(bars)
    if (nanoseconds[:-1] <= nanoseconds[1:]).all():
        return bars
    if (nanoseconds[:-1] > nanoseconds[1:]).all():
        return bars.iloc[::-1]
    # Stable: rows of one stamp stay in file order, which decides which of them stays.
    return bars.iloc[np.argsort(nanoseconds, kind="stable")]


def _collapse(bars: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """Drop all but the last of rows that are equal in every column; nulls are equal."""
    nanoseconds = nanoseconds_of(bars)
    same = nanoseconds[:-1] == nanoseconds[1:]
    if not same.any():
        return bars, 0
    shared = np.append(same, False) | np.append(False, same)
    repeated = np.zeros(len(bars), dtype=bool)
    repeated[shared] = bars[shared].duplicated(keep="last").to_numpy()
    return (bars[~repeated], int(repeated.sum())) if repeated.any() else (bars, 0)
