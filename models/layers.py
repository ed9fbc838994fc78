"""What several architectures share: recurrences, attention, dropout.

Every layer here maps a chunk of bars to a value for each of its bars, from that bar and those before it.
So one pass over a chunk gives the forecast at every bar of it, and none sees a later bar.
"""

from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional

Cell: TypeAlias = type[nn.LSTM] | type[nn.GRU]


@dataclass(frozen=True)
class RecurrentConfig:
    """Sizes of a recurrent network; checked, for configs are also read from files."""

    hidden_size: int = 64
    num_layers: int = 1
    dropout: float = 0.1

    def __post_init__(self) -> None:
        if not (1 <= self.hidden_size <= 4096 and 1 <= self.num_layers <= 16 and 0 <= self.dropout < 1):
            raise ValueError(
                "expected hidden_size 1..4096, num_layers 1..16 and dropout in [0, 1), "
                f"found {self.hidden_size}, {self.num_layers}, {self.dropout}"
            )


class LockedDropout(nn.Module):
    """Dropout with one mask for all bars of a chunk (Gal and Ghahramani 2016, variational dropout).

    The mask is drawn by whoever trains, not by torch's global generator: the same seed then gives the
    same masks on every device, and for one network as for many that train together.
    """

    def __init__(self, width: int, share: float) -> None:
        super().__init__()
        self.width, self.share = width, share
        self.mask: Tensor | None = None  # (batch, 1, width)

    def use(self, mask: Tensor) -> None:
        """Take a mask ``(batch, 1, width)``: 0 for what is dropped, ``1 / (1 - share)`` elsewhere."""
        if self.mask is None or self.mask.shape != mask.shape or self.mask.device != mask.device:
            self.mask = mask
        else:
            self.mask.copy_(mask)  # in place: a captured graph goes on reading it

    def forward(self, states: Tensor) -> Tensor:
        """``(batch, length, width)``, of which a share is zero, the rest grown to match."""
        if not self.training or self.share == 0:
            return states
        if self.mask is None:
            raise RuntimeError("expected a mask, found none: give it one before each training step")
        return states * self.mask


class Recurrence(nn.Module):
    """Layers of LSTM or GRU, with dropout between them.

    Attributes:
        unrolled: compute bar by bar with plain products instead of torch's own kernels. Slower for one
            network, but it can be batched over many (`torch.func.vmap`), which the kernels cannot.
    """

    def __init__(self, cell: Cell, n_inputs: int, config: RecurrentConfig) -> None:
        super().__init__()
        hidden, count = config.hidden_size, config.num_layers
        widths = [n_inputs] + [hidden] * (count - 1)
        self.layers = nn.ModuleList(cell(width, hidden, batch_first=True) for width in widths)
        self.between = nn.ModuleList(LockedDropout(hidden, config.dropout) for _ in widths[1:])
        self.unrolled = False

    def forward(self, inputs: Tensor) -> Tensor:
        """``(batch, length, n_inputs)`` to hidden states ``(batch, length, hidden)``."""
        states = inputs
        for index, layer in enumerate(self.layers):
            if index:
                states = self.between[index - 1](states)
            assert isinstance(layer, nn.LSTM | nn.GRU)
            states = _unrolled(layer, states) if self.unrolled else layer(states)[0]
        return states


def _unrolled(layer: nn.LSTM | nn.GRU, inputs: Tensor) -> Tensor:
    """One layer's states by the equations in torch's documentation of `nn.LSTM` and `nn.GRU`."""
    bar = _lstm_bar if isinstance(layer, nn.LSTM) else _gru_bar
    from_inputs = functional.linear(inputs, _weight(layer, "weight_ih_l0"), _weight(layer, "bias_ih_l0"))
    weight, bias = _weight(layer, "weight_hh_l0"), _weight(layer, "bias_hh_l0")
    hidden = memory = inputs.new_zeros(inputs.shape[0], layer.hidden_size)
    states = []
    for gates in from_inputs.unbind(1):  # (batch, gates * hidden)
        hidden, memory = bar(gates, functional.linear(hidden, weight, bias), hidden, memory)
        states.append(hidden)
    return torch.stack(states, dim=1)


def _weight(layer: nn.Module, name: str) -> Tensor:
    weight = getattr(layer, name)
    assert isinstance(weight, Tensor)
    return weight


def _lstm_bar(
    from_inputs: Tensor, from_hidden: Tensor, hidden: Tensor, memory: Tensor
) -> tuple[Tensor, Tensor]:
    enter, forget, candidate, output = (from_inputs + from_hidden).chunk(4, dim=1)
    memory = torch.sigmoid(forget) * memory + torch.sigmoid(enter) * torch.tanh(candidate)
    return torch.sigmoid(output) * torch.tanh(memory), memory


def _gru_bar(
    from_inputs: Tensor, from_hidden: Tensor, hidden: Tensor, memory: Tensor
) -> tuple[Tensor, Tensor]:
    reset_x, update_x, candidate_x = from_inputs.chunk(3, dim=1)
    reset_h, update_h, candidate_h = from_hidden.chunk(3, dim=1)
    candidate = torch.tanh(candidate_x + torch.sigmoid(reset_x + reset_h) * candidate_h)
    return torch.lerp(candidate, hidden, torch.sigmoid(update_x + update_h)), memory


class AttentionHead(nn.Module):
    """From hidden states to the changes forecast at each of the last bars.

    A bar's state attends over the states of its window (scaled dot product with a learnt query and
    key, one head: Vaswani et al. 2017, section 3.2.1). The context is joined with the state, so
    attention adds to the recurrence and never replaces it. The output layer starts at zero, so the
    network starts as the random walk.
    """

    def __init__(self, width: int, horizon: int, dropout: float) -> None:
        super().__init__()
        self.query = nn.Linear(width, width, bias=False)
        self.key = nn.Linear(width, width, bias=False)
        self.dropout = LockedDropout(2 * width, dropout)
        self.output = nn.Linear(2 * width, horizon)
        nn.init.zeros_(self.output.weight)
        nn.init.zeros_(self.output.bias)

    def forward(self, states: Tensor, window: int, steps: int) -> Tensor:
        """``(batch, length, width)`` to ``(batch, steps, horizon)``, from each of the last bars."""
        length, width = states.shape[-2:]
        states = states[:, max(0, length - window - steps + 1) :]  # no window reaches further back
        last = states[:, -steps:]  # (batch, steps, width)
        scores = self.query(last) @ self.key(states).transpose(1, 2) / width**0.5
        if steps > 1:
            outside = _band(states.shape[-2], window, steps, states.device)
            scores = scores.masked_fill(outside, -torch.inf)
        context = torch.softmax(scores, dim=-1) @ states  # (batch, steps, width)
        changes: Tensor = self.output(self.dropout(torch.cat([last, context], dim=-1)))
        return changes


class Shortcut(nn.Linear):
    """Straight from a bar's inputs to the changes forecast at it: the linear part of the forecast.

    It starts at zero. No gradient moves it, for on what little there is to learn the fastest part would
    learn noise first, and training would stop before the others have begun: its weights are solved for.
    """

    def __init__(self, n_inputs: int, horizon: int) -> None:
        super().__init__(n_inputs, horizon)
        nn.init.zeros_(self.weight)
        nn.init.zeros_(self.bias)

    def forward(self, inputs: Tensor) -> Tensor:
        """``(batch, steps, n_inputs)`` to ``(batch, steps, horizon)``."""
        return functional.linear(inputs, self.weight.detach(), self.bias.detach())


def _band(length: int, window: int, steps: int, device: torch.device) -> Tensor:
    """Where a bar lies outside the window of one of the last bars, ``(steps, length)``."""
    bars = torch.arange(length, device=device)
    age = bars[length - steps :, None] - bars
    return (age < 0) | (age >= window)


def each_window(inputs: Tensor, window: int, steps: int) -> Tensor:
    """The windows that end at the last bars of chunks: for networks that know windows only.

    ``(batch, length, n_inputs)`` to ``(batch * steps, window, n_inputs)``.
    """
    recent = inputs[:, inputs.shape[1] - window - steps + 1 :]
    windows = recent.unfold(1, window, 1)  # (batch, steps, n_inputs, window)
    return windows.transpose(2, 3).flatten(0, 1)
