"""Made-up series of which the best possible forecast is known, and the random walks beside them.

Each series has normalised daily bars (Monday to Friday) and the log changes that a forecaster would say
who knows the process and its parameters, but no bar to come. One-bar changes have a deviation of about
1%. A bar opens at the close before; wicks and volume are noise that knows nothing of the next bar.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]

SIGMA = 0.01  # deviation of the unpredictable part of a one-bar log change

PHI = 0.3
WEEKDAY = 0.3  # deviation of the five days' means, in sigma: as much is predictable as of AR(1)
DRIFT, STAY = 0.5, 0.98  # drift of the two states in sigma, and the chance that a bar keeps its state

# Persistence and tails as daily stocks have them.
_GARCH_ALPHA, _GARCH_BETA, _GARCH_DEGREES = 0.08, 0.9, 6
_BURN_IN = 500


@dataclass(frozen=True)
class Signal:
    """A series and its best forecast.

    Attributes:
        bars: normalised bars, ``(n_bars,)`` rows.
        truth: the expected log change from each bar's close over ``k`` bars, given the bars up to it:
            ``(n_bars, horizon)``, column ``k - 1``.
    """

    bars: pd.DataFrame
    truth: Floats


Generator = Callable[[int, int, int], Signal]


def random_walk(n_bars: int, horizon: int, seed: int) -> Signal:
    """Independent normal changes: nothing can be known."""
    rng = np.random.default_rng([seed, 0])
    return Signal(_bars(SIGMA * rng.normal(size=n_bars), rng), np.zeros((n_bars, horizon)))


def garch(n_bars: int, horizon: int, seed: int) -> Signal:
    """GARCH(1,1) with Student t shocks (Bollerslev 1987): only the volatility can be known."""
    rng = np.random.default_rng([seed, 1])
    count = n_bars + _BURN_IN
    shocks = rng.standard_t(_GARCH_DEGREES, count) * np.sqrt(1 - 2 / _GARCH_DEGREES)
    changes, variance = np.empty(count), 1.0
    for index, shock in enumerate(shocks):
        changes[index] = np.sqrt(variance) * shock
        fixed = 1 - _GARCH_ALPHA - _GARCH_BETA
        variance = fixed + _GARCH_ALPHA * changes[index] ** 2 + _GARCH_BETA * variance
    return Signal(_bars(SIGMA * changes[_BURN_IN:], rng), np.zeros((n_bars, horizon)))


def autoregression(n_bars: int, horizon: int, seed: int) -> Signal:
    """AR(1) changes: ``phi ** k`` of the last one is expected of the change at step k."""
    rng = np.random.default_rng([seed, 2])
    noise, changes = SIGMA * rng.normal(size=n_bars), np.empty(n_bars)
    last = SIGMA * rng.normal() / np.sqrt(1 - PHI**2)
    for index in range(n_bars):
        last = changes[index] = PHI * last + noise[index]
    return Signal(_bars(changes, rng), changes[:, None] * np.cumsum(PHI ** np.arange(1, horizon + 1)))


def weekday(n_bars: int, horizon: int, seed: int) -> Signal:
    """Each day of the week has its own mean change; the five are drawn anew for each series."""
    rng = np.random.default_rng([seed, 3])
    means = rng.normal(size=5)
    means = SIGMA * WEEKDAY * (means - means.mean()) / means.std()
    bars = _bars(np.zeros(n_bars), rng)
    days = pd.DatetimeIndex(bars["timestamp"]).day_of_week.to_numpy()
    changes = means[days] + SIGMA * rng.normal(size=n_bars)
    ahead = (days[:, None] + np.arange(1, horizon + 1)) % 5
    return Signal(_bars(changes, rng), np.cumsum(means[ahead], axis=1))


def switching_drift(n_bars: int, horizon: int, seed: int) -> Signal:
    """Two states of opposite drift; the truth is the filter of Hamilton (1989), from the bars alone."""
    rng = np.random.default_rng([seed, 4])
    switches = rng.random(n_bars) >= STAY
    state = np.where(np.cumsum(switches) % 2 == rng.integers(2), 1.0, -1.0)
    changes = SIGMA * (DRIFT * state + rng.normal(size=n_bars))
    rising = filtered(changes / SIGMA)
    persistence = (2 * STAY - 1) ** np.arange(1, horizon + 1)
    return Signal(
        _bars(changes, rng), SIGMA * DRIFT * (2 * rising - 1)[:, None] * np.cumsum(persistence)
    )


def filtered(changes: Floats) -> Floats:
    """Chance that each bar's state is the rising one, given the changes up to it in sigma, ``(n,)``."""
    # Log odds: moved towards even by the chance of a switch, then by the bar's likelihood ratio.
    odds, found = 0.0, np.empty(len(changes))
    for index, change in enumerate(changes):
        before = 1 / (1 + np.exp(-odds))
        ahead = STAY * before + (1 - STAY) * (1 - before)
        odds = np.log(ahead / (1 - ahead)) + 2 * DRIFT * change
        found[index] = 1 / (1 + np.exp(-odds))
    return found


def _bars(changes: Floats, rng: np.random.Generator) -> pd.DataFrame:
    """Bars whose closes change so, from a Monday on."""
    count = len(changes)
    close = 100.0 * np.exp(np.cumsum(changes))
    opened = np.concatenate([[100.0], close[:-1]])
    wick = np.abs(rng.normal(0, 0.4 * SIGMA, (2, count)))
    return pd.DataFrame(
        {
            "timestamp": pd.bdate_range("2010-01-04", periods=count, tz="UTC").as_unit("ns"),
            "open": opened,
            "high": np.maximum(opened, close) * np.exp(wick[0]),
            "low": np.minimum(opened, close) * np.exp(-wick[1]),
            "close": close,
            "volume": np.round(1e6 * np.exp(rng.normal(0, 0.3, count))),
        }
    )
