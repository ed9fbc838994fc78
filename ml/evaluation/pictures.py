"""The pictures that go with a version: what its evaluation.json tells, and its live score."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ml.evaluation.canvas import (
    BLACK,
    BLUE,
    DRIFT_DASH,
    GREEN,
    GREY,
    ORANGE,
    SOLID,
    WALK_DASH,
    halves,
    whole,
)
from ml.evaluation.picture import Picture
from ml.evaluation.plots import Record
from ml.evaluation.ticks import Ticks, time_ticks

Floats = npt.NDArray[np.float64]

_ROLLING = 20  # forecasts of which the live coverage is taken
_MOST_POINTS = 200
_DATES = 3  # on a narrow axis


def evaluation_pictures(name: str, model: str, evaluation: Mapping[str, Any]) -> dict[str, Picture]:
    """The pictures of an evaluation.json: ``forecasts, error, coverage, residuals`` and ``loss``.

    Those are left out for which an evaluation has no numbers: no ``loss`` where nothing was trained, and
    neither ``forecasts`` nor ``residuals`` where it was written by a version that did not keep them.

    Args:
        name: the series, as in ``AAPL 1d``.
        model: the architecture that was judged.
        evaluation: the file's content, as `ml.evaluation.promotion` writes it.
    """
    scores = {"mae": "model", "mae_naive": "naive", "mae_drift": "drift"}
    by_step = {column: evaluation[who]["mae_by_step"] for column, who in scores.items()}
    coverage, title = evaluation["coverage"], f"{name} ({model})"
    pictures = {
        "error": error_by_step_picture(name, by_step, model),
        "coverage": coverage_picture(title, coverage["by_step_80"], coverage["by_step_95"]),
    }
    drawn = evaluation.get("sketch")
    if drawn:
        pictures = {"forecasts": forecasts_picture(title, drawn["recent"]), **pictures}
        pictures["residuals"] = residuals_picture(title, drawn["residuals"])
    if evaluation.get("history"):
        pictures["loss"] = loss_picture(title, evaluation["history"])
    return pictures


def evaluation_plots(name: str, model: str, evaluation: Mapping[str, Any]) -> dict[str, bytes]:
    """`evaluation_pictures` as PNG files."""
    pictures = evaluation_pictures(name, model, evaluation)
    return {kind: picture.png() for kind, picture in pictures.items()}


def forecasts_picture(name: str, recent: Mapping[str, Any]) -> Picture:
    """Draw closes of the newest test bars, and the fans that were forecast before they came."""
    close = np.asarray(recent["close"], dtype=np.float64)
    times = pd.to_datetime(recent["stamps"], unit="s", utc=True)
    panel, inside, outcomes = whole(), 0, 0
    for fan in recent["fans"]:
        at, first, start = fan["at"], not outcomes, close[fan["at"]]
        change, radius = np.asarray(fan["change"]), np.asarray(fan["radius_80"])
        ahead = np.arange(at, at + len(change) + 1)

        def joined(logs: Floats, start: float = start) -> Floats:
            """(steps,) -> (steps + 1,) in prices: the fan opens at the last close."""
            return np.concatenate([[start], start * np.exp(logs)])

        for level, alpha in ((95, 0.15), (80, 0.28)):
            width = np.asarray(fan[f"radius_{level}"])
            low, high = joined(change - width), joined(change + width)
            panel.band(ahead, low, high, BLUE, alpha, f"its {level}% band" if first else "")
        panel.line(ahead, joined(change), BLUE, 2.0, label="forecast" if first else "")
        panel.line(ahead, joined(0 * change), ORANGE, 1.0, WALK_DASH, "random walk" if first else "")
        inside += int((np.abs(np.log(close[ahead[1:]] / start) - change) <= radius).sum())
        outcomes += len(change)
    panel.line(np.arange(len(close)), close, BLACK, 1.4, label="close")
    panel.x_limits, panel.x_ticks = (0.0, float(len(close) - 1)), time_ticks(0, times)
    return Picture(
        (panel,),
        f"{name}: forecasts against what came",
        f"{len(recent['fans'])} forecasts on the newest test bars, each from where its fan opens",
        note=f"8 of 10 outcomes should land in the 80% band; {inside} of these {outcomes} did",
        first=("close", "forecast", "random walk", "its 80% band", "its 95% band"),
    )


def loss_picture(name: str, history: Sequence[Mapping[str, float | None]]) -> Picture:
    """Draw validation and training loss by epoch, and mark the epoch whose weights were kept.

    Each has a scale of its own: markets change between the two, and so does the size of the loss.

    Args:
        name: the series and its model.
        history: one mapping an epoch, with ``epoch, train_loss, val_loss``; None where there is none.
            Epoch 0 is the network before its first step, which is the random walk.
    """
    epochs = [int(row["epoch"] or 0) for row in history]
    train, val = (
        np.array([row[column] for row in history], dtype=np.float64)  # None becomes NaN
        for column in ("train_loss", "val_loss")
    )
    note = "no epoch was finished"
    left, right = halves()
    right.line(epochs, train, GREY, 1.6, WALK_DASH, dot=2.2)
    if epochs[:1] == [0]:
        left.level(float(val[0]), ORANGE, 1.5, WALK_DASH, "random walk")
    left.line(epochs, val, BLUE, 2.0, label="loss", dot=2.2)
    if np.isfinite(val).any():
        best = int(np.nanargmin(np.where(np.isfinite(val), val, np.nan)))
        left.line(epochs[best : best + 1], val[best : best + 1], GREEN, 2, label="kept", dot=5, ring=2)
        note = f"epoch {epochs[best]} of {epochs[-1]} was kept; validation loss {val[best]:.4g}"
        if epochs[best] == 0:
            note = f"none of {epochs[-1]} epochs improved on the random walk, and so it was kept"
    left.x_label = right.x_label = "epoch"
    left.y_label, right.y_label = "validation loss, in units of volatility", "training loss"
    return Picture((left, right), f"{name}: loss by epoch", note)


def error_by_step_picture(name: str, by_step: Mapping[str, Sequence[float]], model: str) -> Picture:
    """Draw the mean absolute error on held-out bars by step, and how it compares with the random walk's.

    Args:
        name: the series.
        by_step: ``mae`` and ``mae_naive``, perhaps ``mae_drift``; each (horizon,), in price.
        model: the architecture's name.
    """
    mae, naive = (np.asarray(by_step[column], dtype=np.float64) for column in ("mae", "mae_naive"))
    steps = np.arange(1, len(mae) + 1)
    record = Record(model, 1 - float(mae.sum() / naive.sum()) if naive.sum() > 0 else None)
    colour = BLUE if record.has_skill else GREY
    error_panel, skill_panel = halves()
    # The thin walk on top: where the model is the random walk, both are seen.
    lines = [(model, mae, colour, SOLID, 2.4), ("random walk", naive, ORANGE, WALK_DASH, 1.3)]
    if "mae_drift" in by_step:
        drift = np.asarray(by_step["mae_drift"], dtype=np.float64)
        lines.insert(0, ("drift", drift, GREEN, DRIFT_DASH, 1.6))
    for line, error, shade, dash, width in lines:
        error_panel.line(steps, error, shade, width, dash, line)
        relative = np.divide(error, naive, out=np.ones_like(error), where=naive > 0)
        skill_panel.line(steps, 100 * (1 - relative), shade, width, dash)
    error_panel.y_limits = (0.0, None)
    error_panel.x_label = skill_panel.x_label = "bars ahead"
    error_panel.y_label, skill_panel.y_label = (
        "mean absolute error, in price",
        "% below the random walk's",
    )
    title = f"{name}: error by step on held-out bars"
    return Picture((error_panel, skill_panel), title, record.verdict, colour)


def coverage_picture(name: str, coverage_80: Sequence[float], coverage_95: Sequence[float]) -> Picture:
    """Draw the share of held-out outcomes inside each band by step, and against what the band promises.

    Args:
        name: the series and its model.
        coverage_80: shares from 0 to 1, (horizon,).
        coverage_95: the same for the 95% band.
    """
    steps = np.arange(1, len(coverage_80) + 1)
    by_step, calibration = halves()
    calibration.line([0.0, 1.0], [0.0, 1.0], GREY, 1.2, WALK_DASH)
    for level, shares, shade in ((80, coverage_80, BLUE), (95, coverage_95, GREEN)):
        promised, mean = level / 100, float(np.mean(shares))
        by_step.line(steps, shares, shade, 2, label=f"{level}% band", dot=2.2)
        by_step.level(promised, shade, 1.2, WALK_DASH, f"{level}% promised")
        for share in shares:
            calibration.line([promised], [share], shade, 1, dot=2.2)
        calibration.line([promised], [mean], shade, 2, dot=6, ring=2)
    low = min(0.5, *coverage_80, *coverage_95) - 0.05
    by_step.y_limits = (low, 1.02)
    calibration.y_limits, calibration.x_limits = (low, 1.02), (0.7, 1.02)
    calibration.x_ticks = [(share, f"{share:.0%}") for share in (0.7, 0.8, 0.9, 1.0)]
    by_step.y_text = calibration.y_text = "{:.0%}".format
    by_step.x_label, by_step.y_label = "bars ahead", "share of outcomes inside"
    calibration.x_label, calibration.y_label = "promised", "realised: each step, and ringed all of them"
    realised = f"80% band: {np.mean(coverage_80):.0%} of outcomes; 95% band: {np.mean(coverage_95):.0%}"
    title = f"{name}: how often the bands held on held-out bars"
    first = ("80% band", "80% promised", "95% band", "95% promised")
    return Picture((by_step, calibration), title, realised, first=first)


def residuals_picture(name: str, residuals: Mapping[str, Any]) -> Picture:
    """Draw how the errors are distributed, and whether they stay alike over time.

    Args:
        name: the series and its model.
        residuals: as `ml.evaluation.sketch` makes them, in units of the training volatility times the
            root of the step.
    """
    edges = np.asarray(residuals["edges"], dtype=np.float64)
    width, middle = edges[1] - edges[0], (edges[:-1] + edges[1:]) / 2
    left, right = halves()
    bell = np.exp(-(middle**2) / 2) / np.sqrt(2 * np.pi)
    left.line(middle, 100 * width * bell, GREY, 1.2, WALK_DASH, "bell curve")
    last = f"{residuals['steps']} bars ahead"
    kinds = (("last_step", last, GREEN, DRIFT_DASH), ("first_step", "next bar", BLUE, SOLID))
    for column, label, shade, dash in kinds:
        shares = 100 * np.repeat(np.asarray(residuals[column], dtype=np.float64), 2)
        left.line(np.repeat(edges, 2)[1:-1], shares, shade, 1.6, dash, label)
    left.x_limits, left.y_limits = (float(edges[0]), float(edges[-1])), (0.0, None)
    left.x_label, left.y_label = "error in deviations; beyond 5 at the edge", "% of forecasts"
    mean, deviation = (np.asarray(residuals[part], dtype=np.float64) for part in ("mean", "deviation"))
    where = np.arange(len(mean))
    right.level(1.0, GREY, 1.2, WALK_DASH, "")
    right.level(0.0, GREY, 0.8, SOLID, "")
    right.line(where, deviation, ORANGE, 2.0, dot=2.2)
    right.line(where, mean, BLUE, 1.4, DRIFT_DASH, dot=1.6)
    right.x_ticks = _dates(pd.to_datetime(residuals["stamps"], unit="s", utc=True))
    right.x_label, right.y_label = "", "size (solid) and mean (dotted), in deviations"
    size = float(np.sqrt((deviation**2).mean()))
    return Picture(
        (left, right),
        f"{name}: errors on held-out bars",
        f"Errors are {size:.2f} times what the training's volatility lets expect; "
        f"their mean is {mean.mean():+.2f}",
        first=("next bar", last),
    )


def live_picture(name: str, record: pd.DataFrame) -> Picture:
    """Draw the live score over time: the skill so far, and how often the bands held lately.

    Args:
        name: the series.
        record: a row for each scored step, in time order, as `ml.ledger.record.live_record` gives them:
            ``asof, error, walk_error, inside_80, inside_95``.
    """
    sizes = record.assign(error=record["error"].abs(), walk_error=record["walk_error"].abs())
    columns = ["error", "walk_error", "inside_80", "inside_95"]
    sums = sizes.groupby("asof")[columns].sum()
    counts = sizes.groupby("asof").size().to_numpy()
    error, walk = (sums[column].cumsum().to_numpy() for column in ("error", "walk_error"))
    skill = 100 * (1 - np.divide(error, walk, out=np.ones_like(error), where=walk > 0))
    kept = np.unique(np.linspace(0, len(sums) - 1, min(len(sums), _MOST_POINTS)).astype(np.int64))
    left, right = halves()
    left.level(0.0, ORANGE, 1.3, WALK_DASH, "random walk")
    left.line(kept, skill[kept], BLUE if skill[-1] > 0 else GREY, 2.2, label="skill so far", dot=2.2)
    for level, shade in ((80, BLUE), (95, GREEN)):
        inside = sums[f"inside_{level}"].to_numpy().astype(np.float64)
        share = _rolling(inside, _ROLLING) / _rolling(counts.astype(np.float64), _ROLLING)
        right.level(level / 100, shade, 1.2, WALK_DASH, "")
        right.line(kept, share[kept], shade, 2.0, dot=2.2)
    right.y_limits, right.y_text = (None, 1.02), "{:.0%}".format
    left.x_ticks = right.x_ticks = _dates(pd.DatetimeIndex(sums.index))
    left.y_label = "% below the random walk's error"
    right.y_label = f"share inside the bands, last {_ROLLING} forecasts"
    better = "below" if skill[-1] > 0 else "above"
    return Picture(
        (left, right),
        f"{name}: live score",
        f"{len(sums)} forecasts scored: errors {abs(skill[-1]):.2g}% {better} the random walk's",
        BLUE if skill[-1] > 0 else GREY,
        f"80% band: {record['inside_80'].mean():.0%}, 95% band: {record['inside_95'].mean():.0%} "
        f"of {int(counts.sum())} outcomes",
    )


def _rolling(values: Floats, window: int) -> Floats:
    """Sums of the last values, fewer at the start."""
    total = np.concatenate([[0.0], np.cumsum(values)])
    stops = np.arange(1, len(total))
    return np.asarray(total[stops] - total[np.maximum(0, stops - window)])


def _dates(stamps: pd.DatetimeIndex) -> Ticks:
    """A few dates along an axis of positions."""
    places = np.unique(np.linspace(0, len(stamps) - 1, _DATES + 2).astype(np.int64)[1:-1])
    return [(float(place), stamps[place].strftime("%d %b %Y")) for place in places.tolist()]
