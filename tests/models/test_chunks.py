"""One reading of a chunk says at each of its bars what reading up to that bar says."""

import pytest
import torch
from torch import Tensor, nn

import models
from models.layers import LockedDropout, Recurrence, each_window

NETWORKS = ["lstm", "gru", "cnn_lstm"]
WINDOW, STEPS, LENGTH = 12, 9, 40


def network(name: str, layers: int = 1) -> nn.Module:
    torch.manual_seed(0)
    built = models.build(name, 5, 7, {"hidden_size": 8, "num_layers": layers}).eval()
    with torch.no_grad():
        built.get_submodule("head.output").weight.normal_()  # type: ignore[operator]
    return built


def forecasts(name: str, chunk: Tensor, window: int, steps: int, layers: int = 1) -> Tensor:
    with torch.no_grad():
        changes: Tensor = network(name, layers)(chunk, window, steps)
        return changes


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("name", NETWORKS)
def test_each_step_of_a_chunk_is_the_last_step_of_the_chunk_up_to_it(name: str, layers: int) -> None:
    chunk = torch.randn(3, LENGTH, 5)
    all_at_once = forecasts(name, chunk, WINDOW, STEPS, layers)
    for step in range(STEPS):
        up_to_it = chunk[:, : LENGTH - STEPS + 1 + step]
        last = forecasts(name, up_to_it, WINDOW, 1, layers)
        assert torch.allclose(all_at_once[:, step], last[:, 0], atol=1e-5)


@pytest.mark.parametrize("name", NETWORKS)
def test_no_step_sees_a_later_bar(name: str) -> None:
    chunk = torch.randn(1, LENGTH, 5)
    before = forecasts(name, chunk, WINDOW, STEPS)
    chunk[:, -3:] += 100.0
    after = forecasts(name, chunk, WINDOW, STEPS)
    assert torch.equal(before[:, :-3], after[:, :-3])
    assert not torch.equal(before[:, -3:], after[:, -3:])


def test_attention_reaches_one_window_back_and_no_further() -> None:
    head = network("lstm").get_submodule("head")
    states = torch.randn(1, LENGTH, 8, requires_grad=True)
    head(states, WINDOW, STEPS)[0, 0].sum().backward()
    assert states.grad is not None
    seen = states.grad[0].abs().sum(dim=1).nonzero().flatten().tolist()
    first_anchor = LENGTH - STEPS
    assert seen == list(range(first_anchor - WINDOW + 1, first_anchor + 1))


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("name", NETWORKS)
def test_bar_by_bar_gives_what_the_kernels_give(name: str, layers: int) -> None:
    chunk = torch.randn(2, LENGTH, 5)
    built = network(name, layers)
    with torch.no_grad():
        by_kernel = built(chunk, WINDOW, STEPS)
        for part in built.modules():
            if isinstance(part, Recurrence):
                part.unrolled = True
        assert torch.allclose(built(chunk, WINDOW, STEPS), by_kernel, atol=1e-5)


def test_dropout_has_one_mask_for_all_bars_of_a_chunk_and_none_when_serving() -> None:
    dropout = LockedDropout(4, 0.5)
    states = torch.ones(2, 6, 4)
    with pytest.raises(RuntimeError, match="expected a mask"):
        dropout(states)
    mask = torch.tensor([[[0.0, 2.0, 2.0, 0.0]], [[2.0, 0.0, 2.0, 2.0]]])
    dropout.use(mask)
    assert torch.equal(dropout(states), mask.expand(2, 6, 4))
    assert torch.equal(dropout.eval()(states), states)


def test_a_network_of_windows_is_given_each_window_of_a_chunk() -> None:
    chunk = torch.arange(2 * 10, dtype=torch.float32).reshape(2, 10, 1)
    windows = each_window(chunk, 4, 3)
    assert windows.shape == (6, 4, 1)
    assert windows[0].flatten().tolist() == [4, 5, 6, 7]
    assert windows[2].flatten().tolist() == [6, 7, 8, 9]
    assert windows[5].flatten().tolist() == [16, 17, 18, 19]
