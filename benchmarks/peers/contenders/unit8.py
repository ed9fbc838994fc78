"""Darts: BlockRNNModel with an LSTM, one for each series.

    python -m benchmarks.peers.contenders.unit8 TASK ANSWER

As its guide to torch models has it: float32 series, a `Scaler` fitted on the training bars, reversible
instance norm, early stopping on the validation bars, the best checkpoint kept. All test
windows are forecast by one `historical_forecasts` without training.
"""

import logging
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from darts import TimeSeries
from darts.dataprocessing.transformers import Scaler
from darts.models import BlockRNNModel
from pytorch_lightning.callbacks import EarlyStopping

from benchmarks.peers.contender import asked_threads, compete
from benchmarks.peers.exchange import Series
from benchmarks.peers.windows import Floats

_PATIENCE = 8  # epochs; an epoch is about 11 steps of the protocol


class Darts:
    """A fitted model and its scaler."""

    def __init__(self, series: Sequence[Series], work_dir: Path) -> None:
        (one,) = series
        protocol = one.protocol
        first_validation = len(one.past) - one.n_validation
        windows = first_validation - protocol.input_size - protocol.horizon + 1
        steps_an_epoch = -(-windows // protocol.batch_size)
        self._scaler = Scaler()
        train = self._scaler.fit_transform(_series(one.past[:first_validation]))
        # Its first window reaches back, so that each validation bar is a target.
        reaching_back = _series(one.past[first_validation - protocol.input_size :])
        self._model = BlockRNNModel(
            input_chunk_length=protocol.input_size,
            output_chunk_length=protocol.horizon,
            model="LSTM",
            hidden_dim=protocol.hidden_size,
            n_rnn_layers=1,
            batch_size=protocol.batch_size,
            n_epochs=max(1, round(protocol.steps / steps_an_epoch)),
            random_state=protocol.seed,
            # Against the shift of level between training and held-out bars, as the library advises.
            use_reversible_instance_norm=True,
            model_name=one.name,
            work_dir=str(work_dir),
            force_reset=True,
            save_checkpoints=True,
            pl_trainer_kwargs={
                "accelerator": "cpu",
                "enable_progress_bar": False,
                "enable_model_summary": False,
                "callbacks": [EarlyStopping("val_loss", patience=_PATIENCE)],
            },
        )
        self._model.fit(train, val_series=self._scaler.transform(reaching_back))
        self._model = BlockRNNModel.load_from_checkpoint(
            one.name, work_dir=str(work_dir), best=True, trusted=True
        )

    def forecast(self, series: Sequence[Series]) -> list[Floats]:
        """One call over all windows."""
        (one,) = series
        made = self._model.historical_forecasts(
            self._scaler.transform(_series(one.close)),
            # By position: where the first forecast bar is.
            start=int(one.anchors[0]) + 1,
            start_format="position",
            forecast_horizon=one.protocol.horizon,
            stride=1,
            retrain=False,
            last_points_only=False,
        )
        starts = [int(forecast.start_time()) for forecast in made]
        assert np.array_equal(starts, one.anchors + 1), one.name
        values = np.stack([self._scaler.inverse_transform(forecast).values()[:, 0] for forecast in made])
        return [values.astype(np.float64)]


def _series(close: Floats) -> TimeSeries:
    return TimeSeries.from_values(close.astype(np.float32))


def main() -> None:
    """Run."""
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore")
    threads = asked_threads()
    if threads:
        torch.set_num_threads(threads)
    work_dir = Path(sys.argv[2]) / "checkpoints"
    compete(
        lambda series: Darts(series, work_dir),
        ("darts", "pytorch-lightning"),
        threads=torch.get_num_threads(),
        notes={"patience": _PATIENCE},
    )


if __name__ == "__main__":
    main()
