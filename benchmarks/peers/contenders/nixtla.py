"""neuralforecast: LSTM or NHITS, one for each series or one for all.

    python -m benchmarks.peers.contenders.nixtla TASK ANSWER {lstm|nhits} {each|all}

One a series: the protocol's size, steps and batch; early stopping on the validation bars. The LSTM
scales each window robustly and NHITS takes the series as it is, both by the library's default. One for
all: the library's own number of steps and windows. All test windows are forecast in one call.
"""

import logging
import sys
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from neuralforecast import NeuralForecast
from neuralforecast.models import LSTM, NHITS

from benchmarks.peers.contender import asked_threads, compete
from benchmarks.peers.exchange import Protocol, Series
from benchmarks.peers.windows import Floats

# Validation passes without progress before it stops, and steps between two of them.
_PATIENCE, _EVERY = 3, 40
_QUIET = {"enable_progress_bar": False, "enable_model_summary": False, "logger": False}


def build(kind: str, protocol: Protocol, one_for_all: bool) -> Any:
    """The model, as the library's documentation sets it up."""
    common: dict[str, Any] = {
        "h": protocol.horizon,
        "input_size": protocol.input_size,
        "random_seed": protocol.seed,
        "early_stop_patience_steps": _PATIENCE,
        "accelerator": "cpu",
        **_QUIET,
    }
    if not one_for_all:
        common |= {
            "max_steps": protocol.steps,
            "windows_batch_size": protocol.batch_size,
            "val_check_steps": _EVERY,
        }
    if kind == "nhits":
        return NHITS(**common)
    return LSTM(encoder_n_layers=1, encoder_hidden_size=protocol.hidden_size, **common)


class Nixtla:
    """A fitted `NeuralForecast` of one model."""

    def __init__(self, kind: str, series: Sequence[Series], one_for_all: bool) -> None:
        model = build(kind, series[0].protocol, one_for_all)
        # Bars are numbered: a frequency with holidays cannot be given.
        self._library = NeuralForecast(models=[model], freq=1)
        frame = _frame([(one.name, one.past) for one in series])
        self._library.fit(frame, val_size=min(one.n_validation for one in series))

    def forecast(self, series: Sequence[Series]) -> list[Floats]:
        """One pass over all windows, without a new fit."""
        horizon = series[0].protocol.horizon
        held_out = max(len(one.close) - one.split for one in series)
        table = self._library.cross_validation(
            df=_frame([(one.name, one.close) for one in series]),
            use_fitted=True,
            n_windows=None,
            test_size=held_out,
            step_size=1,
        )
        (column,) = set(table.columns) - {"unique_id", "ds", "cutoff", "y"}
        table = table.sort_values(["unique_id", "cutoff", "ds"])
        by_series = dict(tuple(table.groupby("unique_id")))
        made = []
        for one in series:
            rows = by_series[one.name]
            # Its first cutoff is the last bar before the held-out ones.
            rows = rows[rows["cutoff"] >= one.anchors[0]]
            cutoffs = rows["cutoff"].to_numpy()[::horizon]
            assert np.array_equal(cutoffs, one.anchors), one.name
            made.append(rows[column].to_numpy(dtype=np.float64).reshape(-1, horizon))
        return made


def _frame(closes: Sequence[tuple[str, Floats]]) -> pd.DataFrame:
    return pd.concat(
        [
            pd.DataFrame({"unique_id": name, "ds": np.arange(len(close)), "y": close})
            for name, close in closes
        ],
        ignore_index=True,
    )


def main() -> None:
    """Run."""
    kind, many = sys.argv[3], sys.argv[4] == "all"
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore")
    threads = asked_threads()
    if threads:
        torch.set_num_threads(threads)
    compete(
        lambda series: Nixtla(kind, series, many),
        ("neuralforecast", "pytorch-lightning", "pandas"),
        one_for_all=many,
        threads=torch.get_num_threads(),
        notes={"patience": _PATIENCE, "validate every": "100 steps" if many else f"{_EVERY} steps"},
    )


if __name__ == "__main__":
    main()
