"""The champion beside its challenger, on windows after every bar that either has learnt from."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ml.artifacts.bundle import Bundle
from ml.artifacts.forecaster import forecaster_of
from ml.artifacts.meta import Meta
from ml.artifacts.store import ModelStore
from ml.errors import ArtifactError, FeatureError, TooFewBarsError, UnreadableArtifactError
from ml.evaluation.contest import Contest
from ml.evaluation.decision import Rival
from ml.evaluation.judge import TestWindows, relative_errors
from ml.evaluation.verdict import Comparison, compare

Floats = NDArray[np.float64]
Chosen = NDArray[np.bool_]


@dataclass(frozen=True)
class _Met:
    """A model's errors on those of the challenger's windows from which it can forecast."""

    errors: Floats  # (windows, steps)
    chosen: Chosen  # of the challenger's windows
    fresh: Chosen  # of those, the ones that lie after all it learnt from


def learnt_until(meta: Meta) -> datetime:
    """The last bar that anything in a model has learnt from; also of metas that do not say."""
    if meta.training.learnt_until is not None:
        return meta.training.learnt_until
    return meta.data.last if meta.training.mode == "refit" else meta.split.validation.last


def meet(contest: Contest, champion: Meta, store: ModelStore, refitted: str) -> Rival:
    """Judge the challenger beside the champion.

    A window counts where its anchor is no earlier than the last bar that the champion has learnt from:
    the bars it forecasts are new to both. The random walk has learnt from none. Where fewer than
    ``rule.min_windows`` do, the champion's own configuration, refitted up to the split, takes its place;
    without it the verdict is undecided.

    Args:
        contest: the challenger's.
        champion: what serves.
        store: where it is.
        refitted: staged folder of that fit; empty where there is none. One of an earlier champion, which
            was replaced since, does not count.

    Raises:
        UnreadableArtifactError: the champion cannot be read now, and may be sound.
    """
    name = f"{champion.model} {champion.version}"
    try:
        met = _on_windows(store.champion(contest.bundle.meta.key), contest)
    except UnreadableArtifactError:
        raise
    except (ArtifactError, FeatureError, TooFewBarsError):
        # A champion that is damaged, or whose columns are gone, forecasts nothing: it cannot stay.
        return Rival(name, None)
    every, fresh, needed = len(met.fresh), int(met.fresh.sum()), contest.rule.min_windows
    until = f"the last bar that it has learnt from, {learnt_until(champion):%Y-%m-%d %H:%M}"
    if fresh == every:
        return Rival(name, _verdict(contest, met))
    if fresh >= needed:
        return Rival(name, _verdict(contest, met), f"{every} windows less those before {until}")
    few = f"{fresh} of {every} windows lie after {until}"
    stand_in = store.load_staged(Path(refitted))[0] if refitted else None
    if stand_in is not None and stand_in.meta.training.source in (None, champion.version):
        note = f"its configuration refitted up to the split stood in, for {few}"
        return Rival(name, _verdict(contest, _on_windows(stand_in, contest)), note)
    unknown = compare(contest.errors[:0], contest.errors[:0], contest.rule)
    note = f"{few}, and {needed} are needed"
    return Rival(name, unknown.model_copy(update={"windows": fresh}), note)


def _on_windows(bundle: Bundle, contest: Contest) -> _Met:
    """Raises `TooFewBarsError` where no window is long enough for the model, `FeatureError`."""
    forecaster = forecaster_of(bundle)
    test = contest.test
    chosen = test.anchors + 1 >= forecaster.min_bars
    if not chosen.any():
        raise TooFewBarsError("no test window is long enough for the champion")
    steps = min(forecaster.spec.horizon, test.steps)
    common = TestWindows(test.bars, test.anchors[chosen], steps)
    errors = relative_errors(forecaster.changes(common.bars, common.anchors)[:, :steps], common)
    if bundle.meta.model == "naive":  # whose meta says what its bands were calibrated on
        return _Met(errors, chosen, np.ones(len(errors), dtype=bool))
    stamps = pd.DatetimeIndex(test.bars["timestamp"])
    last = int(stamps.searchsorted(pd.Timestamp(learnt_until(bundle.meta))))
    return _Met(errors, chosen, common.anchors >= last)


def _verdict(contest: Contest, met: _Met) -> Comparison:
    """On the windows that are new to both."""
    ours = contest.errors[met.chosen, : met.errors.shape[1]]
    return compare(ours[met.fresh], met.errors[met.fresh], contest.rule)
