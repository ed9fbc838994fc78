"""Causal convolutions before an LSTM with attention."""

from dataclasses import dataclass

from torch import Tensor, nn

from models.layers import AttentionHead, RecurrentConfig, recurrence
from models.registry import Architecture, register


@dataclass(frozen=True)
class CNNLSTMConfig(RecurrentConfig):
    """Sizes of the network."""

    channels: int = 64
    kernel_size: int = 5

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (1 <= self.channels <= 4096 and 1 <= self.kernel_size <= 64):
            raise ValueError(
                "expected channels 1..4096 and kernel_size 1..64, "
                f"found {self.channels}, {self.kernel_size}"
            )


class CNNLSTM(nn.Module):
    """Local patterns by convolution, their order by an LSTM (CNN-LSTM, Sainath et al. 2015)."""

    def __init__(self, n_inputs: int, horizon: int, config: CNNLSTMConfig) -> None:
        super().__init__()
        # Padding on the left only: a state never sees a later bar of its window.
        self.pad = nn.ConstantPad1d((config.kernel_size - 1, 0), 0.0)
        self.convolution = nn.Conv1d(n_inputs, config.channels, config.kernel_size)
        self.activation = nn.GELU()
        self.recurrence = recurrence(nn.LSTM, config.channels, config)
        self.head = AttentionHead(config.hidden_size, horizon, config.dropout)

    def forward(self, windows: Tensor) -> Tensor:
        """``(batch, seq_len, features)`` to ``(batch, horizon)``."""
        patterns = self.activation(self.convolution(self.pad(windows.transpose(1, 2))))
        states, _ = self.recurrence(patterns.transpose(1, 2))  # (batch, seq_len, hidden)
        changes: Tensor = self.head(states)
        return changes


register(Architecture("cnn_lstm", CNNLSTMConfig, CNNLSTM))
