"""The network that a configuration names."""

from dataclasses import asdict

from torch import nn

import models
from ml.config import TrainConfig
from ml.errors import ModelError
from ml.training.dataset import Dataset


def architecture(config: TrainConfig) -> models.Architecture:
    """The config's architecture; raises `ModelError` that lists what there is."""
    known = models.architectures()
    if config.model not in known:
        raise ModelError(
            f"expected an architecture, found {config.model!r}", hint=f"one of {', '.join(known)}"
        )
    return known[config.model]


def network_config(config: TrainConfig) -> dict[str, int | float]:
    """The architecture's whole config: from the training's settings, else as the architecture has it.

    Whole, so that a stored model stays what it is when a default changes. Raises `ModelError`.
    """
    chosen, named = architecture(config), config.model_dump()
    try:
        sizes = chosen.config(**{name: named[name] for name in chosen.settings if name in named})
    except ValueError as error:
        raise ModelError(str(error), hint="see --help for the sizes' bounds") from error
    return asdict(sizes)


def build_network(dataset: Dataset, config: TrainConfig) -> nn.Module:
    """The network with fresh weights from torch's current seed; a baseline's are solved for.

    Raises:
        ModelError: a network that is trained has buffers, which no gradient moves and no fleet keeps.
    """
    chosen = architecture(config)
    network = models.build(chosen.name, len(dataset.inputs), config.horizon, network_config(config))
    if chosen.solve is not None:
        chosen.solve(network, dataset.target.mean / dataset.target.sigma)
    elif buffers := [name for name, _ in network.named_buffers()]:
        raise ModelError(
            f"expected {chosen.name} to hold nothing but parameters, found {', '.join(buffers)}",
            hint="use layers without running means: LayerNorm in the place of BatchNorm",
        )
    return network
