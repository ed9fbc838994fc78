"""The table of features: one line each.

To add an indicator, add a line to `REGISTRY`: its name, a causal function of whole columns, the columns
that it needs, its parameters, what kind of quantity it is (which decides how a network sees it) and,
where its memory is infinite, how fast it forgets.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
import talib
from talib._ta_lib import MA_Type

from ml.features import calendar
from ml.features.calendar import FloatArray


class Kind(Enum):
    """What a raw value measures; ml/features/inputs.py expresses each kind free of the price level."""

    CLOSE = "the close itself"
    LEVEL = "a price"
    DIFFERENCE = "a difference of prices"
    PERCENT = "a percentage or an oscillator around 100"
    PLAIN = "a number without unit, small already"
    VOLUME = "a volume"
    VOLUME_DIFFERENCE = "a difference of volumes"
    VOLUME_TOTAL = "volume summed up since the first bar"


@dataclass(frozen=True, slots=True)
class Parameter:
    """One number in a feature's name; the limits are TA-Lib's."""

    name: str
    least: float = 2
    most: float = 100_000
    decimal: bool = False


Memory = Callable[..., float]


@dataclass(frozen=True, slots=True)
class Indicator:
    """A family of features.

    Attributes:
        example: a usual name, such as ``macd_12_26_9``; what stands before the numbers is the family's.
        about: what it is, in a few words.
        compute: function of the columns in `needs` (float64 arrays of one length; `timestamp` as
            datetime64[ns]) and of the parameters; returns an array of that length or several of them.
        needs: columns of the bars.
        kind: what the values measure.
        parameters: the numbers after the name, in order.
        memory: bars in which a recursive indicator forgets all but 1/e of how it was started, from the
            parameters; none where the memory is finite.
        outputs: suffixes of the columns where there are several.
    """

    example: str
    about: str
    compute: Callable[..., Any]
    needs: tuple[str, ...]
    kind: Kind
    parameters: tuple[Parameter, ...] = ()
    memory: Memory | None = None
    outputs: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The name without numbers, such as ``macd``."""
        return self.example.rsplit("_", len(self.parameters))[0]

    @property
    def pattern(self) -> str:
        """The name with its parameters, such as ``macd_{fast}_{slow}_{signal}``."""
        return "_".join((self.name, *(f"{{{parameter.name}}}" for parameter in self.parameters)))

    def settling_bars(self, values: tuple[float, ...], weight: float) -> int:
        """Bars until the start weighs no more than `weight`; 0 where the memory is finite."""
        return math.ceil(self.memory(*values) * math.log(1 / weight)) if self.memory else 0


def _ema(*periods: float) -> float:
    """EMAs with alpha = 2 / (n + 1): the slowest one decides."""
    return (max(periods) + 1) / 2


def _wilder(*periods: float) -> float:
    """Wilder's smoothing, alpha = 1 / n."""
    return max(periods)


def _again(memory: Memory) -> Memory:
    """Smoothing of a smoothed value: the same decay, after a delay."""
    return lambda *periods: 1.5 * memory(*periods)


_ema_again, _wilder_again = _again(_ema), _again(_wilder)


def _log_change(close: FloatArray, bars: int) -> FloatArray:
    change = np.full(len(close), np.nan)
    change[bars:] = np.log(close[bars:] / close[:-bars])
    return change


def _volatility(close: FloatArray, period: int) -> FloatArray:
    deviation: FloatArray = talib.STDDEV(_log_change(close, 1), period)
    return deviation


def _stochrsi(close: FloatArray, rsi: int, window: int, k: int, d: int) -> tuple[FloatArray, FloatArray]:
    # TA-Lib's fast %D is the slow %K; its STOCHRSI lacks the second smoothing that charts show.
    slow_k = talib.STOCHRSI(close, rsi, window, k)[1]
    return slow_k, talib.SMA(slow_k, d)


def _ppo(close: FloatArray, fast: int, slow: int, signal: int) -> tuple[FloatArray, ...]:
    ppo = talib.PPO(close, fast, slow, MA_Type.EMA)
    smooth = talib.EMA(ppo, signal)
    return ppo, smooth, ppo - smooth


def _stoch(high: FloatArray, low: FloatArray, close: FloatArray, window: int, k: int, d: int) -> Any:
    return talib.STOCH(high, low, close, window, k, MA_Type.SMA, d, MA_Type.SMA)


def _bbands(close: FloatArray, period: int, deviations: float) -> Any:
    return talib.BBANDS(close, period, deviations, deviations, MA_Type.SMA)


def _vwma(close: FloatArray, volume: FloatArray, period: int) -> FloatArray:
    # Without volume there are no weights: the plain mean.
    return _if_traded(volume, period, talib.VWMA(close, volume, period), talib.SMA(close, period))


def _mfi(
    high: FloatArray, low: FloatArray, close: FloatArray, volume: FloatArray, period: int
) -> FloatArray:
    flow = np.clip(talib.MFI(high, low, close, volume, period), 0, 100)
    return _if_traded(volume, period, flow, flow * 0)


def _cmf(
    high: FloatArray, low: FloatArray, close: FloatArray, volume: FloatArray, period: int
) -> FloatArray:
    flow = np.clip(talib.CMF(high, low, close, volume, period), -1, 1)
    return _if_traded(volume, period, flow, flow * 0)


def _if_traded(volume: FloatArray, period: int, values: FloatArray, otherwise: FloatArray) -> FloatArray:
    """After a whole period without volume TA-Lib divides the rounding error of its running sums."""
    return np.where(talib.MAX(volume, period) == 0, otherwise, values)


def _same(column: FloatArray) -> FloatArray:
    return column


_C, _HL, _HLC = ("close",), ("high", "low"), ("high", "low", "close")
_CV, _HLCV, _T = ("close", "volume"), ("high", "low", "close", "volume"), ("timestamp",)
_N, _N1, _BARS = (Parameter("period"),), (Parameter("period", 1),), (Parameter("bars", 1),)
_FS = (Parameter("fast"), Parameter("slow"))
_FSS = (*_FS, Parameter("signal", 1))
_STOCH = (Parameter("window", 1), Parameter("k", 1), Parameter("d", 1))
_SRSI = (Parameter("rsi"), *_STOCH)
_BANDS = (Parameter("period"), Parameter("deviations", 0.01, 100, decimal=True))
_ULTOSC = (Parameter("fast", 1), Parameter("middle", 1), Parameter("slow", 1))
_MACD, _PPO = ("macd", "signal", "hist"), ("ppo", "signal", "hist")
_UML, _UPDOWN, _KD, _SINCOS = ("upper", "middle", "lower"), ("down", "up"), ("k", "d"), ("sin", "cos")
_WEEK = (*_SINCOS, "sin2", "cos2", "sin3", "cos3")

CLOSE, LEVEL, DIFF, PERCENT, PLAIN = Kind.CLOSE, Kind.LEVEL, Kind.DIFFERENCE, Kind.PERCENT, Kind.PLAIN
VOLUME, VOLUME_DIFF, VOLUME_TOTAL = Kind.VOLUME, Kind.VOLUME_DIFFERENCE, Kind.VOLUME_TOTAL

# fmt: off
_TABLE = (
    Indicator("close", "closing price", _same, _C, CLOSE),
    Indicator("open", "opening price", _same, ("open",), LEVEL),
    Indicator("high", "highest price", _same, ("high",), LEVEL),
    Indicator("low", "lowest price", _same, ("low",), LEVEL),
    Indicator("volume", "traded volume", _same, ("volume",), VOLUME),
    Indicator("return_1", "log change over so many bars", _log_change, _C, PLAIN, _BARS),
    Indicator("volatility_20", "deviation of one-bar log changes", _volatility, _C, PLAIN, _N),
    Indicator("sma_20", "simple moving average", talib.SMA, _C, LEVEL, _N1),
    Indicator("ema_12", "exponential moving average", talib.EMA, _C, LEVEL, _N1, _ema),
    Indicator("wma_10", "weighted moving average", talib.WMA, _C, LEVEL, _N1),
    Indicator("dema_20", "double exponential average", talib.DEMA, _C, LEVEL, _N1, _ema_again),
    Indicator("tema_20", "triple exponential average", talib.TEMA, _C, LEVEL, _N1, _ema_again),
    Indicator("trima_20", "triangular moving average", talib.TRIMA, _C, LEVEL, _N1),
    Indicator("vwma_20", "volume-weighted moving average", _vwma, _CV, LEVEL, _N),
    Indicator("linearreg_14", "end of the regression line", talib.LINEARREG, _C, LEVEL, _N),
    Indicator("midpoint_14", "middle of the close's range", talib.MIDPOINT, _C, LEVEL, _N),
    Indicator("midprice_14", "middle of the bars' range", talib.MIDPRICE, _HL, LEVEL, _N),
    Indicator("bbands_20_2", "Bollinger bands", _bbands, _C, LEVEL, _BANDS, outputs=_UML),
    Indicator("macd_12_26_9", "moving average convergence", talib.MACD, _C, DIFF, _FSS, _ema, _MACD),
    Indicator("mom_10", "momentum, price change", talib.MOM, _C, DIFF, _N1),
    Indicator("std_20", "deviation of the close", talib.STDDEV, _C, DIFF, _N),
    Indicator("atr_14", "average true range", talib.ATR, _HLC, DIFF, _N1, _wilder),
    Indicator("natr_14", "ATR in percent of the close", talib.NATR, _HLC, PERCENT, _N1, _wilder),
    Indicator("rsi_14", "relative strength index", talib.RSI, _C, PERCENT, _N, _wilder),
    Indicator("stoch_14_3_3", "stochastic oscillator", _stoch, _HLC, PERCENT, _STOCH, outputs=_KD),
    Indicator("stochrsi_14_14_3_3", "stochastic of RSI", _stochrsi, _C, PERCENT, _SRSI, _wilder, _KD),
    Indicator("roc_10", "rate of change, percent", talib.ROC, _C, PERCENT, _N1),
    Indicator("ppo_12_26_9", "MACD in percent", _ppo, _C, PERCENT, _FSS, _ema, _PPO),
    Indicator("trix_15", "change of a triple EMA, percent", talib.TRIX, _C, PERCENT, _N1, _ema_again),
    Indicator("adx_14", "average directional index", talib.ADX, _HLC, PERCENT, _N, _wilder_again),
    Indicator("plus_di_14", "upward direction", talib.PLUS_DI, _HLC, PERCENT, _N, _wilder),
    Indicator("minus_di_14", "downward direction", talib.MINUS_DI, _HLC, PERCENT, _N, _wilder),
    Indicator("cci_20", "commodity channel index", talib.CCI, _HLC, PERCENT, _N),
    Indicator("cmo_14", "Chande momentum oscillator", talib.CMO, _C, PERCENT, _N, _wilder),
    Indicator("willr_14", "Williams %R", talib.WILLR, _HLC, PERCENT, _N),
    Indicator("ultosc_7_14_28", "ultimate oscillator", talib.ULTOSC, _HLC, PERCENT, _ULTOSC),
    Indicator("aroon_25", "bars since the extremes", talib.AROON, _HL, PERCENT, _N, outputs=_UPDOWN),
    Indicator("mfi_14", "money flow index", _mfi, _HLCV, PERCENT, _N),
    Indicator("cmf_20", "Chaikin money flow", _cmf, _HLCV, PLAIN, _N),
    Indicator("obv", "on-balance volume", talib.OBV, _CV, VOLUME_TOTAL),
    Indicator("ad", "accumulation/distribution line", talib.AD, _HLCV, VOLUME_TOTAL),
    Indicator("adosc_3_10", "Chaikin oscillator", talib.ADOSC, _HLCV, VOLUME_DIFF, _FS, _ema),
    Indicator("day_of_week", "Monday to Sunday", calendar.day_of_week, _T, PLAIN, outputs=_WEEK),
    Indicator("day_of_month", "share of the month", calendar.day_of_month, _T, PLAIN, outputs=_SINCOS),
    Indicator("month", "January to December", calendar.month, _T, PLAIN, outputs=_SINCOS),
    Indicator("hour", "hour of the UTC day", calendar.hour, _T, PLAIN, outputs=_SINCOS),
    Indicator("minute_of_day", "minute of the day", calendar.minute_of_day, _T, PLAIN, outputs=_SINCOS),
)
# fmt: on

REGISTRY: dict[str, Indicator] = {indicator.name: indicator for indicator in _TABLE}
