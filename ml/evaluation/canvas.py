"""The frame of every plot: size, colours, headings, axes of bars, and a legend.

No global state: tasks draw from several threads. The colours are Okabe and Ito's
(https://jfly.uni-koeln.de/color), which colour-blind readers can tell apart, and every kind of line has
a dash of its own.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from ml.evaluation.pen import Box, Dash, Ink, Pen, points, text_width
from ml.evaluation.ticks import Ticks, number_ticks, whole_ticks, within

Floats = npt.NDArray[np.float64]

BLACK, BLUE, ORANGE, GREEN, GREY = "#222222", "#0072B2", "#D55E00", "#009E73", "#6f6f6f"
SOLID: Dash = ()
WALK_DASH: Dash = (5, 2)
DRIFT_DASH: Dash = (1, 2)
# Fonts are shared between pictures, and nobody promises that they bear threads.
DRAWING = threading.Lock()

WIDTH, HEIGHT = 946, 506
_BOTTOM, _TALL = 94, 311
_WHOLE: Box = (80, _BOTTOM, 842, _TALL)
_LEFT: Box = (80, _BOTTOM, 378, _TALL)
_RIGHT: Box = (544, _BOTTOM, 378, _TALL)
_SPINE, _GRID = "#bbbbbb", "#e6e6e6"
_SMALL = 9.0
_MARGIN = 0.05  # of an axis' range, on either side


@dataclass(frozen=True)
class Line:
    """A curve of one panel; ``(n,)`` each. Without a label it is not in the legend."""

    x: Floats
    y: Floats
    colour: str
    width: float
    dash: Dash = SOLID
    label: str = ""
    dot: float = 0.0  # radius at each point, in points
    ring: float = 0.0  # width of its edge where it is hollow


@dataclass(frozen=True)
class Band:
    """An area between two curves of one panel; ``(n,)`` each."""

    x: Floats
    low: Floats
    high: Floats
    colour: str
    alpha: float
    label: str = ""


@dataclass
class Panel:
    """One pair of axes: what is drawn in it, in order, and how the axes are labelled.

    Attributes:
        box: where it lies, in pixels.
        x_limits, y_limits: None for the range of what is drawn, and a margin; one bound may be None.
        x_ticks: None for whole numbers.
        y_text: None for plain numbers.
    """

    box: Box = _WHOLE
    x_label: str = ""
    y_label: str = ""
    bands: list[Band] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    levels: list[Line] = field(default_factory=list)
    x_limits: tuple[float, float] | None = None
    y_limits: tuple[float | None, float | None] = (None, None)
    x_ticks: Ticks | None = None
    y_text: Callable[[float], str] | None = None
    now: float | None = None  # where a vertical line parts past and future

    def line(
        self,
        x: npt.ArrayLike,
        y: npt.ArrayLike,
        colour: str,
        width: float,
        dash: Dash = SOLID,
        label: str = "",
        *,
        dot: float = 0.0,
        ring: float = 0.0,
    ) -> None:
        """Add a curve."""
        self.lines.append(Line(_floats(x), _floats(y), colour, width, dash, label, dot, ring))

    def level(self, y: float, colour: str, width: float, dash: Dash, label: str) -> None:
        """Add a horizontal line across the panel."""
        self.levels.append(Line(_floats([]), _floats([y]), colour, width, dash, label))

    def band(
        self,
        x: npt.ArrayLike,
        low: npt.ArrayLike,
        high: npt.ArrayLike,
        colour: str,
        alpha: float,
        label: str,
    ) -> None:
        """Add an area."""
        self.bands.append(Band(_floats(x), _floats(low), _floats(high), colour, alpha, label))

    @property
    def entries(self) -> list[Line | Band]:
        """What belongs into the legend."""
        every: list[Line | Band] = [*self.bands, *self.levels, *self.lines]
        return [entry for entry in every if entry.label]

    def draw(self, pen: Ink) -> None:
        """Draw grid, bands, lines and axes."""
        left, bottom, width, height = self.box
        x_range = self.x_limits or _padded(
            [*(band.x for band in self.bands), *(line.x for line in self.lines)]
        )
        y_range = self._y_range()

        def place(x: Floats, y: Floats) -> Floats:
            (x0, x1), (y0, y1) = x_range, y_range
            return points(left + width * (x - x0) / (x1 - x0), bottom + height * (y - y0) / (y1 - y0))

        y_ticks = within(number_ticks(*y_range, self.y_text), y_range)
        x_ticks = within(self.x_ticks or whole_ticks(*x_range), x_range)
        for value, _ in y_ticks:
            y = bottom + height * (value - y_range[0]) / (y_range[1] - y_range[0])
            pen.rule((left, y), (left + width, y), _GRID, 0.8)
        if self.now is not None:
            x = left + width * (self.now - x_range[0]) / (x_range[1] - x_range[0])
            pen.rule((x, bottom), (x, bottom + height), "#b4b4b4", 0.8)
        for band in self.bands:
            ahead, back = place(band.x, band.low), place(band.x, band.high)[::-1]
            pen.fill(np.concatenate([ahead, back]), band.colour, band.alpha, self.box)
        for level in self.levels:
            ends = place(_floats(x_range), np.repeat(level.y, 2))
            pen.stroke(ends, level.colour, level.width, level.dash, self.box)
        for line in self.lines:
            where = place(line.x, line.y)
            if not line.ring:
                pen.stroke(where, line.colour, line.width, line.dash, self.box)
            if line.dot:
                pen.dots(where, line.colour, line.dot, line.ring)
        self._axes(pen, x_ticks, y_ticks, place)

    def _axes(
        self, pen: Ink, x_ticks: Ticks, y_ticks: Ticks, place: Callable[[Floats, Floats], Floats]
    ) -> None:
        left, bottom, width, height = self.box
        pen.rule((left, bottom), (left + width, bottom), _SPINE, 0.8)
        pen.rule((left, bottom), (left, bottom + height), _SPINE, 0.8)
        for value, text in x_ticks:
            x = place(_floats([value]), _floats([0]))[0, 0]
            pen.rule((x, bottom - 5), (x, bottom), GREY, 0.8)
            pen.write(text, x, bottom - 21, _SMALL, GREY, "centre")
        for value, text in y_ticks:
            y = place(_floats([0]), _floats([value]))[0, 1]
            pen.rule((left - 5, y), (left, y), GREY, 0.8)
            pen.write(text, left - 10, y - 5, _SMALL, GREY, "right")
        pen.write(self.x_label, left + width / 2, bottom - 41, _SMALL, GREY, "centre")
        pen.write(self.y_label, left - 62, bottom + height / 2, _SMALL, GREY, upwards=True)

    def _y_range(self) -> tuple[float, float]:
        drawn = [line.y for line in (*self.lines, *self.levels)]
        low, high = _padded(drawn + [edge for band in self.bands for edge in (band.low, band.high)])
        below, above = self.y_limits
        low, high = low if below is None else below, high if above is None else above
        return (low, high) if low < high else (low, low + 1.0)


def whole() -> Panel:
    """One panel across the picture."""
    return Panel(_WHOLE)


def halves() -> tuple[Panel, Panel]:
    """Two panels side by side."""
    return Panel(_LEFT), Panel(_RIGHT)


def picture(
    panels: Sequence[Panel], title: str, verdict: str, colour: str, note: str, first: Sequence[str] = ()
) -> bytes:
    """The PNG: panels below a title, a verdict in its colour and a note.

    Args:
        panels: of which the first one's lines are in the legend.
        title: the heading.
        verdict: below it.
        colour: the verdict's.
        note: below that; may be empty.
        first: labels with which the legend begins.
    """
    with DRAWING:
        pen = Pen(WIDTH, HEIGHT)
        for panel in panels:
            panel.draw(pen)
        left = panels[0].box[0]
        pen.write(title, left, 470, 13, BLACK, bold=True)
        pen.write(verdict, left, 440, 10.5, colour)
        pen.write(note, left, 414, _SMALL, GREY)
        entries = {entry.label: entry for entry in panels[0].entries}
        order = [*first, *(label for label in entries if label not in first)]
        _legend(pen, [entries[label] for label in order])
        return pen.png()


def _legend(pen: Pen, entries: Sequence[Line | Band]) -> None:
    """One row, centred below the axes."""
    size, handle, gap, apart, y = 8.5, 27.0, 9.0, 18.0, 15.0
    widths = [handle + gap + text_width(entry.label, size) for entry in entries]
    x = (WIDTH - sum(widths) - apart * (len(entries) - 1)) / 2
    for entry, width in zip(entries, widths, strict=True):
        middle = points([x, x + handle], [y + 5, y + 5])
        if isinstance(entry, Band):
            corners = points([x, x + handle, x + handle, x], [y, y, y + 10, y + 10])
            pen.fill(corners, entry.colour, entry.alpha)
        else:
            if not entry.ring:
                pen.stroke(middle, entry.colour, entry.width, entry.dash)
            if entry.dot:
                pen.dots(middle.mean(axis=0, keepdims=True), entry.colour, entry.dot, entry.ring)
        pen.write(entry.label, x + handle + gap, y, size, BLACK)
        x += width + apart


def _padded(values: Sequence[Floats]) -> tuple[float, float]:
    """The range of the finite values, and a margin; of none, 0 to 1."""
    known = np.concatenate([*values, np.empty(0)])
    known = known[np.isfinite(known)]
    if not len(known):
        return 0.0, 1.0
    low, high = float(known.min()), float(known.max())
    if low == high:
        return low - 0.5 * (abs(low) or 1.0), high + 0.5 * (abs(high) or 1.0)
    return low - _MARGIN * (high - low), high + _MARGIN * (high - low)


def _floats(values: npt.ArrayLike) -> Floats:
    return np.asarray(values, dtype=np.float64)
