"""Rolling origins: which bars each refit learns from, and where it is asked for forecasts.

The newest bars, the test, are cut into stretches. Before each stretch the model is fitted anew, on all
bars before it (expanding) or the newest ``window`` of them (sliding), and forecasts the stretch: the
rolling origin with recalibration of Tashman (2000), Out-of-sample tests of forecasting accuracy.
"""

import itertools
from dataclasses import dataclass

from ml.errors import TooFewBarsError, UsageError

# With fewer forecasts there is nothing to compare.
MIN_WINDOWS = 10


@dataclass(frozen=True, slots=True)
class Fold:
    """One refit and the forecasts that are asked of it.

    Attributes:
        index: 0 is the earliest.
        learn: the bars that anything in the model may learn from; they end before the stretch.
        anchors: the last bar that each forecast sees, all of them in the stretch. The outcomes of the
            last ones lie in the next stretch, which this model never learns from.
    """

    index: int
    learn: range
    anchors: range


def cut_folds(
    n_bars: int,
    horizon: int,
    *,
    test_share: float = 0.2,
    count: int = 4,
    fold_bars: int = 0,
    window: int = 0,
    spacing: int = 1,
) -> tuple[Fold, ...]:
    """Cut the newest bars of a series into folds, in time order.

    The anchors of all folds together are evenly spaced and end where the last outcome is known, so they
    do not depend on the model, nor on how often it is fitted again.

    Args:
        n_bars: bars of the series.
        horizon: steps of each forecast.
        test_share: share of the bars that is cut into stretches, where ``fold_bars`` is 0.
        count: refits.
        fold_bars: bars of a stretch; 0 for an equal part of the test's.
        window: newest bars that each refit learns from; 0 for all that there are.
        spacing: bars between neighbouring anchors.

    Raises:
        UsageError: a number that is out of its bounds.
        TooFewBarsError: a stretch would have no anchor, all have fewer than 10, or no bar is before it.
    """
    if count < 1 or spacing < 1 or fold_bars < 0 or window < 0:
        raise UsageError(
            f"expected at least 1 fold and a spacing of at least 1, found {count} folds of {fold_bars} "
            f"bars, a window of {window} and a spacing of {spacing}",
            hint="0 bars a fold means an equal part of the test, a window of 0 all bars before it",
        )
    tested = fold_bars * count if fold_bars else int(n_bars * test_share + 1e-6)
    first = n_bars - tested
    # The outcomes of the last anchors would lie beyond the last bar.
    every = range(max(first, 0), n_bars - horizon, spacing)
    edges = [first + tested * index // count for index in range(count + 1)]
    stretches = [_between(every, start, stop) for start, stop in itertools.pairwise(edges)]
    if first < 1 or len(every) < MIN_WINDOWS or not all(stretches):
        raise TooFewBarsError(
            f"expected bars for {count} folds with at least {MIN_WINDOWS} forecasts of {horizon} steps, "
            f"found {n_bars} bars, of which {tested} are for them",
            hint="bring more history, or ask for fewer folds, a larger test share or a smaller spacing",
        )
    return tuple(
        Fold(index, range(max(0, start - window) if window else 0, start), anchors)
        for index, (start, anchors) in enumerate(zip(edges, stretches, strict=False))
    )


def _between(every: range, start: int, stop: int) -> range:
    """Those of ``every`` in ``start`` to ``stop``, the latter excluded."""
    first = every.start + -(-max(0, start - every.start) // every.step) * every.step
    return range(first, max(first, min(stop, every.stop)), every.step)
