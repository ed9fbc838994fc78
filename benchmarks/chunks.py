"""Chunks of bars against window after window: seconds and held-out skill, paired over the series.

    python -m benchmarks.chunks FOLDER [--every 3]

Each series of a folder of raw CSVs is ingested into a temporary store and trained with the default
settings, which supervise a chunk of bars at each of its anchors, and window by window (``chunk`` 1), as
networks are usually trained, at two learning rates: what was the default before chunks, and the best
that was found for it. Skill is that of the network with its gain on the test windows, before any
verdict. Differences have a percentile bootstrap over series (10,000 resamples, seed 7). CPU seconds are
those of dataset and training.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from rich.progress import track

from ml.config import Settings, TrainConfig
from ml.data.discovery import discover
from ml.data.ingest import ingest_series
from ml.data.store import read_bars
from ml.errors import TooFewBarsError
from ml.features.windows import targets
from ml.forecasting.forecaster import Forecaster
from ml.forecasting.threads import torch_seed, torch_threads
from ml.training.calibration import calibrated
from ml.training.dataset import build_dataset
from ml.training.loop import Fit, Job, fit
from ml.training.network import build_network

_WINDOWS = {"chunk": 1, "warm_up": 0, "batch_size": 64}
ARMS = {
    "chunks": TrainConfig(),
    "windows, learning rate 3e-4": TrainConfig.model_validate({**_WINDOWS, "learning_rate": 3e-4}),
    "windows, learning rate 1e-4": TrainConfig.model_validate({**_WINDOWS, "learning_rate": 1e-4}),
}
_STEPS = (1, 5, 10)


def measure(bars: pd.DataFrame, config: TrainConfig) -> dict[str, float]:
    """Train, and the skill on test windows: over the horizon and at steps 1, 5 and 10."""
    began = time.process_time()
    dataset = build_dataset(bars, config)
    with torch_seed(config.seed), torch_threads(1):
        network = build_network(dataset, config)
        jobs = [Job(dataset.train, dataset.validation)]
        (result,) = fit(network, jobs, config, torch.device("cpu"))
    seconds = time.process_time() - began
    assert isinstance(result, Fit)
    network.load_state_dict(result.weights)
    spec, skew = calibrated(dataset, network.eval(), config, bars)
    anchors = np.asarray(dataset.split.test)
    close = bars["close"].to_numpy(dtype=np.float64)
    start = close[anchors, None]
    actual = start * np.exp(targets(close, anchors, config.horizon))
    forecast = start * np.exp(Forecaster(spec, network, dataset.scaler).changes(bars, anchors))
    error, naive = np.abs(actual - forecast), np.abs(actual - start)
    by_step = 1 - error.mean(axis=0) / naive.mean(axis=0)
    skills = {f"skill at {step}": float(by_step[step - 1]) for step in _STEPS}
    overall = float(1 - error.mean() / naive.mean())
    return {"CPU s": seconds, "epochs": result.epochs, "skew": skew, "skill": overall, **skills}


def main() -> None:
    """Measure every arm on every series, and print means and paired differences."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--every", type=int, default=1, help="take each n-th series")
    options = parser.parse_args()
    rows: dict[str, dict[str, dict[str, float]]] = {arm: {} for arm in ARMS}
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(raw_dir=options.folder, store_dir=Path(folder))
        chosen = discover(settings.raw_dir).series[:: options.every]
        for raw in track(chosen, description="series"):
            if ingest_series(raw, settings).failure is not None:
                continue
            bars = read_bars(settings.store_dir, raw.key)
            try:
                for arm, config in ARMS.items():
                    rows[arm][str(raw.key)] = measure(bars, config)
            except TooFewBarsError:
                continue
    results = {arm: pd.DataFrame(found).T for arm, found in rows.items()}
    print(pd.DataFrame({arm: table.mean() for arm, table in results.items()}).T.round(4).to_string())
    ours = results["chunks"]
    rng = np.random.default_rng(7)
    for arm, table in list(results.items())[1:]:
        print(f"chunks less {arm}, {len(ours)} series:")
        for name in ("skill", *(f"skill at {step}" for step in _STEPS)):
            difference = (ours[name] - table[name]).to_numpy()
            picked = rng.integers(0, len(difference), (10_000, len(difference)))
            low, high = np.quantile(difference[picked].mean(axis=1), (0.025, 0.975))
            print(f"  {name:12s} {difference.mean():+.4f} (95%: {low:+.4f} to {high:+.4f})")


if __name__ == "__main__":
    main()
