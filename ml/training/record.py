"""What is written down about a training: meta.json and its history."""

import platform
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version as library_version
from pathlib import Path

import pandas as pd

from ml.artifacts.meta import MAX_FILES, Data, Meta, SplitPart, Training
from ml.artifacts.meta import Split as SplitRecord
from ml.features.windows import Split
from ml.outcomes import IngestOutcome
from ml.training.configuration import Plan, epochs_behind
from ml.training.device import choose_device
from ml.training.learning import Learnt
from ml.training.loop import Fit


def history(result: Fit) -> list[dict[str, float | int | bool | None]]:
    return [epoch.as_dict() for epoch in result.history]


def make_meta(
    learnt: Learnt, ingested: IngestOutcome, bars: pd.DataFrame, plan: Plan, identity: str
) -> Meta:
    """What is known of a version before it is judged."""
    stamps, config = bars["timestamp"], plan.config

    def part(segment: range, anchors: range) -> SplitPart:
        first, last = stamps.iloc[segment.start], stamps.iloc[segment.stop - 1]
        return SplitPart(first=first, last=last, windows=len(anchors))

    split, result = learnt.cut or learnt.dataset.split, learnt.fit
    learnt_bars = max(split.train_bars.stop, split.val_bars.stop)
    return Meta(
        **learnt.spec.model_dump(),
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
        split=SplitRecord(
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
            skew=learnt.skew,
            fit_id=identity,
            mode=plan.mode,
            source=plan.source.version if plan.source is not None else None,
            learnt_until=stamps.iloc[learnt_bars - 1],
            measured_on=_measured_on(split, stamps),
            note=plan.note,
            epochs_behind=_epochs_behind(plan, result),
            tuned=plan.tuned,
        ),
        libraries=_libraries(),
        metrics={},
        baselines={},
    )


def _epochs_behind(plan: Plan, result: Fit) -> int:
    before = 0
    if plan.mode == "warm" and plan.source is not None:
        before = epochs_behind(plan.source)
    return before + result.best_epoch


def _measured_on(split: Split, stamps: pd.Series) -> str:
    test = split.test_bars
    if split.train_bars.stop <= test.start:
        return "test bars, which it has not learnt from"
    return (
        f"{len(split.test)} windows from {stamps.iloc[test.start]:%Y-%m-%d} to "
        f"{stamps.iloc[test.stop - 1]:%Y-%m-%d}, forecast by the same configuration trained for as many "
        "epochs on the bars before them alone; this fit has learnt from all bars, these too"
    )


@cache
def _libraries() -> dict[str, str]:
    """Versions of what a model's numbers depend on."""
    names = ("torch", "numpy", "pandas", "scikit-learn", "TA-Lib", "joblib")
    return {"python": platform.python_version()} | {name: library_version(name) for name in names}
