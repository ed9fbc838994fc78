"""What a training costs, in things that can be counted: a guard against doing anything twice."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from torch import nn
from torch.nn.modules.module import register_module_forward_hook

from ml.config import Settings
from ml.series import SeriesKey
from ml.training.adamw import AdamW
from ml.training.dataset import build_dataset
from ml.training.trainer import train_series
from tests.stored import quick_settings, store_bars
from tests.synthetic import make_bars

KEY = SeriesKey.of("AAPL", "1d")
BARS = make_bars(900)
EPOCHS = 3


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    made = quick_settings(tmp_path, train={"epochs": EPOCHS, "patience": EPOCHS})
    store_bars(made, KEY, BARS)
    return made


@contextmanager
def counted() -> Iterator[dict[str, int]]:
    """Counts optimiser steps, readings of a chunk by a recurrence, and the bars that it read."""
    counts = {"steps": 0, "readings": 0, "bars": 0}

    def read(module: nn.Module, inputs: tuple[Any, ...], _output: object) -> None:
        if isinstance(module, nn.LSTM):
            counts["readings"] += 1
            counts["bars"] += inputs[0].shape[0] * inputs[0].shape[1]

    step = AdamW.step

    def counted_step(optimiser: AdamW) -> None:
        counts["steps"] += 1
        step(optimiser)

    hook = register_module_forward_hook(read)
    try:
        with patch.object(AdamW, "step", counted_step):
            yield counts
    finally:
        hook.remove()


def test_a_training_steps_and_reads_exactly_as_often_as_its_chunks_ask_for(settings: Settings) -> None:
    with counted() as counts:
        train_series(KEY, settings)
    config = settings.train
    split = build_dataset(BARS, config).split
    chunks = math.ceil(len(split.train) / config.chunk)
    batches = math.ceil(chunks / (config.batch_size // config.chunk))
    assert batches == 1
    assert counts["steps"] == EPOCHS * batches
    # Training, validation before it and at each epoch, the windows as served, the skew; the certificate
    # forecasts before and after it changes the future, and the windows as served once more.
    assert counts["readings"] == EPOCHS * batches + (EPOCHS + 1) + 1 + 1 + 3


def test_an_epoch_reads_each_bar_once_and_a_window_at_each_chunk(settings: Settings) -> None:
    with counted() as one:
        train_series(KEY, settings)
    longer = settings.model_copy(
        update={
            "train": settings.train.model_copy(update={"epochs": EPOCHS + 1, "patience": EPOCHS + 1}),
            "run": settings.run.model_copy(update={"skip_unchanged": False}),
        }
    )
    with counted() as two:
        train_series(KEY, longer)
    config, split = settings.train, build_dataset(BARS, settings.train).split
    lead = config.warm_up + config.seq_len - 1

    def read(anchors: range) -> int:
        return math.ceil(len(anchors) / config.chunk) * (lead + config.chunk)

    epoch = read(split.train) + read(split.val)
    assert two["bars"] - one["bars"] == epoch
    assert epoch < 2 * (len(split.train) + 3 * len(split.val))


def test_the_same_training_again_reads_nothing(settings: Settings) -> None:
    from ml.evaluation.promotion import promote_series

    promote_series(train_series(KEY, settings), settings)
    with counted() as counts:
        again = train_series(KEY, settings)
    assert again.outcome is not None
    assert again.outcome.skipped
    assert counts == {"steps": 0, "readings": 0, "bars": 0}
