"""The frame of every plot: size, colours, headings, an axis of bars, and the PNG's bytes.

matplotlib's objects, not pyplot, whose figures are global state: tasks draw from several threads. The
colours are Okabe and Ito's (https://jfly.uni-koeln.de/color), which colour-blind readers can tell apart,
and every kind of line has a dash of its own.
"""

import io
import threading
from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

Dash = str | tuple[float, tuple[float, ...]]

BLACK, BLUE, ORANGE, GREEN, GREY = "#222222", "#0072B2", "#D55E00", "#009E73", "#6f6f6f"
WALK_DASH: Dash = (0, (5, 2))
DRIFT_DASH: Dash = (0, (1, 2))
# matplotlib shares font objects between figures and promises nothing about threads.
DRAWING = threading.Lock()

# Coarsest first: pandas' period, and how its first bar is labelled.
_PERIODS = (
    ("Y", "%Y"),
    ("Q", "%b %Y"),
    ("M", "%b %Y"),
    ("W", "%d %b"),
    ("D", "%d %b"),
    ("h", "%d %b %H:%M"),
    ("min", "%H:%M"),
)
_LEAST_LABELS, _MOST_LABELS = 4, 9
_LEGEND_COLUMNS = 6


def canvas() -> tuple[Figure, Axes]:
    """An empty picture with one pair of axes, and room for a heading and a legend."""
    figure = Figure(figsize=(8.6, 4.6), dpi=110, facecolor="white")
    FigureCanvasAgg(figure)
    axes = dress(figure.add_axes((0.085, 0.185, 0.89, 0.615)))
    return figure, axes


def panels() -> tuple[Figure, Axes, Axes]:
    """As `canvas`, with two pairs of axes; the heading goes above the left ones."""
    figure, left = canvas()
    left.set_position((0.085, 0.185, 0.40, 0.615))
    return figure, left, dress(figure.add_axes((0.575, 0.185, 0.40, 0.615)))


def label(axes: Axes, x: str, y: str) -> None:
    """Name the axes; whole numbers on the horizontal one."""
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel(x, color=GREY, fontsize=9)
    axes.set_ylabel(y, color=GREY, fontsize=9)


def dress(axes: Axes) -> Axes:
    """Quiet axes: two spines, grid lines behind the data, plain numbers."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color("#bbbbbb")
    axes.tick_params(colors=GREY, labelsize=9)
    axes.grid(axis="y", color="#e6e6e6", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.ticklabel_format(axis="y", useOffset=False, style="plain")
    return axes


def head(axes: Axes, title: str, verdict: str, colour: str, note: str) -> None:
    """Title, verdict in its colour, and a note, above the axes."""
    # A ticker may hold a dollar sign, which would otherwise start a formula.
    for text, height, size, weight, shade in (
        (title, 1.205, 13, "bold", BLACK),
        (verdict, 1.11, 10.5, "normal", colour),
        (note, 1.03, 9, "normal", GREY),
    ):
        axes.text(
            0,
            height,
            text,
            transform=axes.transAxes,
            fontsize=size,
            fontweight=weight,
            color=shade,
            parse_math=False,
        )


def label_times(axes: Axes, first: int, times: pd.DatetimeIndex) -> None:
    """Label positions `first`, `first` + 1, ... where a year, month, week, day or hour begins."""
    starts: list[int] = []
    pattern = "%Y-%m-%d"
    for period, pattern in _PERIODS:  # noqa: B007  # the last one tried is used
        names = times.tz_localize(None).to_period(period)
        starts = [index for index in range(1, len(times)) if names[index] != names[index - 1]]
        if len(starts) >= _LEAST_LABELS:
            break
    while len(starts) > _MOST_LABELS:
        starts = starts[::2]
    # A label is centred on its tick: at the right edge it would be cut off.
    starts = [index for index in starts if index < 0.96 * len(times)]
    axes.set_xticks(
        [first + index for index in starts], [times[index].strftime(pattern) for index in starts]
    )


def png(figure: Figure, axes: Axes, first: Sequence[str] = ()) -> bytes:
    """Render with a legend below the axes, whose entries begin with `first`."""
    entries = dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
    order = [*first, *(label for label in entries if label not in first)]
    legend = figure.legend(
        [entries[label] for label in order],
        order,
        loc="lower center",
        ncols=_LEGEND_COLUMNS,
        frameon=False,
        fontsize=8.5,
        handlelength=2.0,
        columnspacing=1.3,
    )
    for text in legend.get_texts():
        text.set_parse_math(False)
        text.set_color(BLACK)
    buffer = io.BytesIO()
    # No software version in it: the same forecast gives the same bytes.
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()
