"""What the networks see: each feature in a form that does not depend on the price level.

Levels do not extrapolate: a network on min-max scaled prices loses to repeating the last close by far.
So each kind of raw value is related to the same bar's close or to recent volume. Row t is a function of
bars up to t, and does not depend on where the series starts beyond what `warmup_bars` drops.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ml.errors import FeatureError
from ml.features.calendar import FloatArray
from ml.features.indicators import Columns, Feature, bar_columns, parse_features, raw_values
from ml.features.registry import Kind

# A recursive indicator (EMA, RSI) remembers for ever how it was started. Rows are used once the start
# weighs at most a thousandth. Measured, the first row then differs from that of a longer history by a
# thousandth of the input's deviation, and the window's last one by a hundred-thousandth: about 1e-6 in a
# forecast of log price. The defaults cost 127 bars; a weight of 1e-6 would cost 220, which short series
# do not have.
_WARMUP_WEIGHT = 1e-3
# Serving from a tail costs nothing but reading more bars, so there the start is forgotten practically.
_TAIL_WEIGHT = 1e-10

_VOLUME_BARS = 20  # recent volume: the mean of so many bars, this one included
_MOST = 100.0  # bound of ratios; only broken bars come near it


@dataclass(frozen=True, slots=True)
class Inputs:
    """The networks' view of a series, before scaling.

    Attributes:
        values: float64 (n_bars, n_columns); the first `warmup_bars` rows are NaN, all others finite.
        columns: names, as `feature_columns` gives them.
    """

    values: FloatArray
    columns: tuple[str, ...]


def compute_inputs(bars: pd.DataFrame, features: Sequence[str]) -> Inputs:
    """Inputs of normalised bars.

    ==================  ==========================================================================
    close               log change from the previous close
    open, high, low,    log of the ratio to this bar's close
    averages, bands
    macd, atr, mom      share of this bar's close
    rsi, stoch, roc     hundredths
    volume              log(1 + volume / mean volume of the last 20 bars)
    obv, ad             change over 20 bars as a share of their volume, -1 to 1
    adosc               in units of the mean volume of the last 20 bars
    returns, calendar   as they are
    ==================  ==========================================================================

    Where nothing was traded in 20 bars, volume inputs are 0. Where prices stand still, oscillators have
    the value that TA-Lib gives them (0). Raises `FeatureError` as `compute_features` does.
    """
    return inputs_of(bar_columns(bars, parse_features(features)), features)


def inputs_of(arrays: Columns, features: Sequence[str]) -> Inputs:
    """As `compute_inputs`, from the arrays of `bar_columns`: all bars of them, or some in a row."""
    parsed = parse_features(features)
    values = _express_all(arrays, parsed)
    columns = tuple(column for feature in parsed for column in feature.columns)
    warmup = warmup_bars(features)
    _check_finite(values, columns, warmup)
    values[:warmup] = np.nan
    return Inputs(values, columns)


def warmup_bars(features: Sequence[str]) -> int:
    """Leading rows to drop: after them every input exists, and has forgotten where it was started."""
    return _rows_before_use(tuple(features), _WARMUP_WEIGHT)


def tail_bars(features: Sequence[str], seq_len: int) -> int:
    """How many last bars give the last `seq_len` input rows as the whole history would (about 1e-9)."""
    return _rows_before_use(tuple(features), _TAIL_WEIGHT) + seq_len


def _check_finite(values: FloatArray, columns: tuple[str, ...], warmup: int) -> None:
    """Prices of 1e200 pass as prices, but their squares overflow."""
    finite = np.isfinite(values[warmup:])
    if not finite.all():
        row, column = np.argwhere(~finite)[0]
        raise FeatureError(
            f"expected finite inputs, found {columns[column]} not finite at bar {warmup + row}",
            hint="prices or volumes are too extreme to compute with; look at the series' suspect bars",
        )


@lru_cache(maxsize=256)
def _rows_before_use(features: tuple[str, ...], weight: float) -> int:
    return max(
        _undefined_rows(feature) + feature.indicator.settling_bars(feature.values, weight)
        for feature in parse_features(features)
    )


@dataclass(frozen=True)
class _Yardstick:
    """What raw values are measured against, from the bars up to each one."""

    close: FloatArray
    volume: NDArray[np.float64] | None

    @cached_property
    def recent_volume(self) -> FloatArray:
        """Sum over the last 20 bars, NaN before; summed afresh for each bar: no rounding piles up."""
        assert self.volume is not None
        total = np.full(len(self.volume), np.nan)
        if len(total) >= _VOLUME_BARS:
            recent = np.lib.stride_tricks.sliding_window_view(self.volume, _VOLUME_BARS)
            total[_VOLUME_BARS - 1 :] = recent.sum(axis=1)
        return total


def _express(raw: FloatArray, kind: Kind, by: _Yardstick) -> FloatArray:
    """One column as a network sees it; NaN only where `raw` or the yardstick has not begun."""
    match kind:
        case Kind.CLOSE:
            change = np.full(len(raw), np.nan)
            change[1:] = np.log(_bounded_ratio(raw[1:], raw[:-1]))
            return change
        case Kind.LEVEL:
            return np.log(_bounded_ratio(raw, by.close))
        case Kind.DIFFERENCE:
            return np.clip(raw / by.close, -_MOST, _MOST)
        case Kind.PERCENT:
            return raw / 100
        case Kind.PLAIN:
            return raw
        case Kind.VOLUME:
            return np.log1p(_share(raw, by.recent_volume) * _VOLUME_BARS)
        case Kind.VOLUME_DIFFERENCE:
            return np.clip(_share(raw, by.recent_volume) * _VOLUME_BARS, -_MOST, _MOST)
        case Kind.VOLUME_TOTAL:
            flow = np.full(len(raw), np.nan)
            flow[_VOLUME_BARS:] = raw[_VOLUME_BARS:] - raw[:-_VOLUME_BARS]
            return np.clip(_share(flow, by.recent_volume), -1, 1)


def _bounded_ratio(values: FloatArray, close: FloatArray) -> FloatArray:
    """``values / close`` between 1/100 and 100: a lower band can be negative and has no logarithm."""
    return np.clip(values / close, 1 / _MOST, _MOST)


def _share(values: FloatArray, total: FloatArray) -> FloatArray:
    """``values / total``, and 0 where the total is 0."""
    return np.divide(values, total, out=np.zeros(len(values)), where=total != 0)


def _express_all(columns: Columns, features: Sequence[Feature]) -> FloatArray:
    """All columns side by side, (n_bars, n_columns)."""
    columns = _in_own_units(columns)
    raw = raw_values(columns, features)
    by = _Yardstick(columns["close"], columns.get("volume"))
    values = np.empty((len(by.close), len(raw)))
    index = 0
    for feature in features:
        for column in feature.columns:
            values[:, index] = _express(raw[column], feature.indicator.kind, by)
            index += 1
    return values


def _in_own_units(columns: Columns) -> dict[str, NDArray[Any]]:
    """Prices near 1 and large volumes, by powers of two, which change no digit.

    TA-Lib takes variances below 1e-14 for zero and money flows below 1 for none: true of prices in
    dollars, not of a coin at 1e-8 or of volumes in bitcoin.
    """
    first = columns["close"][:1]
    price_unit = 2.0 ** -int(np.frexp(first[0])[1]) if len(first) else 1.0
    units = {"timestamp": None, "volume": 2.0**40}
    scaled: dict[str, NDArray[Any]] = {}
    for name, values in columns.items():
        unit = units.get(name, price_unit)
        scaled[name] = values if unit is None else values * unit
    return scaled


@lru_cache(maxsize=1024)
def _undefined_rows(feature: Feature) -> int:
    """Leading rows in which this feature's inputs do not exist: found by trying, on made-up bars."""
    for power in range(6, 21):  # the longest period, 100,000 thrice over, fits into 2**20 bars
        defined = np.isfinite(_express_all(_made_up_bars(2**power), [feature])).all(axis=1)
        if defined.any():
            return int(np.argmax(defined))
    raise FeatureError(
        f"expected values of {feature.name!r} within 2**{power} bars, found none",
        hint="lower its periods",
    )


def _made_up_bars(n_bars: int) -> dict[str, NDArray[Any]]:
    steps = np.arange(n_bars)
    close = np.exp(0.1 * np.sin(steps))
    return {
        "timestamp": np.datetime64("2020-01-01", "ns") + steps.astype("timedelta64[D]"),
        "open": close,
        "high": close * 1.1,
        "low": close / 1.1,
        "close": close,
        "volume": np.full(n_bars, 1000.0),
    }
