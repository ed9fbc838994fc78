"""LSTM with attention over the window."""

from torch import Tensor, nn

from models.layers import AttentionHead, Recurrence, RecurrentConfig, Shortcut
from models.registry import Architecture, register


class LSTM(nn.Module):
    """LSTM (Hochreiter and Schmidhuber 1997), attention over its states, linear output."""

    def __init__(self, n_inputs: int, horizon: int, config: RecurrentConfig) -> None:
        super().__init__()
        self.recurrence = Recurrence(nn.LSTM, n_inputs, config)
        self.head = AttentionHead(config.hidden_size, horizon, config.dropout)
        self.shortcut = Shortcut(n_inputs, horizon)

    def forward(self, inputs: Tensor, window: int, steps: int) -> Tensor:
        """``(batch, length, n_inputs)`` to ``(batch, steps, horizon)``."""
        changes: Tensor = self.head(self.recurrence(inputs), window, steps)
        linear: Tensor = self.shortcut(inputs[:, -steps:])
        return changes + linear


register(Architecture("lstm", RecurrentConfig, LSTM))
