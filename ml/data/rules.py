"""What a normalised bar is, as models that pandera judges rows by; `ml.data.bars` uses them."""

from collections.abc import Callable
from typing import Annotated, Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
import pandera.pandas as pa

from ml.data.bars import PRICES, TOLERANCE, nanoseconds_of

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
        nanoseconds = nanoseconds_of(bars)
        return _verdict(bars, np.append(nanoseconds[:-1] == nanoseconds[1:], False)[: len(bars)])

    @pa.dataframe_check(name="ascending")
    def ascending(cls, bars: pd.DataFrame) -> bool:  # noqa: N805
        """Timestamps do not fall."""
        nanoseconds = nanoseconds_of(bars)
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
