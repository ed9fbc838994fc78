"""How far the market has moved from the bars that a model learnt from. Shown, and decides nothing.

Returns cluster in volatility, so these measures call more drift than there is: they are to be read
beside the live skill, which is what counts.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import kolmogorov

Floats = NDArray[np.float64]

_BINS = 10
# Added to each bin's count: one that is empty on one side would make the index infinite.
_HALF = 0.5


@dataclass(frozen=True)
class Drift:
    """Recent log returns beside those of training.

    Attributes:
        volatility: ratio of the standard deviations, recent over training.
        ks, ks_p: largest distance of the two distributions, and its p-value.
        psi: population stability index; by custom below 0.1 is stable, above 0.25 has shifted.
        bars: recent returns.
    """

    volatility: float
    ks: float
    ks_p: float
    psi: float
    bars: int


def drift(training: Floats, recent: Floats) -> Drift:
    """Compare closes: those that a model learnt from ``(n,)`` and the newest ones ``(m,)``.

    Raises:
        ValueError: fewer than two returns on a side, or no return in training that is not zero.
    """
    before, after = (np.diff(np.log(close)) for close in (training, recent))
    if len(before) < 2 or len(after) < 2 or not before.std() > 0:
        raise ValueError("expected at least two returns on each side, and training prices that move")
    distance, p = kolmogorov_smirnov(before, after)
    ratio = float(after.std(ddof=1) / before.std(ddof=1))
    return Drift(ratio, distance, p, stability_index(before, after), len(after))


def kolmogorov_smirnov(one: Floats, other: Floats) -> tuple[float, float]:
    """Two-sample statistic and its p-value by the limiting distribution.

    Kolmogorov (1933) and Smirnov (1948); as `scipy.stats.ks_2samp`, without its import, of a second.
    """
    values = np.sort(np.concatenate([one, other]))
    shares = [np.searchsorted(np.sort(x), values, side="right") / len(x) for x in (one, other)]
    distance = float(np.abs(shares[0] - shares[1]).max())
    effective = len(one) * len(other) / (len(one) + len(other))
    return distance, float(kolmogorov(np.sqrt(effective) * distance))


def stability_index(expected: Floats, actual: Floats) -> float:
    """Population stability index over the deciles of ``expected``.

    ``sum((a - e) * log(a / e))`` over the shares of ten bins: Siddiqi (2006), Credit Risk Scorecards,
    chapter 8; the Jeffreys divergence of the binned distributions. Of ``n`` values of the same
    distribution as many expected ones, it is about ``9 * (1 / n + 1 / len(expected))``.
    """
    edges = np.unique(np.quantile(expected, np.linspace(0, 1, _BINS + 1)[1:-1]))
    counts = (
        np.bincount(np.searchsorted(edges, x), minlength=len(edges) + 1) for x in (expected, actual)
    )
    e, a = ((count + _HALF) / (count + _HALF).sum() for count in counts)
    return float(((a - e) * np.log(a / e)).sum())
