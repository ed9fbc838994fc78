import subprocess
import sys

import torch

from ml.training.adamw import AdamW


def gradients(steps: int, size: int) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    return [torch.randn(size, 50, generator=generator) for _ in range(steps)]


def test_its_steps_are_those_of_torchs_optimiser_to_the_bit() -> None:
    start = torch.randn(4, 50, generator=torch.Generator().manual_seed(1))
    weights, expected = start.clone().requires_grad_(), start.clone().requires_grad_()
    optimiser = AdamW(weights, learning_rate=0.01, weight_decay=0.1)
    torchs = torch.optim.AdamW([expected], lr=0.01, weight_decay=0.1, fused=True)
    for gradient in gradients(20, 4):
        weights.grad, expected.grad = gradient.clone(), gradient.clone()
        optimiser.step()
        torchs.step()
        assert torch.equal(weights, expected)
    assert not torch.equal(weights, start)


def test_rows_that_are_kept_go_on_as_if_the_others_were_there() -> None:
    whole = torch.ones(4, 50, requires_grad=True)
    optimiser, compacted = AdamW(whole, 0.01, 0.1), torch.ones(4, 50, requires_grad=True)
    smaller = AdamW(compacted, 0.01, 0.1)
    rows = torch.tensor([0, 2])
    for number, gradient in enumerate(gradients(10, 4)):
        if number == 5:
            compacted = compacted.detach()[rows].requires_grad_()
            smaller.keep(compacted, rows)
        whole.grad = gradient.clone()
        compacted.grad = gradient.clone() if number < 5 else gradient[rows].clone()
        optimiser.step()
        smaller.step()
    assert torch.equal(whole[rows], compacted)


def test_a_step_does_not_import_torchs_compiler() -> None:
    code = (
        "import sys, torch\n"
        "from ml.training.adamw import AdamW\n"
        "weights = torch.ones(1, 3, requires_grad=True)\n"
        "weights.grad = torch.ones(1, 3)\n"
        "AdamW(weights, 0.1, 0.0).step()\n"
        "print('torch._dynamo' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "False\n"
