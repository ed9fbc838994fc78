"""What is written down about a training: meta.json and its history."""

import platform
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version as library_version
from pathlib import Path

import pandas as pd

from ml.artifacts.meta import MAX_FILES, Data, Meta, Split, SplitPart, Training
from ml.config import TrainConfig
from ml.forecasting.spec import ForecastSpec
from ml.outcomes import IngestOutcome
from ml.training.dataset import Dataset
from ml.training.device import choose_device
from ml.training.loop import Fit


def history(result: Fit) -> list[dict[str, float | int | bool | None]]:
    return [epoch.as_dict() for epoch in result.history]


def make_meta(
    spec: ForecastSpec,
    dataset: Dataset,
    ingested: IngestOutcome,
    bars: pd.DataFrame,
    config: TrainConfig,
    result: Fit,
    identity: str,
    skew: float,
) -> Meta:
    stamps = bars["timestamp"]

    def part(segment: range, anchors: range) -> SplitPart:
        first, last = stamps.iloc[segment.start], stamps.iloc[segment.stop - 1]
        return SplitPart(first=first, last=last, windows=len(anchors))

    split = dataset.split
    return Meta(
        **spec.model_dump(),
        ticker=ingested.ticker,
        interval=ingested.interval,
        created_at=datetime.now(UTC),
        data=Data(
            fingerprint=ingested.fingerprint,
            rows=len(bars),
            first=stamps.iloc[0],
            last=stamps.iloc[-1],
            files=tuple(Path(file).name for file in ingested.files[:MAX_FILES]),
            calendar=ingested.calendar,
        ),
        split=Split(
            train=part(split.train_bars, split.train),
            validation=part(split.val_bars, split.val),
            test=part(split.test_bars, split.test),
            gap=config.horizon,
        ),
        training=Training(
            config=config.model_dump(mode="json"),
            seed=config.seed,
            epochs_run=result.epochs,
            best_epoch=result.best_epoch,
            stopped=result.stopped,
            seconds=result.seconds,
            device=str(choose_device(config.device)),
            skew=skew,
            fit_id=identity,
        ),
        libraries=_libraries(),
        metrics={},
        baselines={},
    )


@cache
def _libraries() -> dict[str, str]:
    """Versions of what a model's numbers depend on."""
    names = ("torch", "numpy", "pandas", "scikit-learn", "TA-Lib", "joblib")
    return {"python": platform.python_version()} | {name: library_version(name) for name in names}
