"""Pictures of forecasts, as PNG bytes.

A forecast is never drawn without the random walk beside it and the model's record above it.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from ml.evaluation.canvas import (
    BLACK,
    BLUE,
    GREY,
    ORANGE,
    WALK_DASH,
    picture,
    whole,
)
from ml.evaluation.ticks import time_ticks

Floats = npt.NDArray[np.float64]

_EDGE_DASH = (1.0, 1.65)


@dataclass(frozen=True, slots=True)
class Record:
    """What a model has shown on held-out bars; None where that was not measured.

    `skill` is 1 - MAE / MAE of the random walk; coverages are shares of outcomes inside the bands. All
    are of the first `horizon` bars ahead, in `windows` forecasts.
    """

    model: str
    skill: float | None = None
    coverage_80: float | None = None
    coverage_95: float | None = None
    windows: int | None = None
    horizon: int | None = None

    @property
    def has_skill(self) -> bool:
        """Whether the errors were smaller than the random walk's."""
        return self.skill is not None and self.skill > 0

    @property
    def verdict(self) -> str:
        """The skill in words."""
        if self.skill is None:
            return f"{self.model}: not judged against the random walk"
        share = f"{abs(100 * self.skill):.2g}%"
        where = "on held-out bars" + (f", 1 to {self.horizon} bars ahead" if self.horizon else "")
        if self.skill > 0:
            return f"{self.model}: errors {share} below the random walk's {where}"
        if self.skill == 0:
            return f"{self.model}: no better than the random walk {where}"
        return f"{self.model}: no better than the random walk; errors {share} above its {where}"

    @property
    def coverage(self) -> str:
        """Promised and realised coverage together, with their number."""
        if self.coverage_80 is None:
            return "how often the bands held is not known"
        of = f" of {self.windows} forecasts" if self.windows else ""
        also = f"; 95% band: {self.coverage_95:.0%}" if self.coverage_95 is not None else ""
        did = f"on held-out bars {self.coverage_80:.0%}{of} did{also}"
        return f"8 of 10 outcomes should land in the 80% band; {did}"


@dataclass(frozen=True, slots=True)
class RandomWalk:
    """The random walk's forecast in price: the last close, and its 80% band; each (n_steps,)."""

    point: Floats
    lower_80: Floats
    upper_80: Floats

    @classmethod
    def of(cls, last_close: float, radius_80: Floats) -> "RandomWalk":
        """The walk from a last close; `radius_80` are half widths in log price, (n_steps,)."""
        point = np.full(len(radius_80), last_close)
        return cls(point, point * np.exp(-radius_80), point * np.exp(radius_80))


def forecast_plot(
    name: str, bars: pd.DataFrame, forecast: pd.DataFrame, walk: RandomWalk, record: Record
) -> bytes:
    """Draw recent closes, the forecast's fan, and the random walk beside it.

    Args:
        name: the series, as in ``AAPL 1d``.
        bars: normalised bars up to the as-of bar; the newest are drawn.
        forecast: columns ``timestamp, forecast, lower_80, upper_80, lower_95, upper_95``.
        walk: the random walk over the same steps.
        record: what the model has shown on held-out bars; it stands above the picture.

    Bars are drawn by their index and labelled by their time: nights and weekends leave no hole.
    """
    steps = len(forecast)
    recent = bars.tail(min(250, max(40, 2 * steps)))
    close = recent["close"].to_numpy(np.float64)
    past, ahead = np.arange(1 - len(close), 1), np.arange(0, steps + 1)
    colour = BLUE if record.has_skill else GREY

    def joined(values: npt.ArrayLike) -> Floats:
        """(n_steps,) -> (n_steps + 1,): the fan opens at the last close."""
        return np.concatenate([close[-1:], np.asarray(values, dtype=np.float64)])

    panel = whole()
    for level, alpha in ((95, 0.15), (80, 0.28)):
        low, high = joined(forecast[f"lower_{level}"]), joined(forecast[f"upper_{level}"])
        panel.band(ahead, low, high, colour, alpha, f"its {level}% band")
    panel.line(past, close, BLACK, 1.4, label="close")
    for edge, line in ((walk.lower_80, "the walk's 80% band"), (walk.upper_80, "")):
        panel.line(ahead, joined(edge), ORANGE, 1.2, _EDGE_DASH, line)
    point = f"forecast ({record.model})"
    panel.line(ahead, joined(forecast["forecast"]), colour, 2.4, label=point)
    # Thinner and on top: where the forecast is the random walk, both are seen.
    panel.line(ahead, joined(walk.point), ORANGE, 1.2, WALK_DASH, "random walk")
    panel.now = 0
    times = pd.DatetimeIndex([*recent["timestamp"], *forecast["timestamp"]])
    panel.x_limits, panel.x_ticks = (float(past[0]), float(steps)), time_ticks(int(past[0]), times)
    bars_ahead = "the next bar" if steps == 1 else f"the next {steps} bars"
    asof = recent["timestamp"].iloc[-1].strftime("%Y-%m-%d %H:%M UTC").removesuffix(" 00:00 UTC")
    title = f"{name}: {bars_ahead} after {asof}"
    first = ("close", point, "its 80% band", "its 95% band")
    return picture([panel], title, record.verdict, colour, record.coverage, first)
