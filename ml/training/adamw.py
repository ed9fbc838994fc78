"""AdamW of one tensor (Loshchilov and Hutter, 2019), by torch's fused kernel.

``torch.optim.AdamW(fused=True)`` calls the same kernel, to the bit. But whatever is of ``torch.optim``
imports torch's compiler when it is first used, which takes longer than torch itself: a second and a half
of the start of each process that trains.
"""

import torch
from torch import Tensor

_BETA1, _BETA2, _EPSILON = 0.9, 0.999, 1e-8  # torch's defaults


class AdamW:
    """Moves ``weights`` ``(size, parameters)`` against their gradient."""

    def __init__(self, weights: Tensor, learning_rate: float, weight_decay: float) -> None:
        self.weights = weights
        self._learning_rate, self._weight_decay = learning_rate, weight_decay
        self._mean, self._square = torch.zeros_like(weights), torch.zeros_like(weights)
        # On the device: a recorded step counts itself.
        self._steps = torch.zeros((), device=weights.device)

    def keep(self, weights: Tensor, rows: Tensor) -> None:
        """Go on with these weights, which are the rows of those before."""
        self.weights = weights
        self._mean, self._square = self._mean[rows], self._square[rows]

    def zero_grad(self) -> None:
        """Forget the gradient."""
        self.weights.grad = None

    @torch.no_grad()
    def step(self) -> None:
        """One step."""
        assert self.weights.grad is not None
        self._steps += 1
        torch._fused_adamw_(
            [self.weights],
            [self.weights.grad],
            [self._mean],
            [self._square],
            [],
            [self._steps],
            lr=self._learning_rate,
            beta1=_BETA1,
            beta2=_BETA2,
            weight_decay=self._weight_decay,
            eps=_EPSILON,
            amsgrad=False,
            maximize=False,
        )
