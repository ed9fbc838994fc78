"""Made-up series and accounts for the tests of the benchmark."""

import numpy as np

from benchmarks.peers.exchange import Account, Protocol, Series


def make_series(name: str = "AAA_1d", n_bars: int = 300, *, seed: int = 0) -> Series:
    """A random walk."""
    steps = np.random.default_rng(seed).normal(0, 0.01, n_bars)
    return Series(name, 100 * np.exp(np.cumsum(steps)), Protocol())


def make_account(*names: str, fit: float = 2.0, peak_mb: float = 500.0) -> Account:
    """Each series takes ``fit`` seconds to fit and a tenth of it to forecast, on one core."""
    fits, forecasts = dict.fromkeys(names, fit), dict.fromkeys(names, fit / 10)
    return Account(fits, fits, forecasts, forecasts, peak_mb, {"torch": "2"}, threads=1)
