"""The loop of the tutorials: closes scaled to 0..1, one window after another through an LSTM.

    python -m benchmarks.peers.contenders.textbook TASK ANSWER

The scaler is fitted on the training bars (many tutorials fit it on all). The weights of the best
validation loss are kept.
"""

import copy
from collections.abc import Sequence

import numpy as np
import torch
from sklearn.preprocessing import MinMaxScaler
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.peers.contender import asked_threads, compete
from benchmarks.peers.exchange import Protocol, Series
from benchmarks.peers.windows import Floats, histories, outcomes


class Network(nn.Module):
    """An LSTM whose last hidden state gives the next closes."""

    def __init__(self, protocol: Protocol) -> None:
        super().__init__()
        self.lstm = nn.LSTM(1, protocol.hidden_size, batch_first=True)
        self.head = nn.Linear(protocol.hidden_size, protocol.horizon)

    def forward(self, windows: torch.Tensor) -> torch.Tensor:
        """Scaled closes ``(batch, input, 1)`` to ``(batch, horizon)``."""
        states, _ = self.lstm(windows)
        forecast: torch.Tensor = self.head(states[:, -1])
        return forecast


class Textbook:
    """A trained network and its scaler."""

    def __init__(self, series: Sequence[Series]) -> None:
        (one,) = series
        protocol, past = one.protocol, one.past
        torch.manual_seed(protocol.seed)
        first_validation = len(past) - one.n_validation
        self._scaler = MinMaxScaler().fit(past[:first_validation, None])
        train = self._windows(past, protocol.input_size - 1, first_validation, protocol)
        validation = self._windows(past, first_validation, len(past), protocol)
        self._network = Network(protocol)
        self._train(DataLoader(train, protocol.batch_size, shuffle=True), validation, protocol.steps)

    def _windows(self, past: Floats, start: int, stop: int, protocol: Protocol) -> TensorDataset:
        """Windows that end, and whose targets end, in the bars ``start`` to ``stop``."""
        scaled = self._scaler.transform(past[:, None])[:, 0]
        anchors = np.arange(start, stop - protocol.horizon)
        inputs = histories(scaled, anchors, protocol.input_size)[..., None]
        targets = outcomes(scaled, anchors, protocol.horizon)
        return TensorDataset(torch.tensor(inputs).float(), torch.tensor(targets).float())

    def _train(self, batches: DataLoader[tuple[torch.Tensor, ...]], held: TensorDataset, n: int) -> None:
        optimiser = torch.optim.Adam(self._network.parameters(), lr=1e-3)
        best, weights = float("inf"), self._network.state_dict()
        for _ in range(max(1, round(n / len(batches)))):
            self._network.train()
            for inputs, targets in batches:
                optimiser.zero_grad()
                nn.functional.mse_loss(self._network(inputs), targets).backward()  # type: ignore[no-untyped-call]
                optimiser.step()
            self._network.eval()
            with torch.no_grad():
                inputs, targets = held.tensors
                loss = float(nn.functional.mse_loss(self._network(inputs), targets))
            if loss < best:
                best, weights = loss, copy.deepcopy(self._network.state_dict())
        self._network.load_state_dict(weights)

    def forecast(self, series: Sequence[Series]) -> list[Floats]:
        """All test windows in one batch."""
        (one,) = series
        scaled = self._scaler.transform(one.close[:, None])[:, 0]
        inputs = histories(scaled, one.anchors, one.protocol.input_size)[..., None]
        with torch.no_grad():
            outputs = self._network(torch.tensor(inputs).float()).numpy()
        return [np.asarray(self._scaler.inverse_transform(outputs), dtype=np.float64)]


def main() -> None:
    """Run."""
    threads = asked_threads()
    if threads:
        torch.set_num_threads(threads)
    compete(Textbook, ("scikit-learn",), threads=torch.get_num_threads())


if __name__ == "__main__":
    main()
