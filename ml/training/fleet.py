"""Networks that train together: each series has its own weights, data and gradient, in shared tensors.

A small network leaves a processor idle between its many small steps. So the weights of all series are
rows of one matrix, and each step is done for all rows at once. One series alone runs on torch's own
recurrent kernels instead, which are faster than the steps written out and give the same numbers.
"""

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap
from torch.nn import functional

from ml.config import LossName, TrainConfig
from ml.training.adamw import AdamW
from ml.training.samples import Batch
from models.layers import LockedDropout, Recurrence, Shortcut

_LOSSES: dict[LossName, Callable[..., Tensor]] = {
    "huber": functional.smooth_l1_loss,
    "mae": functional.l1_loss,
    "mse": functional.mse_loss,
}


class Fleet:
    """The weights of ``size`` series, and the steps that move them.

    Attributes:
        weights: ``(size, parameters)``, one row a series.
        diverged: whether a series' gradient was not finite once, ``(size,)``.
    """

    def __init__(self, network: nn.Module, size: int, config: TrainConfig, unrolled: bool) -> None:
        self.network = network
        self.config = config
        self._unrolled = unrolled
        self._shapes = {name: tensor.shape for name, tensor in network.named_parameters()}
        self._sizes = [math.prod(shape) for shape in self._shapes.values()]
        initial = torch.cat([tensor.detach().flatten() for tensor in network.parameters()])
        self.weights = nn.Parameter(initial.repeat(size, 1))
        self.optimiser = AdamW(self.weights, config.learning_rate, config.weight_decay)
        self._solved = self._places(Shortcut).to(initial.device)
        self.diverged = torch.zeros(size, dtype=torch.bool, device=initial.device)
        self._dropouts = [part for part in network.modules() if isinstance(part, LockedDropout)]

    def start_from(self, row: int, weights: Mapping[str, Tensor]) -> None:
        """Give one series weights of its own, by the network's names, before any step."""
        own = torch.cat([weights[name].detach().flatten() for name in self._shapes])
        with torch.no_grad():
            self.weights[row] = own.to(self.weights)

    def keep(self, rows: Tensor) -> None:
        """Drop all series but these, with their part of the optimiser's memory."""
        self.weights = nn.Parameter(self.weights.detach()[rows])
        self.optimiser.keep(self.weights, rows)
        self.diverged = self.diverged[rows]

    def draw_dropout(self, seed: Sequence[int], chunks: int) -> None:
        """New masks, the same for each series, for as many chunks.

        Each dropout has its own generator, which draws chunk by chunk: so the first chunks have the same
        masks for any number of chunks.
        """
        for index, dropout in enumerate(self._dropouts):
            generator = np.random.default_rng([*seed, index])
            kept = generator.random((chunks, 1, dropout.width)) >= dropout.share
            mask = torch.from_numpy((kept / (1.0 - dropout.share)).astype(np.float32))
            dropout.use(mask.to(self.weights.device))

    def loss(self, batch: Batch) -> Tensor:
        """Mean loss of each series' anchors, ``(size,)``."""
        forecast = self._forecast(batch.inputs, batch.targets.shape[2])
        errors = _LOSSES[self.config.loss](forecast, batch.targets, reduction="none").mean(dim=-1)
        total = batch.weight.sum(dim=(1, 2)).clamp(min=1.0)
        return (errors * batch.weight).sum(dim=(1, 2)) / total

    def step(self, batch: Batch) -> Tensor:
        """One step of AdamW for each series, its gradient clipped by its norm; the loss before it."""
        self.optimiser.zero_grad()
        losses = self.loss(batch)
        losses.sum().backward()  # type: ignore[no-untyped-call]
        gradient = self.weights.grad
        assert gradient is not None
        norm = gradient.norm(dim=1, keepdim=True)
        finite = torch.isfinite(norm)
        gradient.mul_((self.config.clip_norm / (norm + 1e-6)).clamp(max=1.0)).masked_fill_(~finite, 0.0)
        self.diverged |= ~finite[:, 0]
        solved = self.weights.detach().index_select(1, self._solved)
        self.optimiser.step()
        with torch.no_grad():
            self.weights.index_copy_(1, self._solved, solved)  # without gradient, yet they would decay
        return losses.detach()

    def state_dict(self, row: Tensor) -> dict[str, Tensor]:
        """A row of weights by the network's names."""
        return {name: part.clone() for name, part in self._named(row).items()}

    def _places(self, kind: type[nn.Module]) -> Tensor:
        """Columns of `weights` that belong to the network's parts of a kind."""
        parts = tuple(
            f"{name}." for name, part in self.network.named_modules() if isinstance(part, kind)
        )
        belongs = [name.startswith(parts) for name in self._shapes]
        return torch.from_numpy(np.flatnonzero(np.repeat(belongs, self._sizes)))

    def _named(self, weights: Tensor) -> dict[str, Tensor]:
        """``(..., parameters)`` as views by the network's names, ``(..., *shape)``."""
        parts = torch.split(weights, self._sizes, dim=-1)
        return {
            name: part.view(*weights.shape[:-1], *shape)
            for (name, shape), part in zip(self._shapes.items(), parts, strict=True)
        }

    def _forecast(self, inputs: Tensor, steps: int) -> Tensor:
        """``(size, chunks, length, inputs)`` to ``(size, chunks, steps, horizon)``."""
        window, network = self.config.seq_len, self.network
        named = self._named(self.weights)
        if not self._unrolled:
            alone = {name: part.squeeze(0) for name, part in named.items()}
            if inputs.is_cuda:  # cuDNN packs a recurrence's weights in place: not those of all series
                alone = {name: part.clone() for name, part in alone.items()}
            forecast: Tensor = functional_call(network, alone, (inputs.squeeze(0), window, steps))
            return forecast.unsqueeze(0)

        def one(weights: dict[str, Tensor], chunks: Tensor) -> Tensor:
            forecast: Tensor = functional_call(network, weights, (chunks, window, steps))
            return forecast

        batched: Tensor = vmap(one)(named, inputs)
        return batched


def unroll(network: nn.Module, unrolled: bool) -> None:
    """Have a network's recurrences computed bar by bar, or by torch's kernels."""
    for part in network.modules():
        if isinstance(part, Recurrence):
            part.unrolled = unrolled
