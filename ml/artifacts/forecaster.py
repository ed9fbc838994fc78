"""From a bundle to a forecaster."""

import torch

import models
from ml.artifacts.bundle import Bundle
from ml.forecasting.forecaster import Forecaster


def forecaster_of(bundle: Bundle) -> Forecaster:
    """Rebuild the network, on the CPU, around a bundle's weights; all was checked when it was loaded."""
    meta = bundle.meta
    # On `meta` nothing is initialised: a training in another thread keeps its random numbers to itself.
    with torch.device("meta"):
        network = models.build(meta.model, len(meta.inputs), meta.horizon, meta.config)
    weights = {name: tensor.float() for name, tensor in bundle.weights.items()}
    network.load_state_dict(weights, assign=True)
    return Forecaster(meta, network, bundle.scaler)
