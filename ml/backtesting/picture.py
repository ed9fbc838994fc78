"""The leaderboard's picture: each contender's skill on each series, its median and middle half."""

import numpy as np
import numpy.typing as npt

from ml.backtesting.leaderboard import Leaderboard
from ml.evaluation.canvas import BLACK, BLUE, GREY, SOLID, WALK_DASH, picture, whole
from ml.evaluation.pen import text_width

_MOST = 24  # columns that find room
_TYPE = 9.0  # points, of the ticks

Floats = npt.NDArray[np.float64]


def draw(board: Leaderboard) -> bytes:
    """PNG: a column for each contender, the best on the left; at least one series was done."""
    panel = whole()
    count = min(len(board.standings), _MOST)
    skills = 100 * board.skills[:, :count]
    panel.x_limits = (0.4, count + 0.6)
    panel.y_limits = _limits(skills)
    names = [standing.contender for standing in board.standings[:count]]
    is_named = max(text_width(name, _TYPE) for name in names) < 0.9 * panel.box[2] / count
    panel.x_label = "" if is_named else "place on the leaderboard"
    panel.y_label = "skill over the horizon, %"
    panel.x_ticks = [
        (index + 1.0, name if is_named else str(index + 1)) for index, name in enumerate(names)
    ]
    panel.level(0.0, GREY, 1.2, WALK_DASH, "random walk")
    for index in range(count):
        values = skills[:, index]
        low, middle, high = np.quantile(values, (0.25, 0.5, 0.75))
        label = dict(zip(("dot", "half", "median"), _LABELS, strict=True)) if index == 0 else {}
        x = np.full(len(values), index + 1.0) + _spread(len(values))
        shown = values.clip(*panel.y_limits)
        panel.line(x, shown, GREY, 0.0, label=label.get("dot", ""), dot=1.6, ring=0.7)
        at = np.array([index + 1.0, index + 1.0])
        panel.line(at, [low, high], BLUE, 5.0, SOLID, label.get("half", ""))
        panel.line(at[:1], [middle], BLACK, 0.0, label=label.get("median", ""), dot=3.2)
    best = board.standings[0]
    verdict = (
        f"{best.contender} has the best mean rank, {best.mean_rank:.1f} of {len(board.standings)}; "
        f"median skill {best.median_skill:+.2%}"
    )
    note = (
        f"{len(board.series)} series, {board.windows:,} forecasts of {board.steps} steps each; "
        "0 is as good as repeating the last close"
    )
    return picture([panel], "Walk-forward evaluation", verdict, BLACK, note)


_LABELS = ("a series", "middle half of the series", "median")


def _spread(count: int) -> Floats:
    """Small offsets that keep the dots of a column apart, the same at every drawing."""
    golden = (5**0.5 - 1) / 2  # neighbours fall far from each other
    return np.asarray(0.5 * ((golden * np.arange(count)) % 1.0 - 0.5))


def _limits(skills: Floats) -> tuple[float, float]:
    """All but the farthest hundredth of the dots, which lie on the edge, and the random walk."""
    low, high = np.quantile(skills, (0.01, 0.99))
    margin = 0.1 * max(high - low, 0.1)
    return float(min(low, 0.0) - margin), float(max(high, 0.0) + margin)
