"""What is trained on, held once: chunks of bars and their targets are gathered when they are needed.

A chunk is a run of bars. The network reads it once and is asked for a forecast at each of its last bars
(the anchors), where reading window after window would read each bar ``seq_len`` times. Inputs of a bar
do not depend on the window that it is in, so both ask the same questions of the same network.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ml.config import TrainConfig
from ml.features.windows import targets


@dataclass(frozen=True)
class Samples:
    """The anchors of one segment of a series.

    Attributes:
        scaled: the series' scaled inputs ``(n_bars, inputs)``, shared between segments.
        log_close: ``(n_bars,)``, in double precision.
        unit: log change that one unit of the network's output is, ``(horizon,)``.
        anchors: bars from which is forecast.
        first: the first bar that has inputs.
    """

    scaled: NDArray[np.float32]
    log_close: NDArray[np.float64]
    unit: NDArray[np.float64]
    anchors: range
    first: int = 0

    def __len__(self) -> int:
        return len(self.anchors)

    def actual(self) -> NDArray[np.float64]:
        """Log changes that happened after each anchor, ``(len(anchors), horizon)``."""
        return targets(np.exp(self.log_close), self.anchors, len(self.unit))


@dataclass(frozen=True)
class Batch:
    """Chunks of several series, with what happened after their anchors.

    Attributes:
        inputs: ``(series, chunks, length, inputs)``.
        targets: in the network's units, ``(series, chunks, steps, horizon)``.
        weight: 1 for each anchor and 0 for what only fills a chunk up, ``(series, chunks, steps)``.
    """

    inputs: Tensor
    targets: Tensor
    weight: Tensor


class Shelf:
    """One segment of several series on a device, padded to the same number of bars."""

    def __init__(self, samples: Sequence[Samples], device: torch.device) -> None:
        # Nothing after the last target is ever on the device.
        ends = [part.anchors.stop + len(part.unit) for part in samples]
        bars, columns = max(ends), samples[0].scaled.shape[1]
        scaled = np.zeros((len(samples), bars, columns), dtype=np.float32)
        closes = np.zeros((len(samples), bars))
        for row, (part, end) in enumerate(zip(samples, ends, strict=True)):
            scaled[row, part.first : end] = part.scaled[part.first : end]
            closes[row, :end] = part.log_close[:end]
        self.scaled = torch.from_numpy(scaled).to(device)
        self.log_close = torch.from_numpy(closes).to(device)
        self.unit = torch.from_numpy(np.stack([part.unit for part in samples])).to(device)
        self.last = torch.tensor([part.anchors[-1] for part in samples], device=device)
        self.first = torch.tensor([part.first for part in samples], device=device)

    def keep(self, rows: Tensor) -> None:
        """Drop all series but these."""
        self.scaled, self.log_close = self.scaled[rows], self.log_close[rows]
        self.unit, self.last, self.first = self.unit[rows], self.last[rows], self.first[rows]

    def gather(self, first: Tensor, lead: int, steps: int) -> Batch:
        """Chunks of ``lead + steps`` bars from their first anchors ``(series, chunks)``; -1: none.

        Where a chunk would begin before the series does, its first bar repeats: in training, some bars
        before the first window.
        """
        device = first.device
        rows = torch.arange(len(first), device=device)[:, None, None]
        last = self.last[:, None, None]
        ahead = torch.arange(1, self.unit.shape[1] + 1, device=device)
        anchors = first[:, :, None] + torch.arange(steps, device=device)
        weight = (anchors <= last) & (first[:, :, None] >= 0)
        anchors = torch.minimum(anchors, last).clamp(min=0)
        bars = first[:, :, None] + torch.arange(-lead, steps, device=device)
        bars = torch.maximum(torch.minimum(bars, last), self.first[:, None, None])
        now = self.log_close[rows, anchors]
        later = self.log_close[rows[..., None], anchors[..., None] + ahead]
        changes = (later - now[..., None]) / self.unit[:, None, None]
        return Batch(self.scaled[rows, bars], changes.float(), weight.float())


@dataclass(frozen=True)
class Chunks:
    """How the anchors of a segment are cut into chunks and the chunks into batches.

    Attributes:
        first: first anchors of the chunks, in order of time.
        per_batch: chunks in a batch; the last batch may have fewer.
    """

    first: NDArray[np.int64]
    per_batch: int

    @property
    def batches(self) -> int:
        """Batches in an epoch."""
        return -(-len(self.first) // self.per_batch)

    def in_order(self) -> NDArray[np.int64]:
        """``(batches, per_batch)``, filled up with -1."""
        return self._table(self.first)

    def shuffled(self, seed: int, epoch: int) -> NDArray[np.int64]:
        """The chunks in an order that seed and epoch determine; a single batch needs none."""
        if self.batches == 1:
            return self.in_order()
        order = np.random.default_rng([seed, epoch]).permutation(len(self.first))
        return self._table(self.first[order])

    def _table(self, first: NDArray[np.int64]) -> NDArray[np.int64]:
        table = np.full(self.batches * self.per_batch, -1, dtype=np.int64)
        table[: len(first)] = first
        return table.reshape(self.batches, self.per_batch)


def cut(anchors: range, steps: int, windows_per_batch: int) -> Chunks:
    """Chunks of ``steps`` anchors each, in batches of about as many windows as are asked for.

    Batches are evened out as far as they can be: of 13 chunks at 12 a batch, 7 and 6 and not 12 and 1.
    """
    first = np.arange(anchors.start, anchors.stop, steps, dtype=np.int64)
    most = max(1, windows_per_batch // steps)
    batches = -(-len(first) // most)
    return Chunks(first, -(-len(first) // batches))


def steps_of(config: TrainConfig) -> int:
    """Anchors of a chunk: no more than a batch is to have windows."""
    return min(config.chunk, config.batch_size)
