"""Made-up series whose next changes can be learnt from their inputs."""

import numpy as np
import torch
from torch import nn

import models
from ml.config import TrainConfig
from ml.training.loop import Fit, Job, fit
from ml.training.samples import Samples

HORIZON, INPUTS, SEQ_LEN = 3, 2, 5
CPU = torch.device("cpu")


def job(count: int = 300, seed: int = 0, noise: float = 0.3) -> Job:
    """A bar's first input says how the price changes at the next bar; the rest is noise."""
    rng = np.random.default_rng(seed)
    scaled = rng.normal(size=(count, INPUTS)).astype(np.float32)
    changes = np.zeros(count)
    changes[1:] = scaled[:-1, 0] + noise * rng.normal(size=count - 1)
    cut = int(0.7 * count)
    log_close, unit = np.cumsum(changes), np.ones(HORIZON)
    return Job(
        Samples(scaled, log_close, unit, range(SEQ_LEN - 1, cut - HORIZON)),
        Samples(scaled, log_close, unit, range(cut, count - HORIZON)),
    )


def config(**changes: object) -> TrainConfig:
    """Quick settings that learn it."""
    return TrainConfig.model_validate(
        {
            "epochs": 5,
            "batch_size": 32,
            "chunk": 8,
            "seq_len": SEQ_LEN,
            "warm_up": 0,
            "horizon": HORIZON,
            "hidden_size": 8,
            "learning_rate": 0.02,
            "seed": 3,
            **changes,
        }
    )


def network(name: str = "lstm", seed: int = 3, layers: int = 1) -> nn.Module:
    """With its own weights for each seed."""
    torch.manual_seed(seed)
    sizes = {"hidden_size": 8, "num_layers": layers, "dropout": 0.2}
    return models.build(name, INPUTS, HORIZON, sizes)


def fit_one(job: Job, settings: TrainConfig, seed: int = 3) -> Fit:
    """The fit of a series that is expected to have one."""
    (result,) = fit(network(seed=seed), [job], settings, CPU)
    assert isinstance(result, Fit)
    return result
