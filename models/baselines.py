"""The baselines, as networks: promoted, stored and served like any other.

``naive`` repeats the last close (the random walk's forecast). ``drift`` continues the mean change of the
training bars (Hyndman and Athanasopoulos, Forecasting: Principles and Practice, section 5.2).
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from models.registry import Architecture, register


@dataclass(frozen=True)
class BaselineConfig:
    """A baseline has nothing to set."""


class Naive(nn.Module):
    """No change at any step."""

    def __init__(self, n_inputs: int, horizon: int, config: BaselineConfig) -> None:
        super().__init__()
        self.horizon = horizon

    def forward(self, inputs: Tensor, window: int, steps: int) -> Tensor:
        """``(batch, length, n_inputs)`` to ``(batch, steps, horizon)``, all zero."""
        return inputs.new_zeros(len(inputs), steps, self.horizon)


class Drift(nn.Module):
    """The same mean change at every step."""

    slope: Tensor

    def __init__(self, n_inputs: int, horizon: int, config: BaselineConfig) -> None:
        super().__init__()
        self.horizon = horizon
        self.register_buffer("slope", torch.zeros(1))  # mean one-bar change, in sigma

    def forward(self, inputs: Tensor, window: int, steps: int) -> Tensor:
        """``(batch, length, n_inputs)`` to ``(batch, steps, horizon)``, the same from each bar."""
        # k steps of drift, in units of sigma * sqrt(k), are sqrt(k) slopes
        ahead = torch.arange(1, self.horizon + 1, dtype=self.slope.dtype, device=self.slope.device)
        return (self.slope * ahead.sqrt()).expand(len(inputs), steps, -1)


def _solve_naive(network: nn.Module, mean_change: float) -> None:
    """The random walk has no parameter."""


def _solve_drift(network: nn.Module, mean_change: float) -> None:
    assert isinstance(network, Drift)
    network.slope.fill_(mean_change)


register(Architecture("naive", BaselineConfig, Naive, _solve_naive))
register(Architecture("drift", BaselineConfig, Drift, _solve_drift))
