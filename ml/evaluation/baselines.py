"""The naive and the drift model of a series, as bundles that can be promoted."""

import numpy as np
import pandas as pd
import torch

from ml.artifacts.bundle import Bundle
from ml.artifacts.forecaster import forecaster_of
from ml.evaluation.intervals import calibrate
from ml.features.inputs import compute_inputs, warmup_bars
from ml.features.scaling import fit_scaler
from ml.features.windows import targets
from ml.forecasting.spec import AdaptiveConformal, baseline_target

# A baseline reads the last close and nothing else.
_FEATURES = ("close",)


def build_baselines(challenger: Bundle, bars: pd.DataFrame) -> tuple[Bundle, ...]:
    """Naive and drift, of the challenger's training bars, horizon and validation windows."""
    meta = challenger.meta
    stamps = pd.DatetimeIndex(bars["timestamp"])
    train_stop = int(stamps.searchsorted(pd.Timestamp(meta.split.train.last))) + 1
    inputs = compute_inputs(bars, _FEATURES)
    scaler = fit_scaler("standard", inputs.values[warmup_bars(_FEATURES) : train_stop], inputs.columns)
    slope = torch.tensor([meta.target.mean / meta.target.sigma], dtype=torch.float32)

    bundles = []
    for model, weights in (("naive", {}), ("drift", {"slope": slope})):
        update = {
            "model": model,
            "config": {},
            "features": _FEATURES,
            "inputs": inputs.columns,
            "seq_len": 1,
            "target": baseline_target(model, meta.target),
            "intervals": AdaptiveConformal(sigma=meta.target.sigma),
            "version": "",
            "sha256": None,
            "training": meta.training.model_copy(
                # No identity of its own: what was trained, and lost, is what must not be trained again.
                update={
                    "epochs_run": 0,
                    "best_epoch": 0,
                    "stopped": "solved",
                    "seconds": 0.0,
                    "fit_id": "",
                    "mode": "scratch",
                    "source": None,
                    "note": "",
                    "epochs_behind": 0,
                }
            ),
        }
        bundle = Bundle(meta.model_copy(update=update), weights, scaler)
        intervals = calibrate(*_validation_residuals(bundle, bars), meta.target.sigma)
        bundles.append(Bundle(bundle.meta.model_copy(update={"intervals": intervals}), weights, scaler))
    return tuple(bundles)


def _validation_residuals(bundle: Bundle, bars: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Log residuals and log changes of the validation windows, each ``(windows, horizon)``."""
    meta = bundle.meta
    anchors = meta.split.validation.anchors(pd.DatetimeIndex(bars["timestamp"]))
    actual = targets(bars["close"].to_numpy(dtype=np.float64), anchors, meta.horizon)
    return actual - forecaster_of(bundle).changes(bars, anchors), actual
