"""What of the next changes is linear in a bar's inputs: solved for, before the network learns the rest.

Gradient steps find a plain linear dependence late, and early stopping ends before (measured: 5% of what
can be forecast of an AR(1) with phi 0.3). So a network has a `Shortcut` from a bar's inputs to its
changes, whose slopes are those of a ridge regression (Hoerl and Kennard 1970) on the training windows,
as bold as the evidence: where there is none they are 0, and the network starts as the random walk.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ml.evaluation.significance import long_run_variance
from ml.training.samples import Samples
from models.layers import Shortcut

Floats = NDArray[np.float64]

_FOLDS = 5
_RIDGE = 0.1  # of each input's variance; 0.01 to 0.3 came to the same on known signals
_ERRORS = 2.5  # standard errors that a gain is lowered by: one step in 160 passes by chance
_MOST = 4.0  # a target of more sigma counts as so many: one crash is no evidence
_LEAST_WINDOWS = 20  # without overlap, for a step to have slopes at all


@dataclass(frozen=True)
class Slopes:
    """Changes in the network's units are ``inputs @ weight.T + bias``.

    Attributes:
        weight: ``(horizon, inputs)``.
        bias: ``(horizon,)``: at the mean of the training inputs the forecast is no change.
    """

    weight: Floats
    bias: Floats


def with_slopes(network: nn.Module, samples: Samples) -> Mapping[str, Tensor] | None:
    """Weights to start from: the network's own, with the slopes of these samples in its shortcut.

    None for a network without a shortcut, which starts as it is.
    """
    names = _shortcuts(network)
    if not names:
        return None
    slopes = fit_slopes(samples)
    start = dict(network.state_dict())
    for name in names:
        start[f"{name}.weight"] = torch.from_numpy(slopes.weight).float()
        start[f"{name}.bias"] = torch.from_numpy(slopes.bias).float()
    return start


def solved_weights(network: nn.Module, weights: Mapping[str, Tensor]) -> NDArray[np.float32]:
    """What of a network's weights is solved for, in a row; empty for a network without a shortcut."""
    parts = [weights[f"{name}.{part}"] for name in _shortcuts(network) for part in ("weight", "bias")]
    empty = torch.empty(0)
    return np.asarray(torch.cat([empty, *(part.flatten().cpu() for part in parts)]).numpy())


def _shortcuts(network: nn.Module) -> list[str]:
    return [name for name, part in network.named_modules() if isinstance(part, Shortcut)]


def fit_slopes(samples: Samples) -> Slopes:
    """Ridge regression of each step's change on the last bar's inputs, and the gain it has earned.

    Each fifth of the windows is forecast from the others, without those whose targets overlap with it.
    What then happened is regressed on what was said (Mincer and Zarnowitz 1969): the slope is the gain
    with which the forecasts are best, and it is lowered by `_ERRORS` of its standard errors, which allow
    for overlapping windows and for changing volatility. A step whose gain is then not above 0 has no
    slopes. To forecast too little costs little (of the skill, the square of the shortfall) and makes
    what is gained surer.
    """
    anchors = np.asarray(samples.anchors)
    inputs = samples.scaled[anchors].astype(np.float64)
    n, horizon = len(anchors), len(samples.unit)
    steps = min(horizon, n // _LEAST_WINDOWS)
    weight = np.zeros((horizon, inputs.shape[1]))
    if steps:
        wanted = np.clip(samples.actual()[:, :steps] / samples.unit[:steps], -_MOST, _MOST)
        spread = inputs.std(axis=0)
        # An input that stands still says nothing.
        standard = (inputs - inputs.mean(axis=0)) / np.where(spread > 1e-6, spread, np.inf)
        gain = _earned(*_held_out(standard, wanted))
        weight[:steps] = gain[:, None] * _ridge(standard, wanted).T
        weight /= np.where(spread > 1e-6, spread, np.inf)
    return Slopes(weight, 0.0 - weight @ inputs.mean(axis=0))


def _held_out(inputs: Floats, wanted: Floats) -> tuple[Floats, Floats]:
    """What each window is forecast from the other folds and what happened, both less the mean there."""
    said, happened = np.empty_like(wanted), np.empty_like(wanted)
    n, steps = wanted.shape
    edges = np.linspace(0, n, _FOLDS + 1).astype(np.int64)
    for start, stop in pairwise(edges.tolist()):
        others = np.r_[0 : max(0, start - steps), min(n, stop + steps) : n]
        weight = _ridge(inputs[others], wanted[others])
        said[start:stop] = (inputs[start:stop] - inputs[others].mean(axis=0)) @ weight
        happened[start:stop] = wanted[start:stop] - wanted[others].mean(axis=0)
    return said, happened


def _earned(said: Floats, happened: Floats) -> Floats:
    """The gain of each step's forecasts ``(n, steps)`` less its errors, 0 to 1, ``(steps,)``."""
    n, steps = said.shape
    power = (said**2).mean(axis=0)
    power = np.where(power > 0, power, np.inf)  # nothing said: a gain of 0
    gain = (said * happened).mean(axis=0) / power
    variance = long_run_variance(said * (happened - gain * said), np.arange(steps))
    return np.asarray(np.clip(gain - _ERRORS * np.sqrt(variance / n) / power, 0.0, 1.0))


def _ridge(inputs: Floats, wanted: Floats) -> Floats:
    """Slopes ``(inputs, steps)`` of centred columns."""
    x, y = inputs - inputs.mean(axis=0), wanted - wanted.mean(axis=0)
    products = x.T @ x / len(x) + _RIDGE * np.eye(x.shape[1])
    return np.asarray(np.linalg.solve(products, x.T @ y / len(x)))
