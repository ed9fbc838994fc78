"""What several architectures share."""

from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor, nn

Cell = TypeVar("Cell", nn.LSTM, nn.GRU)


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


def recurrence(cell: type[Cell], n_inputs: int, config: RecurrentConfig) -> Cell:
    """The recurrent layers of a config, batch first."""
    between = config.dropout if config.num_layers > 1 else 0.0  # torch warns about one layer
    return cell(n_inputs, config.hidden_size, config.num_layers, batch_first=True, dropout=between)


class AttentionHead(nn.Module):
    """From hidden states to the changes at each step.

    The last hidden state attends over all states of the window (scaled dot product with a learnt query
    and key, one head: Vaswani et al. 2017, section 3.2.1). The context is joined with the last state, so
    attention adds to the recurrence and never replaces it. The output layer starts at zero, so the
    network starts as the random walk.
    """

    def __init__(self, width: int, horizon: int, dropout: float) -> None:
        super().__init__()
        self.query = nn.Linear(width, width, bias=False)
        self.key = nn.Linear(width, width, bias=False)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(2 * width, horizon)
        nn.init.zeros_(self.output.weight)
        nn.init.zeros_(self.output.bias)

    def forward(self, states: Tensor) -> Tensor:
        """``(batch, seq_len, width)`` to ``(batch, horizon)``."""
        last = states[:, -1]  # (batch, width)
        scores = torch.einsum("bw,btw->bt", self.query(last), self.key(states))
        weights = torch.softmax(scores / states.shape[-1] ** 0.5, dim=1)  # (batch, seq_len)
        context = torch.einsum("bt,btw->bw", weights, states)
        changes: Tensor = self.output(self.dropout(torch.cat([last, context], dim=1)))
        return changes
