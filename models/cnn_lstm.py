"""Causal convolutions before an LSTM with attention."""

from dataclasses import dataclass

from torch import Tensor, nn

from models.layers import AttentionHead, Recurrence, RecurrentConfig, Shortcut
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
        # Padding on the left only: a state never sees a later bar.
        self.pad = nn.ConstantPad1d((config.kernel_size - 1, 0), 0.0)
        self.convolution = nn.Conv1d(n_inputs, config.channels, config.kernel_size)
        self.activation = nn.GELU()
        self.recurrence = Recurrence(nn.LSTM, config.channels, config)
        self.head = AttentionHead(config.hidden_size, horizon, config.dropout)
        self.shortcut = Shortcut(n_inputs, horizon)

    def forward(self, inputs: Tensor, window: int, steps: int) -> Tensor:
        """``(batch, length, n_inputs)`` to ``(batch, steps, horizon)``."""
        patterns = self.activation(self.convolution(self.pad(inputs.transpose(1, 2))))
        changes: Tensor = self.head(self.recurrence(patterns.transpose(1, 2)), window, steps)
        linear: Tensor = self.shortcut(inputs[:, -steps:])
        return changes + linear


register(Architecture("cnn_lstm", CNNLSTMConfig, CNNLSTM))
