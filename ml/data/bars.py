"""What a normalised bar is, and telling raw rows that are one from rows that are not.

The models below are the definition, and pandera is the judge: `split_bars` only turns its failures into
quarantine rows. Each bad row gets one reason, the first that applies in the order of `REASONS`. Rows are
judged by themselves first, and only the good ones compete for a timestamp: a row of nulls does not
displace the bar that the file had before it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Final, TypeAlias

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
_UTC: Final = pd.DatetimeTZDtype("ns", "UTC")
# Relative; vendors round prices one by one, so a high may end a hair below the close.
TOLERANCE: Final = 1e-6

# A verdict on all rows: True where they all pass, for pandera handles that in no time; else by row.
Verdict: TypeAlias = "bool | pd.Series"


def _rule(broken: Callable[..., Verdict]) -> Any:
    # pandera formats the failed values of each check into a message; we need their places only.
    return pa.dataframe_check(broken, n_failure_cases=5, ignore_na=False)


class RowRules(pa.DataFrameModel):
    """What a row must be by itself, wherever it stands; each rule is named by the reason it gives.

    A rule is written as "not broken", so that a missing value passes all but the rule on it. They look
    at whole frames: a check for each column and rule takes pandera four times as long.
    """

    timestamp: Annotated[pd.DatetimeTZDtype, "ns", "UTC"] = pa.Field(nullable=True)
    open: float = pa.Field(nullable=True)
    high: float = pa.Field(nullable=True)
    low: float = pa.Field(nullable=True)
    close: float = pa.Field(nullable=True)
    volume: float = pa.Field(nullable=True)

    class Config:
        """Exactly these columns, in this order; dtypes are compared, never coerced."""

        strict = True
        ordered = True

    @_rule
    def unparsable_timestamp(cls, bars: pd.DataFrame) -> Verdict:  # noqa: N805  # pandera's convention
        """Each row has a stamp."""
        return _verdict(bars, bars["timestamp"].isna().to_numpy())

    @_rule
    def missing_value(cls, bars: pd.DataFrame) -> Verdict:  # noqa: N805
        """No price is missing or infinite (one of minus infinity is not positive, first of all)."""
        return _verdict(bars, *(np.isnan(price) | (price == np.inf) for price in _prices(bars)))

    @_rule
    def non_positive_price(cls, bars: pd.DataFrame) -> Verdict:  # noqa: N805
        """All prices are above zero."""
        return _verdict(bars, *(price <= 0 for price in _prices(bars)))

    @_rule
    def inconsistent_ohlc(cls, bars: pd.DataFrame) -> Verdict:  # noqa: N805
        """High is not below another price, nor low above one, by more than `TOLERANCE` relative."""
        open_, high, low, close = _prices(bars)
        top = np.maximum(np.maximum(open_, close), low)
        bottom = np.minimum(np.minimum(open_, close), high)
        return _verdict(bars, high < top * (1 - TOLERANCE), low > bottom * (1 + TOLERANCE))

    @_rule
    def negative_volume(cls, bars: pd.DataFrame) -> Verdict:  # noqa: N805
        """Volume is zero, more, or not known."""
        return _verdict(bars, bars["volume"].to_numpy() < 0)


class OrderRules(pa.DataFrameModel):
    """What the rows must be to each other."""

    timestamp: Annotated[pd.DatetimeTZDtype, "ns", "UTC"] = pa.Field(nullable=True)

    @_rule
    def duplicate_timestamp(cls, bars: pd.DataFrame) -> Verdict:  # noqa: N805
        """No later row has the same timestamp."""
        nanoseconds = _nanoseconds(bars)
        return _verdict(bars, np.append(nanoseconds[:-1] == nanoseconds[1:], False)[: len(bars)])

    @pa.dataframe_check(name="ascending")
    def ascending(cls, bars: pd.DataFrame) -> bool:  # noqa: N805
        """Timestamps do not fall."""
        nanoseconds = _nanoseconds(bars)
        return bool((nanoseconds[:-1] <= nanoseconds[1:]).all())


class Bar(RowRules, OrderRules):
    """A normalised bar among its neighbours: the contract of every frame of bars downstream."""


def _verdict(bars: pd.DataFrame, *broken: npt.NDArray[np.bool_]) -> Verdict:
    """True where no row is broken in any way; else which rows are not."""
    if not any(rows.any() for rows in broken):
        return True
    return pd.Series(~np.logical_or.reduce(broken), index=bars.index)


def _prices(bars: pd.DataFrame) -> list[npt.NDArray[np.float64]]:
    return [bars[name].to_numpy() for name in PRICES]


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


def _judge(bars: pd.DataFrame, model: type[pa.DataFrameModel]) -> npt.NDArray[np.int8]:
    """Let pandera validate, lazily; each row's reason as an index into `REASONS`, or -1."""
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


def _reason_of(error: pa.errors.SchemaError) -> int | None:
    name = error.check if isinstance(error.check, str) else error.check.name
    return REASONS.index(name) if name in REASONS else None


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
