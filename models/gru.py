"""GRU with attention over the window."""

from torch import Tensor, nn

from models.layers import AttentionHead, RecurrentConfig, recurrence
from models.registry import Architecture, register


class GRU(nn.Module):
    """GRU (Cho et al. 2014), attention over its states, linear output."""

    def __init__(self, n_inputs: int, horizon: int, config: RecurrentConfig) -> None:
        super().__init__()
        self.recurrence = recurrence(nn.GRU, n_inputs, config)
        self.head = AttentionHead(config.hidden_size, horizon, config.dropout)

    def forward(self, windows: Tensor) -> Tensor:
        """``(batch, seq_len, features)`` to ``(batch, horizon)``."""
        states, _ = self.recurrence(windows)  # (batch, seq_len, hidden)
        changes: Tensor = self.head(states)
        return changes


register(Architecture("gru", RecurrentConfig, GRU))
