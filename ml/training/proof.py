"""The certificate of what was trained: proof that it does not know the future."""

from collections.abc import Callable

import pandas as pd

from ml.config import TrainConfig
from ml.evaluation.certificate import Certificate, Rebuilt, certify
from ml.training.dataset import Dataset, build_dataset
from ml.training.learning import Learnt


def prove(
    learnt: Learnt,
    bars: pd.DataFrame,
    config: TrainConfig,
    build: Callable[[pd.DataFrame], Dataset] | None = None,
) -> Certificate:
    """Certify a model that was trained on ``bars``.

    Args:
        learnt: the model and the dataset that it learnt from.
        bars: normalised bars.
        config: that of the training.
        build: makes the dataset of other bars in the way that this one was made; by default
            `build_dataset` with ``config``.

    Raises:
        LeakageError: what comes after a bar changes what was made of those before it.
    """
    again = build or (lambda other: build_dataset(other, config))
    return certify(
        bars,
        learnt.forecaster,
        _rebuilt(learnt.dataset),
        lambda other: _rebuilt(again(other)),
        config.seed,
    )


def _rebuilt(dataset: Dataset) -> Rebuilt:
    return Rebuilt(dataset.split, dataset.scaler, dataset.target, dataset.train.actual())
