"""Which series train together.

On a CPU an LSTM trains alone, for torch has a fast kernel for it; a GRU has none and is five times
faster in a fleet (measured: 31 to 39 ms a step alone, 7 to 10 among 16). On a GPU as many as fit train
together.
"""

from collections.abc import Sequence
from functools import lru_cache

import torch

import models
from ml.config import TrainConfig
from ml.training.dataset import Dataset
from ml.training.device import choose_device
from ml.training.fleet import Fleet, unroll
from ml.training.loop import Job, batches_of
from ml.training.network import architecture, network_config
from ml.training.samples import Batch, cut, steps_of

# Series of a fleet are padded to the longest: no more than this share of the work may be padding.
_MOST_PADDING = 0.25
_CPU_BYTES = 1e9
_FREE_SHARE = 0.4  # of the device's free memory: several workers may train on it


def is_fleet(config: TrainConfig) -> bool:
    """Whether series are trained together: where that is faster, unless the engine is named.

    Raises `ModelError` and `UsageError` as `architecture` and `choose_device`.
    """
    chosen = architecture(config)
    if chosen.solve is not None:
        return False
    if config.engine == "auto":
        return choose_device(config.device).type == "cuda" or not chosen.fast_alone
    return config.engine == "fleet"


def fleets(datasets: Sequence[Dataset], config: TrainConfig, most: int = 0) -> list[list[int]]:
    """Indices of the datasets, grouped into those that train together.

    They have as many inputs and as many batches in an epoch as each other, and about as many windows.

    Args:
        datasets: what is to be trained.
        config: says whether series train together at all.
        most: series in a fleet; 0 for as many as the device's memory takes.
    """
    if not datasets:
        return []
    if not is_fleet(config) or not _is_stackable(config.model, len(datasets[0].inputs), config):
        return [[index] for index in range(len(datasets))]

    def size(index: int) -> tuple[int, int, int]:
        dataset = datasets[index]
        batches = batches_of(Job(dataset.train, dataset.validation), config)
        return len(dataset.inputs), batches, len(dataset.train)

    groups: list[list[int]] = []
    for index in sorted(range(len(datasets)), key=size):
        group = groups[-1] if groups else None
        if group is not None:
            shortest = size(group[0])
            alike = size(index)[:2] == shortest[:2]
            padding = 1 - shortest[2] / size(index)[2]
            room = len(group) < (most or _most_that_fit(datasets[index], config))
            if alike and padding <= _MOST_PADDING and room:
                group.append(index)
                continue
        groups.append([index])
    return groups


@lru_cache(maxsize=64)
def _is_stackable(model: str, n_inputs: int, config: TrainConfig) -> bool:
    """Whether all that the network is made of can be batched over series: found by trying, without data.

    torch's own recurrences and random dropout cannot (`models.layers` has some that can).
    """
    with torch.device("meta"):
        network = models.build(model, n_inputs, config.horizon, network_config(config))
        unroll(network, unrolled=True)
        fleet = Fleet(network.train(), 2, config, unrolled=True)
        fleet.draw_dropout([0], 1)
        length = config.seq_len + 1
        batch = Batch(
            torch.zeros(2, 1, length, n_inputs),
            torch.zeros(2, 1, 2, config.horizon),
            torch.ones(2, 1, 2),
        )
        try:
            fleet.step(batch)
        except RuntimeError:  # vmap's word for what it cannot batch
            return False
    return True


def _most_that_fit(dataset: Dataset, config: TrainConfig) -> int:
    """Series whose intermediate values fit into memory."""
    device = choose_device(config.device)
    budget = _CPU_BYTES
    if device.type == "cuda":
        budget = _FREE_SHARE * torch.cuda.mem_get_info(device)[0]
    steps = steps_of(config)
    plan = cut(dataset.train.anchors, steps, config.batch_size)
    windows = plan.per_batch * steps + min(len(dataset.validation), 4 * config.chunk)
    length = config.warm_up + config.seq_len - 1 + steps
    # Kept for the gradient at each bar: about 20 values a unit of each layer; at each anchor the scores
    # and weights of attention; at each target the prices, in double precision, and the errors.
    values = plan.per_batch * (length * 20 * config.hidden_size * config.num_layers + 4 * steps * length)
    each = 2 * 4 * values + 40 * windows * config.horizon + 8 * dataset.train.scaled.size
    return max(1, int(budget / each))
