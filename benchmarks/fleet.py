"""Series that train together against series that train one by one, on the same device.

    python -m benchmarks.fleet --device cuda [--sizes 64,512,4096] [--model lstm] [--epochs 30]
    python -m benchmarks.fleet --device cpu --sizes 16,64 --model gru --epochs 5

Random walks of 1,250 daily bars with the default settings, but every series trains all epochs. What is
timed is `ml.training.loop.fit` alone, to the weights on the CPU; on a GPU that holds the recording of
its graphs. One by one is measured on the first 16 series. Printed are seconds a series, the ratio to one
by one, the largest difference of a weight between the two, and the peak of the device's memory (of the
process, on a CPU).

Targets on an H200: 512 series at least 30 times faster a series than one by one, and 100 times faster
than neuralforecast there: ``python -m benchmarks.peers --only nf-lstm``.
"""

import argparse
import resource
import time

import numpy as np
import pandas as pd
import torch
from rich.console import Console
from rich.table import Table

from ml.config import TrainConfig
from ml.forecasting.threads import torch_seed, torch_threads
from ml.training.dataset import Dataset, build_dataset
from ml.training.loop import Fit, Job, fit
from ml.training.network import build_network

_ALONE = 16
_DIFFERENT = 256  # more series repeat these


def walk(seed: int, bars: int) -> pd.DataFrame:
    """Daily bars of a random walk."""
    rng = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(rng.normal(2e-4, 0.015, bars)))
    opened = np.concatenate(([100.0], close[:-1]))
    wick = np.abs(rng.normal(0, 0.004, (2, bars)))
    return pd.DataFrame(
        {
            "timestamp": pd.bdate_range(end="2026-01-02", periods=bars, tz="UTC"),
            "open": opened,
            "high": np.maximum(opened, close) * (1 + wick[0]),
            "low": np.minimum(opened, close) * (1 - wick[1]),
            "close": close,
            "volume": rng.integers(1_000, 100_000, bars).astype(float),
        }
    )


def timed(
    datasets: list[Dataset], config: TrainConfig, device: torch.device, together: bool
) -> tuple[float, float, list[Fit]]:
    """Seconds, peak bytes, and the fits."""
    jobs = [Job(dataset.train, dataset.validation) for dataset in datasets]
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        torch.cuda.synchronize(device)
    began = time.perf_counter()
    with torch_seed(config.seed), torch_threads(config.threads):
        network = build_network(datasets[0], config)
        lots = [jobs] if together else [[job] for job in jobs]
        results = [result for lot in lots for result in fit(network, lot, config, device)]
    seconds = time.perf_counter() - began
    if device.type == "cuda":
        peak = float(torch.cuda.max_memory_allocated(device))
    else:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024.0
    fits = [result for result in results if isinstance(result, Fit)]
    assert len(fits) == len(results), "expected every series to train"
    return seconds, peak, fits


def difference(one: list[Fit], other: list[Fit]) -> float:
    """Largest difference of a weight."""
    return max(
        float((mine.weights[name] - theirs.weights[name]).abs().max())
        for mine, theirs in zip(one, other, strict=False)
        for name in mine.weights
    )


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cuda")
    parser.add_argument("--sizes", default="64,512,4096")
    parser.add_argument("--model", default="lstm")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--bars", type=int, default=1250)
    options = parser.parse_args()
    sizes = [int(size) for size in options.sizes.split(",")]
    device = torch.device(options.device)
    config = TrainConfig(
        model=options.model, epochs=options.epochs, patience=options.epochs, device=options.device
    )
    seeds = range(min(max(sizes), _DIFFERENT))
    built = [build_dataset(walk(seed, options.bars), config) for seed in seeds]
    timed(built[:1], config.model_copy(update={"epochs": 1}), device, together=False)  # libraries start

    alone_seconds, alone_peak, alone = timed(built[:_ALONE], config, device, together=False)
    each = alone_seconds / len(alone)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU, one thread"
    table = Table(title=f"{options.model}, {options.bars} bars, {options.epochs} epochs, {name}")
    for column in ("", "series", "ms a series", "times faster", "peak MB", "largest difference"):
        table.add_column(column, justify="right")
    table.add_row("one by one", str(len(alone)), f"{1e3 * each:.1f}", "1", f"{alone_peak / 1e6:.0f}", "")
    for size in sizes:
        datasets = [built[index % len(built)] for index in range(size)]
        seconds, peak, fits = timed(datasets, config, device, together=True)
        table.add_row(
            "fleet",
            str(size),
            f"{1e3 * seconds / size:.2f}",
            f"{each * size / seconds:.1f}",
            f"{peak / 1e6:.0f}",
            f"{difference(alone, fits):.1e}",
        )
    Console().print(table)


if __name__ == "__main__":
    main()
