"""What a normalised bar is, and telling raw rows that are one from rows that are not.

The models below are the definition, and pandera is the judge: `split_bars` only turns its failures into
quarantine rows. Each bad row gets one reason, the first that applies in the order of `REASONS`. Rows are
judged by themselves first, and only the good ones compete for a timestamp: a row of nulls does not
displace the bar that the file had before it.
"""

import math
from dataclasses import dataclass
from typing import Annotated, Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
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
# Relative; vendors round prices one by one, so a high may end a hair below the close.
TOLERANCE: Final = 1e-6

# pandera formats the failed values of each check into a message; we need their places only.
_SHOWN = 5


def _price() -> Any:
    return pa.Field(gt=0, lt=math.inf, n_failure_cases=_SHOWN)


class RowRules(pa.DataFrameModel):
    """What a row must be by itself, wherever it stands."""

    timestamp: Annotated[pd.DatetimeTZDtype, "ns", "UTC"]
    open: float = _price()
    high: float = _price()
    low: float = _price()
    close: float = _price()
    volume: float = pa.Field(ge=0, nullable=True, n_failure_cases=_SHOWN)

    class Config:
        """Exactly these columns, in this order; dtypes are compared, never coerced."""

        strict = True
        ordered = True

    @pa.dataframe_check(name="inconsistent_ohlc", n_failure_cases=_SHOWN)
    def high_and_low_bracket(cls, bars: pd.DataFrame) -> pd.Series:  # noqa: N805  # pandera's convention
        """High is not below another price, nor low above one, by more than `TOLERANCE` relative."""
        open_, high, low, close = (bars[name].to_numpy() for name in PRICES)
        top = np.maximum(np.maximum(open_, close), low)
        bottom = np.minimum(np.minimum(open_, close), high)
        # Written as "not broken", so that a missing price passes here and fails as missing.
        broken = (high < top * (1 - TOLERANCE)) | (low > bottom * (1 + TOLERANCE))
        return pd.Series(~broken, index=bars.index)


class OrderRules(pa.DataFrameModel):
    """What the rows must be to each other."""

    timestamp: Annotated[pd.DatetimeTZDtype, "ns", "UTC"]

    @pa.dataframe_check(name="duplicate_timestamp", n_failure_cases=_SHOWN)
    def one_row_a_timestamp(cls, bars: pd.DataFrame) -> pd.Series:  # noqa: N805
        """No later row has the same timestamp."""
        nanoseconds = _nanoseconds(bars)
        passed = np.ones(len(bars), dtype=bool)
        passed[:-1] = nanoseconds[:-1] != nanoseconds[1:]
        return pd.Series(passed, index=bars.index)

    @pa.dataframe_check(name="ascending")
    def ascending(cls, bars: pd.DataFrame) -> bool:  # noqa: N805
        """Timestamps do not fall."""
        nanoseconds = _nanoseconds(bars)
        return bool((nanoseconds[:-1] <= nanoseconds[1:]).all())


class Bar(RowRules, OrderRules):
    """A normalised bar among its neighbours: the contract of every frame of bars downstream."""


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
    raw = rows[list(BAR_COLUMNS)].reset_index(drop=True)
    reasons = _judge(raw, RowRules)
    good = raw[reasons < 0] if (reasons >= 0).any() else raw
    good, duplicates = _collapse(_ascending(good))

    conflicts = _judge(good, OrderRules)
    lost = conflicts >= 0
    if lost.any():
        reasons[good.index[lost]] = conflicts[lost]
        good = good[~lost]

    bad = np.flatnonzero(reasons >= 0)
    quarantine = pd.DataFrame(
        {
            "position": bad,
            "reason": np.array(REASONS, dtype=object)[reasons[bad]],
            "timestamp": raw["timestamp"].take(bad).reset_index(drop=True),
        }
    )
    return SplitBars(good.reset_index(drop=True), quarantine, duplicates)


def _judge(bars: pd.DataFrame, model: type[pa.DataFrameModel]) -> npt.NDArray[np.int8]:
    """Let pandera validate, lazily; each row's reason as an index into `REASONS`, or -1."""
    reasons = np.full(len(bars), -1, dtype=np.int8)
    try:
        model.validate(bars, lazy=True, inplace=True)  # inplace: nothing is coerced, so no copy
    except pa.errors.SchemaErrors as errors:
        failed: dict[int, list[npt.NDArray[np.intp]]] = {}
        for error in errors.schema_errors:
            reason = _reason_of(error)
            if reason is None:
                raise
            failed.setdefault(reason, []).append(bars.index.get_indexer(_failed_index(error)))
        for reason in sorted(failed, reverse=True):  # the first reason is written last, and stays
            for positions in failed[reason]:
                reasons[positions] = reason
    return reasons


def _reason_of(error: pa.errors.SchemaError) -> int | None:
    check = error.check if isinstance(error.check, str) else error.check.name
    match check:
        case "not_nullable":
            reason = "unparsable_timestamp" if error.column_name == "timestamp" else "missing_value"
        case "less_than":
            reason = "missing_value"  # infinite
        case "greater_than":
            reason = "non_positive_price"
        case "greater_than_or_equal_to":
            reason = "negative_volume"
        case _:
            reason = check
    return REASONS.index(reason) if reason in REASONS else None


def _failed_index(error: pa.errors.SchemaError) -> Any:
    if error.check_output is not None:  # a check that ran over the values
        return error.check_output.index[~error.check_output.to_numpy(dtype=bool)]
    return pd.Index(error.failure_cases["index"])


def _nanoseconds(bars: pd.DataFrame) -> npt.NDArray[np.int64]:
    return pd.DatetimeIndex(bars["timestamp"]).asi8


def _ascending(bars: pd.DataFrame) -> pd.DataFrame:
    nanoseconds = _nanoseconds(bars)
    if (nanoseconds[:-1] <= nanoseconds[1:]).all():
        return bars
    if (nanoseconds[:-1] > nanoseconds[1:]).all():
        return bars.iloc[::-1]
    # Stable: rows of one stamp stay in file order, which decides which of them stays.
    return bars.iloc[np.argsort(nanoseconds, kind="stable")]


def _collapse(bars: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """Drop all but the last of rows that are equal in every column; nulls are equal."""
    nanoseconds = _nanoseconds(bars)
    same = nanoseconds[:-1] == nanoseconds[1:]
    if not same.any():
        return bars, 0
    shared = np.append(same, False) | np.append(False, same)
    repeated = np.zeros(len(bars), dtype=bool)
    repeated[shared] = bars[shared].duplicated(keep="last").to_numpy()
    return (bars[~repeated], int(repeated.sum())) if repeated.any() else (bars, 0)
