"""Which series train together.

On a CPU an LSTM trains alone, for torch has a fast kernel for it; a GRU has none and is five times
faster in a fleet (measured: 32 ms a step alone, 6 among 32). On a GPU as many as fit train together.
"""

from collections.abc import Sequence

import torch

from ml.config import TrainConfig
from ml.training.dataset import Dataset
from ml.training.device import choose_device
from ml.training.loop import Job, batches_of
from ml.training.network import architecture, build_network
from ml.training.samples import cut

# Series of a fleet are padded to the longest: no more than this share of the work may be padding.
_MOST_PADDING = 0.25
_CPU_FLEET = 64
_FREE_SHARE = 0.5  # of the device's free memory


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
    if not is_fleet(config) or not _is_stackable(datasets[0], config):
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


def _is_stackable(dataset: Dataset, config: TrainConfig) -> bool:
    """Networks with buffers (running means) change them in place: these train one by one."""
    return not list(build_network(dataset, config).buffers())


def _most_that_fit(dataset: Dataset, config: TrainConfig) -> int:
    """Series whose intermediate values fit into the memory of the device."""
    device = choose_device(config.device)
    if device.type != "cuda":
        return _CPU_FLEET
    free, _ = torch.cuda.mem_get_info(device)
    plan = cut(dataset.train.anchors, config.chunk, config.batch_size)
    length = config.seq_len - 1 + config.chunk
    # Kept for the gradient at each bar: about 20 values a unit of each layer, and at each anchor the
    # scores, weights and mask of attention; the recording keeps a second set.
    values = length * 20 * config.hidden_size * config.num_layers + 4 * config.chunk * length
    each = 2 * 4 * plan.per_batch * values + 8 * dataset.train.scaled.size
    return max(1, int(_FREE_SHARE * free / each))
