"""Tiny models whose every number tells which one they are."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ml.artifacts.bundle import Bundle
from ml.artifacts.meta import Data, Decision, Meta, Split, SplitPart, Training
from ml.artifacts.store import ModelStore
from ml.features.scaling import Scaler, fit_plainly
from ml.forecasting.spec import ForecastSpec, SplitConformal, Target
from ml.series import SeriesKey

AAPL = SeriesKey.of("AAPL", "1d")
INPUTS = ("close", "rsi_14", "volume")
START = datetime(2026, 11, 22, 11, 50, tzinfo=UTC)


def toy_shapes(spec: ForecastSpec) -> Mapping[str, tuple[int, ...]]:
    """Of a `torch.nn.Linear`."""
    return {"weight": (spec.horizon, len(spec.inputs)), "bias": (spec.horizon,)}


def toy_store(models_dir: Path) -> ModelStore:
    """A store of linear models."""
    return ModelStore(models_dir, shapes_of=toy_shapes, known=("toy", "gru"))


def toy_meta(number: int, key: SeriesKey = AAPL, model: str = "toy", **changes: Any) -> Meta:
    """A meta of the model with this number."""
    part = SplitPart(first=START - timedelta(days=900), last=START, windows=100)
    values: dict[str, Any] = {
        "model": model,
        "config": {"hidden_size": 4, "dropout": 0.1},
        "features": INPUTS,
        "inputs": INPUTS,
        "seq_len": 5,
        "horizon": 2,
        "target": Target(sigma=0.01, mean=0.0, drift=0.0),
        "intervals": SplitConformal(radius_80=(0.1, 0.2), radius_95=(0.2, 0.3), windows=10),
        "ticker": key.ticker,
        "interval": str(key.interval),
        "created_at": START + timedelta(seconds=number),
        "data": Data(fingerprint="f" * 64, rows=1000, first=part.first, last=part.last, calendar="XNYS"),
        "split": Split(train=part, validation=part, test=part, gap=10),
        "training": Training(
            config={"model": model, "features": None},
            seed=7,
            epochs_run=3,
            best_epoch=2,
            stopped="early",
            seconds=1.5,
            device="cpu",
            fit_id=f"fit-{number}",
        ),
        "libraries": {"torch": "2.13.0"},
        "metrics": {"number": float(number), "mae_by_step": [1.0 / 3.0, 0.2]},
        "baselines": {"naive": {"mae": np.float64(0.3)}},
        "decision": Decision(verdict="promoted", reason=f"model {number} is better", skill=0.01),
    }
    return Meta(**{**values, **changes})


def toy_scaler(number: int, n_inputs: int = len(INPUTS)) -> Scaler:
    """Fitted on [0, number], so its `data_max_` is the number."""
    rows = np.array([[0.0] * n_inputs, [float(number)] * n_inputs])
    return Scaler("minmax", fit_plainly("minmax", rows), len(rows))


def toy_bundle(number: int, key: SeriesKey = AAPL, model: str = "toy", **changes: Any) -> Bundle:
    """Weights, scaler and meta that all carry the number (from 1 on)."""
    weights = {
        "weight": torch.full((2, len(INPUTS)), float(number)),
        "bias": torch.full((2,), float(number)),
    }
    return Bundle(toy_meta(number, key, model, **changes), weights, toy_scaler(number))


def number_of(bundle: Bundle) -> int:
    """The number that all parts of a bundle carry; fails where they are a mix."""
    numbers = {
        float(bundle.meta.metrics["number"]),  # type: ignore[arg-type]
        *(float(value) for tensor in bundle.weights.values() for value in tensor.flatten()),
        *(float(value) for value in bundle.scaler.numbers["data_max_"]),
    }
    assert len(numbers) == 1, f"a mix of versions: {numbers}"
    return int(numbers.pop())


def promote(store: ModelStore, bundle: Bundle) -> Meta:
    """Promote over whatever is there."""
    with store.lock(bundle.meta.key, 60):
        champion = store.champion_meta(bundle.meta.key)
        expected = champion.version if champion else None
        number = bundle.meta.metrics["number"]
        return store.promote(bundle, {"number": number}, expected_champion=expected)
