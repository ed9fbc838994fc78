"""Pictures of a study: how it went on, and what mattered."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ml.artifacts.files import writing
from ml.data.atomic import write_bytes
from ml.tuning.search import Found

Floats = NDArray[np.float64]


def draw_study(folder: Path, name: str, found: Found) -> tuple[str, ...]:
    """Write the pictures beside the study's journal and return their paths.

    Raises `ArtifactWriteError`.
    """
    pictures = {"history": history_plot(name, found)}
    if found.importance:
        pictures["importance"] = importance_plot(name, found)
    paths = []
    for kind, content in pictures.items():
        path = folder / f"{found.study}.{kind}.png"
        with writing(path):
            write_bytes(path, content)
        paths.append(str(path))
    return tuple(paths)


def history_plot(name: str, found: Found) -> bytes:
    """Draw each trial's relative error by its number, the best so far, the defaults and the walk."""
    from ml.evaluation.canvas import (
        BLACK,
        BLUE,
        DRIFT_DASH,
        GREEN,
        GREY,
        ORANGE,
        WALK_DASH,
        picture,
        whole,
    )

    numbers, values = _points(found, "complete")
    defaults, best = float(values[0]), np.minimum.accumulate(values)
    # One wild trial must not flatten the others: it is drawn at the upper edge.
    low, high = min(1.0, float(best[-1])), max(1.0, defaults, float(np.quantile(values, 0.8)))
    margin = 0.1 * max(high - low, 1e-3)
    top = high + 2 * margin
    panel = whole()
    panel.y_limits = (low - margin, top + margin)
    panel.x_limits = (-0.5, len(found.tried) - 0.5)
    panel.level(1.0, ORANGE, 1.5, WALK_DASH, "random walk")
    panel.level(defaults, GREEN, 1.5, DRIFT_DASH, "defaults")
    pruned_numbers, pruned = _points(found, "pruned")
    if len(pruned):
        where = np.clip(pruned, low, top)
        panel.line(pruned_numbers, where, GREY, 1.0, label="given up", dot=2.4, ring=1.0)
    panel.line(numbers, np.minimum(values, top), BLUE, 1.0, label="trial", dot=2.8, ring=1.6)
    steps = np.repeat([*numbers, len(found.tried) - 0.5], 2)[1:-1]
    panel.line(steps, np.repeat(best, 2), BLUE, 2.0, label="best so far")
    panel.x_label, panel.y_label = "trial", "error relative to the random walk's"
    verdict = f"best {best[-1]:.4f}, defaults {defaults:.4f}; below 1 is ahead of the random walk"
    others = len(found.tried) - len(values)
    note = f"{len(values)} trials went through all folds, {others} were given up early or failed"
    return picture([panel], f"{name}: trials of the study", verdict, BLACK, note)


def importance_plot(name: str, found: Found) -> bytes:
    """Draw the share of the objective's variance that each value explains."""
    from ml.evaluation.canvas import BLACK, BLUE, picture, whole

    ranked = sorted(found.importance.items(), key=lambda item: -item[1])
    panel = whole()
    for position, (_, share) in enumerate(ranked):
        sides = [position - 0.35, position + 0.35]
        panel.band(sides, [0.0, 0.0], [share, share], BLUE, 0.8, "")
    panel.x_limits, panel.y_limits = (-0.6, len(ranked) - 0.4), (0.0, None)
    panel.x_ticks = [(float(i), label.replace("_", " ")) for i, (label, _) in enumerate(ranked)]
    panel.y_text = "{:.0%}".format
    panel.y_label = "share of the variance explained"
    verdict = f"{ranked[0][0].replace('_', ' ')} mattered most"
    count = len(found.complete)
    note = f"fANOVA of {count} trials that went through all folds; of few trials it is a rough guide"
    return picture([panel], f"{name}: what mattered in the study", verdict, BLACK, note)


def _points(found: Found, state: str) -> tuple[Floats, Floats]:
    """Numbers and values of the trials that ended so, each ``(n,)``."""
    some = [
        (one.number, one.value) for one in found.tried if one.state == state and one.value is not None
    ]
    both = np.array(some, dtype=np.float64).reshape(-1, 2)
    return both[:, 0], both[:, 1]
