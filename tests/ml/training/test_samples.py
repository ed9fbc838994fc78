from dataclasses import replace

import numpy as np
import torch

from ml.training.samples import Samples, Shelf, cut
from tests.ml.training.signals import CPU


def samples(count: int = 40, anchors: range = range(5, 30)) -> Samples:
    rows = np.arange(count, dtype=np.float32)
    scaled = np.stack([rows, -rows], axis=1)
    return Samples(scaled, np.cumsum(np.ones(count) * 0.5), np.array([0.5, 2.0, 4.0]), anchors)


def test_every_anchor_is_in_exactly_one_chunk() -> None:
    plan = cut(range(7, 100), 8, 24)
    assert plan.batches == 4
    for table in (plan.in_order(), plan.shuffled(1, 1), plan.shuffled(1, 2)):
        first = np.sort(table[table >= 0])
        assert first.tolist() == list(range(7, 100, 8))


def test_batches_are_of_about_the_same_size() -> None:
    plan = cut(range(13 * 8), 8, 12 * 8)
    assert (plan.batches, plan.per_batch) == (2, 7)


def test_a_gathered_chunk_has_the_bars_before_its_anchors_and_what_came_after_them() -> None:
    shelf = Shelf([samples()], CPU)
    batch = shelf.gather(torch.tensor([[10, 26, -1]]), lead=4, steps=6)
    assert batch.inputs.shape == (1, 3, 10, 2)
    assert batch.inputs[0, 0, :, 0].tolist() == list(range(6, 16))
    # 0.5 a bar, in units of 0.5, 2 and 4
    assert torch.allclose(batch.targets[0, 0], torch.tensor([1.0, 0.5, 0.375]).expand(6, 3))
    assert batch.weight[0].tolist() == [[1.0] * 6, [1.0] * 4 + [0.0] * 2, [0.0] * 6]


def test_nothing_after_the_last_target_is_on_the_device() -> None:
    shelf = Shelf([samples(), samples(60, range(5, 40))], CPU)
    assert shelf.scaled.shape[1] == 40 + 3
    assert not shelf.scaled[0, 33:].any()
    short = shelf.gather(torch.tensor([[26], [36]]), lead=2, steps=8)
    assert short.inputs[0, 0, :, 0].max() == 29  # filled up with the last anchor's bar


def test_before_the_first_bar_with_inputs_that_bar_repeats() -> None:
    late = replace(samples(), first=3)
    late.scaled[:3] = np.nan
    batch = Shelf([late], CPU).gather(torch.tensor([[5]]), lead=6, steps=2)
    assert batch.inputs[0, 0, :, 0].tolist() == [3, 3, 3, 3, 3, 4, 5, 6]


def test_a_series_of_another_length_is_filled_up() -> None:
    shelf = Shelf([samples(), samples(60, range(5, 40))], CPU)
    short = shelf.gather(torch.tensor([[26], [36]]), lead=2, steps=8)
    assert short.weight.sum(dim=(1, 2)).tolist() == [4.0, 4.0]
