"""From bars to a forecast: the one piece of code that training judges and the service serves.

Beyond the horizon. The network forecasts ``horizon`` steps directly. For more, the forecast itself is
fed back as bars, block by block. What those bars' highs, lows and volumes will be is not known, so each
further block counts ``decay`` times the one before, and the rest of it is the drift of the training
bars: the path settles into the last value and its drift. Once a block would count less than 1% the
network is no longer asked.
"""

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import SupportsIndex

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import nn

from ml.errors import FeatureError, TooFewBarsError, UsageError
from ml.features.inputs import compute_inputs, tail_bars, warmup_bars
from ml.features.scaling import Scaler, scale
from ml.features.windows import windows
from ml.forecasting.spec import MAX_STEPS, ForecastSpec
from ml.forecasting.threads import torch_threads

Floats = NDArray[np.float64]

_BATCH = 1024
_LEAST_BLOCK_WEIGHT = 0.01


@dataclass(frozen=True)
class Fan:
    """A forecast in prices; each array has the shape ``(n_steps,)``."""

    point: Floats
    lower_80: Floats
    upper_80: Floats
    lower_95: Floats
    upper_95: Floats


class Forecaster:
    """A trained network with all that it needs to forecast.

    Args:
        spec: inputs, target, horizon and interval widths.
        network: maps ``(batch, seq_len, inputs)`` to ``(batch, horizon)``; used on its own device.
        scaler: fitted on training bars.
    """

    def __init__(self, spec: ForecastSpec, network: nn.Module, scaler: Scaler) -> None:
        self.spec = spec
        self.network = network.eval()
        self.scaler = scaler
        steps = np.arange(1, spec.horizon + 1)
        # Log price for each unit of the network's output, (horizon,).
        self._unit = spec.target.gain * spec.target.sigma * np.sqrt(steps)

    @property
    def min_bars(self) -> int:
        """Fewest bars from which a forecast can be made."""
        return warmup_bars(self.spec.features) + self.spec.seq_len

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
        inputs = compute_inputs(bars, self.spec.features)
        if inputs.columns != self.spec.inputs:
            raise FeatureError(
                f"expected the inputs {', '.join(self.spec.inputs)}, found {', '.join(inputs.columns)}",
                hint="the model is of another version of Tickerflow: train the series again",
            )
        scaled = scale(self.scaler, inputs.values)
        return self._network_changes(scaled, np.asarray(anchors, dtype=np.int64))

    def paths(
        self,
        bars: pd.DataFrame,
        anchor: int,
        n_steps: int,
        future: pd.DatetimeIndex | None = None,
    ) -> Floats:
        """Forecast log changes from one anchor bar, over any number of steps.

        Args:
            bars: normalised bars; those after ``anchor`` are not read.
            anchor: position of the last bar that the forecast sees.
            n_steps: 1 to 500.
            future: stamps of the forecast bars (calendar features need them beyond the horizon); by
                default the spacing of the last bars continues.

        Returns:
            ``(n_steps,)``.

        Raises:
            UsageError: ``n_steps`` out of bounds.
            TooFewBarsError: the anchor has too few bars before it.
        """
        n_steps = check_steps(n_steps)
        if anchor + 1 < self.min_bars:
            raise TooFewBarsError(
                f"expected at least {self.min_bars} bars to forecast from "
                f"(window {self.spec.seq_len} and warm-up of the features), found {anchor + 1}",
                hint="wait for more bars, or train with a smaller --seq-len",
            )
        tail = tail_bars(self.spec.features, self.spec.seq_len)
        history = bars.iloc[max(0, anchor + 1 - tail) : anchor + 1].reset_index(drop=True)
        if bars["volume"].notna().any():
            # As in the whole series: a null amid volumes counts as none traded, also where the tail
            # holds nothing but nulls.
            history["volume"] = history["volume"].fillna(0.0)
        horizon, drift, decay = self.spec.horizon, self.spec.target.drift, self.spec.decay

        origin = float(history["close"].iloc[-1])
        usual_volume = float(history["volume"].iloc[-20:].mean())

        path = np.empty(0)
        weight = 1.0
        while len(path) < n_steps and weight >= _LEAST_BLOCK_WEIGHT:
            done = len(path)
            if done:
                stamps = _stamps(
                    history, horizon, None if future is None else future[done - horizon : done]
                )
                closes = origin * np.exp(path[done - horizon :])
                fed_back = _as_bars(closes, history.iloc[-1], usual_volume, stamps)
                history = pd.concat([history, fed_back]).iloc[-tail:].reset_index(drop=True)
            block = self.changes(history, [len(history) - 1])[0]  # (horizon,) from the block's start
            start = path[-1] if done else 0.0
            block = weight * block + (1.0 - weight) * drift * np.arange(1, horizon + 1)
            path = np.concatenate([path, start + block])
            weight *= decay
        if len(path) < n_steps:
            rest = drift * np.arange(1, n_steps - len(path) + 1)
            path = np.concatenate([path, path[-1] + rest])
        return path[:n_steps]

    def forecast(self, bars: pd.DataFrame, n_steps: int, future: pd.DatetimeIndex | None = None) -> Fan:
        """Forecast prices after the last bar, with 80% and 95% intervals; errors as `paths`."""
        path = self.paths(bars, len(bars) - 1, n_steps, future)
        close = float(bars["close"].iloc[-1])
        radius_80 = widths(self.spec.intervals.radius_80, n_steps)
        radius_95 = widths(self.spec.intervals.radius_95, n_steps)
        return Fan(
            point=close * np.exp(path),
            lower_80=close * np.exp(path - radius_80),
            upper_80=close * np.exp(path + radius_80),
            lower_95=close * np.exp(path - radius_95),
            upper_95=close * np.exp(path + radius_95),
        )

    def _network_changes(self, scaled: NDArray[np.float32], anchors: NDArray[np.int64]) -> Floats:
        device = next(
            (tensor.device for tensor in self.network.state_dict().values()), torch.device("cpu")
        )
        outputs = []
        with torch.inference_mode(), torch_threads(1):
            for start in range(0, len(anchors), _BATCH):
                batch = windows(scaled, anchors[start : start + _BATCH], self.spec.seq_len)
                outputs.append(self.network(torch.from_numpy(batch).to(device)).cpu().numpy())
        units = np.concatenate(outputs) if outputs else np.empty((0, self.spec.horizon))
        return np.asarray(units, dtype=np.float64) * self._unit


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


def widths(radius: Sequence[float], n_steps: int) -> Floats:
    """Half widths at steps 1 to ``n_steps``: as calibrated, then growing with the root of the step."""
    known = np.asarray(radius, dtype=np.float64)
    steps = np.arange(1, n_steps + 1)
    beyond = known[-1] * np.sqrt(steps / len(known))
    return np.where(steps <= len(known), np.resize(known, n_steps), beyond)


def _as_bars(close: Floats, last: pd.Series, volume: float, stamps: pd.DatetimeIndex) -> pd.DataFrame:
    """Forecast closes as bars: opened at the close before, without wicks, at the usual volume."""
    opened = np.concatenate([[float(last["close"])], close[:-1]])
    return pd.DataFrame(
        {
            "timestamp": stamps,
            "open": opened,
            "high": np.maximum(opened, close),
            "low": np.minimum(opened, close),
            "close": close,
            "volume": np.full(len(close), volume),
        }
    )


def _stamps(history: pd.DataFrame, count: int, known: pd.DatetimeIndex | None) -> pd.DatetimeIndex:
    if known is not None and len(known) == count:
        return known
    recent = pd.DatetimeIndex(history["timestamp"].iloc[-20:])
    step = (recent[1:] - recent[:-1]).to_series().median()
    return pd.DatetimeIndex([recent[-1] + step * k for k in range(1, count + 1)])
