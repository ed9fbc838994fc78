"""One pass over the batches of a segment; on a GPU the work of a batch is recorded and replayed.

A recurrence over a hundred bars is thousands of small kernels, and starting one costs more than running
it. A CUDA graph starts all of them at once (NVIDIA, CUDA C++ Programming Guide, "CUDA Graphs"), which
asks for fixed places in memory: batches are copied to where the recording reads them.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ml.training.samples import Batch, Chunks

# Before recording: libraries choose their kernels, and gradients and the optimiser get their memory.
_WARM_UP_RUNS = 3


class Pass:
    """Sums what ``work`` returns over the batches of a segment.

    Args:
        plans: how each series' segment is cut.
        device: where.
        gather: makes a batch of the first anchors of its chunks ``(series, slots)``, -1 where there is
            none.
        work: called with the batch; returns ``(series,)``. On a GPU it must neither wait for the device
            nor draw random numbers.
    """

    def __init__(
        self,
        plans: Sequence[Chunks],
        device: torch.device,
        gather: Callable[[Tensor], Batch],
        work: Callable[[Batch], Tensor],
    ) -> None:
        self.slots = max(plan.per_batch for plan in plans)
        self._batches = max(plan.batches for plan in plans)
        self._device, self._gather, self._work = device, gather, work
        self._first = torch.full((len(plans), self.slots), -1, device=device)
        self._total = torch.zeros(len(plans), dtype=torch.float64, device=device)
        self._only: Batch | None = None  # where there is one batch, it is the same in each pass
        self._runs = 0
        self._graph: torch.cuda.CUDAGraph | None = None

    def over(self, tables: Callable[[], Sequence[NDArray[np.int64]]]) -> Iterator[int]:
        """Do each batch after its index was yielded.

        ``tables`` gives ``(batches, chunks)`` first anchors for each series.
        """
        self._total.zero_()
        if self._only is not None:
            yield 0
            self._run()
            return
        padded = np.full((self._batches, len(self._total), self.slots), -1, dtype=np.int64)
        for row, table in enumerate(tables()):
            padded[: len(table), row, : table.shape[1]] = table
        for index, first in enumerate(torch.from_numpy(padded).to(self._device)):
            yield index
            self._first.copy_(first)
            if self._batches == 1:
                self._only = self._gather(self._first)
            self._run()

    def total(self) -> NDArray[np.float64]:
        """The sums ``(size,)`` of the last pass."""
        return self._total.cpu().numpy()

    def _once(self) -> None:
        batch = self._gather(self._first) if self._only is None else self._only
        self._total.add_(self._work(batch))

    def _run(self) -> None:
        if self._graph is not None:
            self._graph.replay()
        elif self._device.type != "cuda":
            self._once()
        elif self._runs < _WARM_UP_RUNS:
            self._runs += 1
            # Recording asks that the first runs were not on the main stream.
            beside = torch.cuda.Stream()  # type: ignore[no-untyped-call]
            beside.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(beside):
                self._once()
            torch.cuda.current_stream().wait_stream(beside)
        else:
            self._graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self._graph):
                self._once()
            self._graph.replay()
