"""The training loop: one epoch function, early stopping, a deadline, and a guard against NaN."""

import copy
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ml.config import LossName, TrainConfig
from ml.errors import TrainingError
from ml.features.windows import windows

Stopped = Literal["early", "epochs", "deadline", "diverged", "solved"]

_LOSSES: dict[LossName, Callable[[], nn.Module]] = {
    "huber": nn.SmoothL1Loss,
    "mae": nn.L1Loss,
    "mse": nn.MSELoss,
}


@dataclass(frozen=True)
class Samples:
    """Windows with their targets.

    Attributes:
        scaled: the series' scaled inputs ``(n_bars, inputs)``, shared: windows are gathered per batch.
        anchors: last bar of each window, ``(n,)``.
        targets: changes in volatility units, ``(n, horizon)``.
        seq_len: bars in a window.
    """

    scaled: NDArray[np.float32]
    anchors: NDArray[np.int64]
    targets: Tensor
    seq_len: int

    def __len__(self) -> int:
        return len(self.anchors)

    def batch(self, rows: Tensor, device: torch.device) -> tuple[Tensor, Tensor]:
        """``(batch, seq_len, inputs)`` and ``(batch, horizon)`` of some rows, on the device."""
        inputs = windows(self.scaled, self.anchors[rows.numpy()], self.seq_len)
        return torch.from_numpy(inputs).to(device), self.targets[rows].to(device)


@dataclass(frozen=True)
class Epoch:
    """One line of the history. Epoch 0 is the network before any step: the random walk."""

    epoch: int
    train_loss: float | None
    val_loss: float
    best: bool
    seconds: float

    def as_dict(self) -> dict[str, float | int | bool | None]:
        """Plain data for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Fit:
    """How a training went; the network holds the best epoch's weights."""

    history: tuple[Epoch, ...]
    best_epoch: int
    stopped: Stopped
    seconds: float

    @property
    def epochs(self) -> int:
        """Epochs that were finished."""
        return max(0, len(self.history) - 1)


class _Interrupted(Exception):  # noqa: N818  # control flow within this file, not an error
    """The epoch was left in the middle."""

    def __init__(self, reason: Stopped) -> None:
        self.reason: Stopped = reason


def fit(
    network: nn.Module,
    train: Samples,
    validation: Samples,
    config: TrainConfig,
    device: torch.device,
    on_epoch: Callable[[Epoch], None] | None = None,
) -> Fit:
    """Train in place; afterwards the network holds the weights of the best validation loss.

    The same seed gives the same weights on the same machine and thread count.

    Raises:
        TrainingError: no epoch could be finished before the deadline or before the loss was not finite.
    """
    started = time.monotonic()
    loss_of = _LOSSES[config.loss]()
    optimiser = torch.optim.AdamW(
        network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
    )
    order = torch.Generator().manual_seed(config.seed)

    def step(inputs: Tensor, targets: Tensor) -> Tensor:
        optimiser.zero_grad(set_to_none=True)
        loss: Tensor = loss_of(network(inputs), targets)
        loss.backward()  # type: ignore[no-untyped-call]
        norm = nn.utils.clip_grad_norm_(network.parameters(), config.clip_norm)
        if not math.isfinite(float(norm)):
            raise _Interrupted("diverged")
        optimiser.step()
        if time.monotonic() - started > config.deadline_seconds:
            raise _Interrupted("deadline")
        return loss.detach()

    def judge(inputs: Tensor, targets: Tensor) -> Tensor:
        loss: Tensor = loss_of(network(inputs), targets)
        return loss

    def record(epoch: int, train_loss: float | None, val_loss: float, best: bool) -> None:
        history.append(Epoch(epoch, train_loss, val_loss, best, time.monotonic() - started))
        if on_epoch is not None:
            on_epoch(history[-1])

    history: list[Epoch] = []
    rows = torch.arange(len(train))
    val_rows = torch.arange(len(validation))
    network.eval()
    try:
        with torch.no_grad():
            best_loss = _run_epoch(validation, val_rows, config.batch_size, device, judge)
    except _Interrupted as interrupted:
        raise _unfinished(interrupted.reason, config) from None
    best_epoch, best_weights = 0, copy.deepcopy(network.state_dict())
    record(0, None, best_loss, best=True)

    stopped: Stopped = "epochs"
    for epoch in range(1, config.epochs + 1):
        try:
            network.train()
            shuffled = rows[torch.randperm(len(rows), generator=order)]
            train_loss = _run_epoch(train, shuffled, config.batch_size, device, step)
            network.eval()
            with torch.no_grad():
                val_loss = _run_epoch(validation, val_rows, config.batch_size, device, judge)
        except _Interrupted as interrupted:
            stopped = interrupted.reason
            break
        better = val_loss < best_loss
        if better:
            best_loss, best_epoch = val_loss, epoch
            best_weights = copy.deepcopy(network.state_dict())
        record(epoch, train_loss, val_loss, best=better)
        if epoch - best_epoch >= config.patience:
            stopped = "early"
            break
    network.load_state_dict(best_weights)
    network.eval()
    if len(history) == 1:
        raise _unfinished(stopped, config)
    return Fit(tuple(history), best_epoch, stopped, time.monotonic() - started)


def _run_epoch(
    samples: Samples,
    rows: Tensor,
    batch_size: int,
    device: torch.device,
    step: Callable[[Tensor, Tensor], Tensor],
) -> float:
    """Run ``step`` over all rows in order; the mean loss of a window."""
    total = torch.zeros((), device=device)
    for batch in torch.split(rows, batch_size):
        total += step(*samples.batch(batch, device)) * len(batch)
    mean = float(total) / len(rows)
    if not math.isfinite(mean):
        raise _Interrupted("diverged")
    return mean


def _unfinished(stopped: Stopped, config: TrainConfig) -> TrainingError:
    if stopped == "deadline":
        return TrainingError(
            f"no epoch was finished within the deadline of {config.deadline_seconds:g} s",
            hint="raise --deadline-seconds, or train fewer windows with a larger --batch-size",
        )
    return TrainingError(
        "the loss or its gradient was not finite in the first epoch",
        hint="lower --learning-rate, or look at the series' suspect bars",
    )
