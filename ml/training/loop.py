"""The training loop: epochs, early stopping, a deadline, and a guard against NaN, for each series.

It trains one series or many at once; what a series learns does not depend on which others are beside it.
A job may have weights of its own to start from, and a number of epochs of its own, without validation.
"""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass, field
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ml.config import TrainConfig
from ml.errors import TrainingError
from ml.training.fleet import Fleet, unroll
from ml.training.replay import Pass
from ml.training.samples import Batch, Chunks, Samples, Shelf, cut, steps_of

Stopped = Literal["early", "epochs", "deadline", "diverged", "solved"]

# Series that have stopped are taken out once no more than this share goes on: each time costs a little.
_COMPACT_AT = 0.7

_VALIDATION_WINDOWS = 65_536  # in a batch, of all series

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Job:
    """One series to train.

    Attributes:
        train: what the weights learn from.
        validation: what stops the training; None where ``epochs`` does.
        weights: to start from, by name; by default those of the network.
        epochs: train exactly that many epochs, and keep the weights of the last.
    """

    train: Samples
    validation: Samples | None
    weights: Mapping[str, Tensor] | None = field(default=None, repr=False)
    epochs: int | None = None


@dataclass(frozen=True)
class Epoch:
    """One line of the history. Epoch 0 is the network before any step: by default the random walk.

    ``val_loss`` is NaN where the number of epochs is given: nothing is held back for validation.
    """

    epoch: int
    train_loss: float | None
    val_loss: float
    best: bool
    seconds: float

    def as_dict(self) -> dict[str, float | int | bool | None]:
        """Plain data for JSON."""
        return {**asdict(self), "val_loss": None if math.isnan(self.val_loss) else self.val_loss}


@dataclass(frozen=True)
class Fit:
    """How a training went."""

    history: tuple[Epoch, ...]
    best_epoch: int
    stopped: Stopped
    seconds: float
    steps: int = 0
    weights: dict[str, Tensor] = field(default_factory=dict, repr=False)

    @property
    def epochs(self) -> int:
        """Epochs that were finished."""
        return max(0, len(self.history) - 1)


Outcome = Fit | TrainingError
OnEpoch = Callable[[int, Epoch], None]


def fit(
    network: nn.Module,
    jobs: Sequence[Job],
    config: TrainConfig,
    device: torch.device,
    on_epoch: OnEpoch | None = None,
    unrolled: bool | None = None,
) -> list[Outcome]:
    """Train the network once for each job, from its present weights or from the job's own.

    The same seed gives a job the same weights, whichever jobs are beside it (up to the order in which
    floats are summed) and on whichever device.

    Args:
        network: left as it is; its weights are where each job starts that has none.
        jobs: must agree in `batches_of`, and in whether they are validated.
        config: settings, the same for all.
        device: where to train.
        on_epoch: told the job's index and each of its epochs.
        unrolled: compute recurrences bar by bar; by default where there is more than one job, and there
            it must be.

    Returns:
        For each job its fit, with the weights of its best validation loss or else of its last epoch, on
        the CPU; or the error, where no epoch, or not the number that was asked for, could be finished
        before the deadline or before the loss was not finite.

    Raises:
        ValueError: the jobs do not agree.
    """
    if len({batches_of(job, config) for job in jobs}) > 1:
        raise ValueError("expected jobs with as many batches in an epoch as each other")
    if len({job.validation is None for job in jobs}) > 1:
        raise ValueError("expected jobs that are all validated, or all trained for a number of epochs")
    unrolled = len(jobs) > 1 if unrolled is None else unrolled
    # A copy: torch puts the fleet's weights in its place at each step, and a signal may come in between.
    trained = deepcopy(network).to(device)
    unroll(trained, unrolled)
    # cuDNN would round to ten bits (TF32) and add in any order: no GPU would learn what a CPU does.
    with torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False):
        return _Training(trained, jobs, config, device, on_epoch, unrolled).run()


def batches_of(job: Job, config: TrainConfig) -> int:
    """Optimiser steps in an epoch of a job: jobs that train together have the same."""
    return _plan(job, config).batches


def _plan(job: Job, config: TrainConfig) -> Chunks:
    return cut(job.train.anchors, steps_of(config), config.batch_size)


@dataclass
class _Member:
    """What is known of one job's training."""

    index: int
    windows: int
    plan: Chunks
    epochs: int
    validation: Chunks | None
    validation_windows: int
    history: list[Epoch] = field(default_factory=list)
    best_epoch: int = 0
    best_loss: float = math.inf

    @property
    def least(self) -> int:
        """Epochs without which there is no fit: one, or all where their number is what was asked for."""
        return self.epochs if self.validation is None else min(1, self.epochs)


class _Training:
    """All jobs of a fleet, epoch by epoch. Row ``i`` of each tensor belongs to ``members[i]``."""

    def __init__(
        self,
        network: nn.Module,
        jobs: Sequence[Job],
        config: TrainConfig,
        device: torch.device,
        on_epoch: OnEpoch | None,
        unrolled: bool,
    ) -> None:
        self.network, self.config, self.device, self.on_epoch = network, config, device, on_epoch
        self.fleet = Fleet(network, len(jobs), config, unrolled)
        for row, job in enumerate(jobs):
            if job.weights is not None:
                self.fleet.start_from(row, job.weights)
        self.train = Shelf([job.train for job in jobs], device)
        held_back = [job.validation for job in jobs if job.validation is not None]
        self.validation = Shelf(held_back, device) if held_back else None
        # Validation needs no gradient, so its batches may be large, but not without bounds.
        largest = max(4 * config.chunk, min(4096, _VALIDATION_WINDOWS // len(jobs)))
        self.members = [_member(index, job, config, largest) for index, job in enumerate(jobs)]
        self.best = self.fleet.weights.detach().clone()
        self.total = len(jobs)
        self.outcomes: dict[int, Outcome] = {}
        self.seconds = 0.0  # each job's share of the time so far
        self.marked = time.monotonic()
        self._make_passes()

    def run(self) -> list[Outcome]:
        """Train until every job has stopped; their outcomes in their order."""
        self._record(0, None, self._validate())
        for epoch in range(1, max(member.epochs for member in self.members) + 1):
            if not self._going:
                break
            train_losses = self._train(epoch)
            if train_losses is None:
                self._stop(self.members, "deadline")
                break
            self._record(epoch, train_losses, self._validate())
        self._stop(self.members, "epochs")  # the others
        return [self.outcomes[index] for index in range(self.total)]

    def _make_passes(self) -> None:
        """Fix where the steps read and write, for on a GPU they are recorded once and replayed."""
        config, fleet = self.config, self.fleet
        lead, steps = config.warm_up + config.seq_len - 1, steps_of(config)

        def step(batch: Batch) -> Tensor:
            return fleet.step(batch) * batch.weight.sum(dim=(1, 2))

        def judge(batch: Batch) -> Tensor:
            with torch.no_grad():
                return fleet.loss(batch) * batch.weight.sum(dim=(1, 2))

        def gather(shelf: Shelf) -> Callable[[Tensor], Batch]:
            return lambda first: shelf.gather(first, lead, steps)

        self._train_pass = Pass(
            [member.plan for member in self.members], self.device, gather(self.train), step
        )
        self._val_pass: Pass | None = None
        if self.validation is not None:
            self._val_pass = Pass(self._held_back(), self.device, gather(self.validation), judge)

    def _held_back(self) -> list[Chunks]:
        return [member.validation for member in self.members if member.validation is not None]

    def _train(self, epoch: int) -> Floats | None:
        """One epoch; the mean loss of each job's windows, None where the deadline came first."""
        config, allowed = self.config, self.config.deadline_seconds - self.seconds
        self.network.train()
        for index in self._train_pass.over(
            lambda: [member.plan.shuffled(config.seed, epoch) for member in self.members]
        ):
            if self._share() > allowed:
                return None
            self.fleet.draw_dropout([config.seed, epoch, index], self._train_pass.slots)
        return self._train_pass.total() / [member.windows for member in self.members]

    def _validate(self) -> Floats:
        """The mean loss of each job's validation windows; NaN where it has none."""
        if self._val_pass is None:
            return np.full(len(self.members), math.nan)
        self.network.eval()
        for _ in self._val_pass.over(lambda: [chunks.in_order() for chunks in self._held_back()]):
            pass
        return self._val_pass.total() / [member.validation_windows for member in self.members]

    def _share(self) -> float:
        """What one job has of the time since the last epoch."""
        return (time.monotonic() - self.marked) / self._going

    @property
    def _going(self) -> int:
        """Jobs that still train."""
        return self.total - len(self.outcomes)

    def _record(self, epoch: int, train_losses: Floats | None, val_losses: Floats) -> None:
        """Note an epoch for each job that still trains, and stop those that are done."""
        self.seconds += self._share()
        self.marked = time.monotonic()
        diverged = self.fleet.diverged.cpu().numpy()
        if self.validation is not None:
            diverged = diverged | ~np.isfinite(val_losses)
        better = np.zeros(len(self.members), dtype=bool)
        broken, tired, done = [], [], []
        for row, member in enumerate(self.members):
            if member.index in self.outcomes:
                continue
            if diverged[row]:
                broken.append(member)
                continue
            loss = float(val_losses[row])
            better[row] = self.validation is None or loss < member.best_loss
            if better[row]:
                member.best_loss, member.best_epoch = loss, epoch
            train_loss = None if train_losses is None else float(train_losses[row])
            member.history.append(Epoch(epoch, train_loss, loss, bool(better[row]), self.seconds))
            if self.on_epoch is not None:
                self.on_epoch(member.index, member.history[-1])
            if epoch - member.best_epoch >= self.config.patience:
                tired.append(member)
            elif epoch >= member.epochs:
                done.append(member)
        chosen = torch.from_numpy(better).to(self.device)[:, None]
        self.best = torch.where(chosen, self.fleet.weights.detach(), self.best)
        self._stop(broken, "diverged")
        self._stop(tired, "early")
        self._stop(done, "epochs")
        if 0 < self._going <= _COMPACT_AT * len(self.members):
            self._compact()

    def _stop(self, members: Sequence[_Member], reason: Stopped) -> None:
        rows = {member.index: row for row, member in enumerate(self.members)}
        for member in members:
            if member.index in self.outcomes:
                continue
            done = len(member.history) - 1
            if done < member.least:
                self.outcomes[member.index] = _unfinished(reason, done, member.least, self.config)
                continue
            self.outcomes[member.index] = Fit(
                history=tuple(member.history),
                best_epoch=member.best_epoch,
                stopped=reason,
                seconds=self.seconds,
                steps=member.plan.batches * (len(member.history) - 1),
                weights=self.fleet.state_dict(self.best[rows[member.index]].cpu()),
            )

    def _compact(self) -> None:
        """Go on with the jobs that still train."""
        rows = [row for row, member in enumerate(self.members) if member.index not in self.outcomes]
        kept = torch.tensor(rows, device=self.device)
        self.members = [self.members[row] for row in rows]
        self.best = self.best[kept]
        for part in (self.fleet, self.train, self.validation):
            if part is not None:
                part.keep(kept)
        self._make_passes()


def _member(index: int, job: Job, config: TrainConfig, largest: int) -> _Member:
    held_back = job.validation
    return _Member(
        index=index,
        windows=len(job.train),
        plan=_plan(job, config),
        epochs=config.epochs if job.epochs is None else job.epochs,
        validation=None if held_back is None else cut(held_back.anchors, steps_of(config), largest),
        validation_windows=0 if held_back is None else len(held_back),
    )


def _unfinished(stopped: Stopped, done: int, least: int, config: TrainConfig) -> TrainingError:
    if stopped == "deadline":
        return TrainingError(
            f"expected {least} epoch{'s' * (least > 1)} within the deadline of "
            f"{config.deadline_seconds:g} s, found {done or 'none'} finished",
            hint="raise --deadline-seconds, or train fewer windows with a larger --batch-size",
        )
    return TrainingError(
        f"the loss or its gradient was not finite in epoch {done + 1}",
        hint="lower --learning-rate, or look at the series' suspect bars",
    )
