"""From bars to a forecast: the one piece of code that training judges and the service serves.

Beyond the horizon. The network forecasts ``horizon`` steps directly. For more, the forecast itself is
fed back as bars, block by block. What those bars' highs, lows and volumes will be is not known, so each
further block counts ``decay`` times the one before, and the rest of it is the drift of the training
bars: the path settles into the last value and its drift. Once a block would count less than 1% the
network is no longer asked.
"""

import operator
from collections.abc import Sequence
from itertools import chain
from typing import SupportsIndex

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import nn

from ml.errors import FeatureError, TooFewBarsError, UsageError
from ml.features.indicators import Columns, bar_columns, parse_features
from ml.features.inputs import inputs_of, tail_bars, warmup_bars
from ml.features.scaling import Scaler, scale
from ml.features.windows import windows
from ml.forecasting.histories import Histories
from ml.forecasting.spec import MAX_STEPS, ForecastSpec
from ml.forecasting.threads import torch_threads

Floats = NDArray[np.float64]

_BATCH_BARS = 131_072  # that the network reads at once
_LEAST_BLOCK_WEIGHT = 0.01


class Forecaster:
    """A trained network with all that it needs to forecast.

    Args:
        spec: inputs, target and horizon.
        network: as `models` describes; used on its own device.
        scaler: fitted on training bars.
    """

    def __init__(self, spec: ForecastSpec, network: nn.Module, scaler: Scaler) -> None:
        self.spec = spec
        self.network = network.eval()
        self.scaler = scaler
        steps = np.arange(1, spec.horizon + 1)
        # Log price for each unit of the network's output, (horizon,).
        self._unit = np.asarray(spec.target.gain) * spec.target.sigma * np.sqrt(steps)

    @property
    def min_bars(self) -> int:
        """Fewest bars from which a forecast can be made."""
        return warmup_bars(self.spec.features) + self.spec.context

    def changes(self, bars: pd.DataFrame, anchors: Sequence[int] | NDArray[np.int64]) -> Floats:
        """Forecast log changes from the close of each anchor bar, over the horizon.

        Args:
            bars: normalised bars.
            anchors: positions of the last bar that each window sees.

        Returns:
            ``(len(anchors), horizon)``; column ``k - 1`` is ``log(close[t + k] / close[t])``.

        Raises:
            FeatureError: the bars lack a column, or features mean other inputs than in training.
        """
        scaled = self._scaled(bar_columns(bars, parse_features(self.spec.features)))
        positions = np.asarray(anchors, dtype=np.int64)
        batch = max(1, _BATCH_BARS // self.spec.context)
        outputs = [
            self._block(windows(scaled, positions[start : start + batch], self.spec.context))
            for start in range(0, len(positions), batch)
        ]
        return np.concatenate(outputs) if outputs else np.empty((0, self.spec.horizon))

    def paths(
        self,
        bars: pd.DataFrame,
        anchors: Sequence[int] | NDArray[np.int64],
        n_steps: int,
        futures: Sequence[pd.DatetimeIndex] | None = None,
    ) -> Floats:
        """Forecast log changes from each anchor bar, over any number of steps.

        Each block of the horizon is one call of the network, for all anchors at once.

        Args:
            bars: normalised bars; for each anchor, those after it are not read.
            anchors: position of the last bar that each forecast sees, ``(n,)``.
            n_steps: 1 to 500.
            futures: for each anchor the stamps (UTC) of the forecast bars, for calendar features beyond
                the horizon; where there are none, or too few, the spacing of the last bars goes on.

        Returns:
            ``(n, n_steps)``.

        Raises:
            UsageError: ``n_steps`` out of bounds.
            TooFewBarsError: an anchor has too few bars before it.
            FeatureError: as `changes`.
        """
        n_steps = check_steps(n_steps)
        positions = np.asarray(anchors, dtype=np.int64)
        if not len(positions):
            return np.empty((0, n_steps))
        self._check_enough(int(positions.min()) + 1)
        horizon, drift = self.spec.horizon, self.spec.target.drift
        weights = self._block_weights(n_steps)
        histories = Histories(
            bar_columns(bars, parse_features(self.spec.features)),
            positions,
            tail_bars(self.spec.features, self.spec.context),
            horizon * (len(weights) - 1),
            futures,
        )
        path = np.empty((len(positions), n_steps))
        settled = drift * np.arange(1, horizon + 1)
        start = np.zeros((len(positions), 1))
        with torch_threads(1):
            for index, weight in enumerate(weights):
                done = index * horizon
                if done:
                    histories.grow(histories.origins[:, None] * np.exp(path[:, done - horizon : done]))
                    start = path[:, done - 1 : done]
                chunks = [self._scaled(columns)[-self.spec.context :] for columns in histories.each()]
                block = weight * self._block(np.stack(chunks)) + (1.0 - weight) * settled
                path[:, done : done + horizon] = (start + block)[:, : n_steps - done]
        done = min(n_steps, len(weights) * horizon)
        path[:, done:] = path[:, done - 1 : done] + drift * np.arange(1, n_steps - done + 1)
        return path

    def _check_enough(self, n_bars: int) -> None:
        if n_bars < self.min_bars:
            raise TooFewBarsError(
                f"expected at least {self.min_bars} bars to forecast from "
                f"({self.spec.context} for the network and the features' warm-up), found {n_bars}",
                hint="wait for more bars, or train with a smaller --seq-len",
            )

    def _block_weights(self, n_steps: int) -> list[float]:
        """How much the network counts in each block that it is asked for."""
        weights = [1.0]
        while len(weights) * self.spec.horizon < n_steps:
            weight = weights[-1] * self.spec.decay
            if weight < _LEAST_BLOCK_WEIGHT:
                break
            weights.append(weight)
        return weights

    def _scaled(self, columns: Columns) -> NDArray[np.float32]:
        """Scaled inputs of bars, ``(n_bars, n_inputs)``."""
        inputs = inputs_of(columns, self.spec.features)
        if inputs.columns != self.spec.inputs:
            raise FeatureError(
                f"expected the inputs {', '.join(self.spec.inputs)}, found {', '.join(inputs.columns)}",
                hint="the model is of another version of Tickerflow: train the series again",
            )
        return scale(self.scaler, inputs.values)

    def _block(self, chunks: NDArray[np.float32]) -> Floats:
        """Log changes over the horizon after each chunk, by one call of the network.

        ``(batch, context, n_inputs)`` to ``(batch, horizon)``.
        """
        weights = chain(self.network.parameters(), self.network.buffers())
        device = next((tensor.device for tensor in weights), torch.device("cpu"))
        with torch.inference_mode(), torch_threads(1):
            units = self.network(torch.from_numpy(chunks).to(device), self.spec.seq_len, 1)[:, -1]
        return np.asarray(units.cpu().numpy(), dtype=np.float64) * self._unit


def check_steps(n_steps: SupportsIndex) -> int:
    """Return ``n_steps`` as an int from 1 to 500; raise `UsageError` with the bounds for all else."""
    hint = f"ask for 1 to {MAX_STEPS} steps"
    try:
        steps = operator.index(n_steps)
    except TypeError as error:
        raise UsageError(f"expected a whole number of steps, found {n_steps!r}", hint=hint) from error
    if isinstance(n_steps, bool) or not 1 <= steps <= MAX_STEPS:
        raise UsageError(f"expected 1 to {MAX_STEPS} steps, found {n_steps!r}", hint=hint)
    return steps
