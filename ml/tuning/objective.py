"""What a trial is judged by: walk-forward folds inside the training bars of one or several series."""

import dataclasses
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ml.backtesting.folds import Fold, cut_folds
from ml.backtesting.run import learn_folds, score_fold
from ml.config import TrainConfig
from ml.data.store import bars_fingerprint
from ml.series import SeriesKey
from ml.training.dataset import build_dataset

# The folds lie in this newest part of the bars before the test: the first of them learns from the rest.
_FOLDED_SHARE = 0.5


@dataclass(frozen=True)
class Subject:
    """A series that trials are judged on.

    Attributes:
        key: which one.
        bars: those before the test; a tuning is handed no other.
        folds: the search's, in time order.
        confirmation: a later one, which the search does not see; no outcome is in both.
        fingerprint: of the bars.
    """

    key: SeriesKey
    bars: pd.DataFrame
    folds: tuple[Fold, ...]
    confirmation: Fold
    fingerprint: str

    @property
    def has_volume(self) -> bool:
        """Whether the bars have any volume."""
        return bool(self.bars["volume"].notna().any())


def make_subject(key: SeriesKey, bars: pd.DataFrame, config: TrainConfig, folds: int) -> Subject:
    """Leave the test out, and cut folds from what is before it.

    Args:
        key: the series.
        bars: all its normalised bars; the newest ``config.test_share`` of them are the test.
        config: what the trials are compared with; it must be trainable on the first fold.
        folds: of the search; one more follows them.

    Raises:
        TooFewBarsError, FeatureError, ConstantSeriesError, TrainingError: no fold can be learnt from.
    """
    before = split_at_test(bars, config)
    cut = cut_folds(len(before), config.horizon, test_share=_FOLDED_SHARE, count=folds + 1)
    confirmation = cut[-1]
    # Outcomes of the search's last forecasts would be the first that the confirmation is judged by.
    last = cut[-2]
    stop = max(last.anchors.start + 1, confirmation.anchors.start - config.horizon)
    kept = dataclasses.replace(last, anchors=range(last.anchors.start, stop))
    first = cut[0]
    build_dataset(before.iloc[: len(first.learn)], config, len(first.learn))
    return Subject(key, before, (*cut[:-2], kept), confirmation, bars_fingerprint(before))


def split_at_test(bars: pd.DataFrame, config: TrainConfig) -> pd.DataFrame:
    """The bars before the first that a training of this configuration tests on."""
    test = int(len(bars) * config.test_share + 1e-6)
    return bars.iloc[: len(bars) - test].reset_index(drop=True)


def relative_loss(subjects: Sequence[Subject], config: TrainConfig, folds: Sequence[Fold]) -> float:
    """Mean over the series of mean absolute error relative to the random walk's: 1 - skill.

    A ratio, so that a series in cents weighs as much as one in thousands, and a calm one as a wild one.

    Args:
        subjects: the series.
        config: learnt anew for each of them, on the fold's bars alone.
        folds: for each series one of its folds.

    Raises:
        TickerflowError: the configuration cannot be learnt for one of them.
    """
    began = time.monotonic()
    problems = [(subject.bars, fold) for subject, fold in zip(subjects, folds, strict=True)]
    ratios = []
    for (bars, fold), learnt in zip(problems, learn_folds(problems, config), strict=True):
        if isinstance(learnt, Exception):
            raise learnt
        ratios.append(1.0 - score_fold(bars, learnt, fold, began).skill)
    return float(np.mean(ratios))


def judge_last(subjects: Sequence[Subject], config: TrainConfig) -> float:
    """The relative loss on the fold that the search does not see. Raises as `relative_loss`."""
    return relative_loss(subjects, config, [subject.confirmation for subject in subjects])
