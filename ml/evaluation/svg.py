"""The same panels as scalable drawings inside a page, whose style sheet gives the colours.

A colour becomes a class (``s-blue`` strokes, ``f-blue`` fills), so that the page chooses the shade for
light and dark. Words keep their size when a page is narrow: each panel is a drawing of its own.
"""

from collections.abc import Sequence
from dataclasses import replace
from html import escape
from math import isfinite

import numpy as np

from ml.evaluation.canvas import BLACK, BLUE, GREEN, GREY, ORANGE, Band, Line
from ml.evaluation.pen import Align, Box, Dash, Floats, points
from ml.evaluation.picture import Picture

WIDTH, HEIGHT = 460, 252
_BOX: Box = (58, 48, 372, 192)  # a label may reach over the right edge
_NAMES = {BLACK: "ink", GREY: "soft", BLUE: "blue", ORANGE: "orange", GREEN: "green"}
_ANCHORS = {"left": "start", "centre": "middle", "right": "end"}
_POINT = 1.35  # pixels
_WORDS = 1.28  # pixels of a point of type: a page is read from nearer than a picture in a report


class SvgPen:
    """As `ml.evaluation.pen.Pen`, for a page."""

    def __init__(self, width: float, height: float) -> None:
        self._width, self._height = width, height
        self._parts: list[str] = []

    def stroke(
        self, points: Floats, colour: str, width: float, dash: Dash = (), clip: Box | None = None
    ) -> None:
        """Draw a line through ``(n, 2)`` points, interrupted where they are not finite."""
        dashes = " ".join(f"{length * width * _POINT:.1f}" for length in dash)
        dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
        style = f'class="s-{_name(colour)}" stroke-width="{width * _POINT:.1f}"{dashed}'
        self._add(f'<path d="{self._path(points)}" {style}/>', clip)

    def rule(
        self, start: tuple[float, float], end: tuple[float, float], colour: str, width: float
    ) -> None:
        """Draw a horizontal or vertical line."""
        path = self._path(np.array([start, end]))
        self._add(f'<path d="{path}" class="s-{_name(colour)}" stroke-width="{width:.1f}"/>', None)

    def fill(self, points: Floats, colour: str, alpha: float = 1.0, clip: Box | None = None) -> None:
        """Fill the polygon of ``(n, 2)`` points."""
        style = f'class="f-{_name(colour)}" fill-opacity="{alpha:g}"'
        self._add(f'<path d="{self._path(points)}Z" {style}/>', clip)

    def dots(self, points: Floats, colour: str, radius: float, ring: float = 0.0) -> None:
        """Draw a disc at each of ``(n, 2)`` points, or a ring of that width; none where not finite."""
        kind = f's-{_name(colour)}" stroke-width="{ring * _POINT:.1f}' if ring else f"f-{_name(colour)}"
        for x, y in points[np.isfinite(points).all(axis=1)].tolist():
            centre = f'cx="{x:.1f}" cy="{self._height - y:.1f}"'
            self._add(f'<circle {centre} r="{radius * _POINT:.1f}" class="{kind}"/>', None)

    def write(
        self,
        text: str,
        x: float,
        y: float,
        size: float,
        colour: str,
        align: Align = "left",
        *,
        bold: bool = False,
        upwards: bool = False,
    ) -> None:
        """Write a line of text on the baseline at ``y``; upwards, on that at ``x`` around ``y``."""
        if not text:
            return
        place = f'x="{x:.1f}" y="{self._height - y:.1f}"'
        anchor = "middle" if upwards else _ANCHORS[align]
        turned = f' transform="rotate(-90 {x:.1f} {self._height - y:.1f})"' if upwards else ""
        weight = ' font-weight="600"' if bold else ""
        style = f'class="f-{_name(colour)}" font-size="{size * _WORDS:.1f}" text-anchor="{anchor}"'
        self._add(f"<text {place} {style}{weight}{turned}>{escape(text)}</text>", None)

    def svg(self, label: str) -> str:
        """The element; `label` is what a screen reader says."""
        size = f'viewBox="0 0 {self._width:g} {self._height:g}"'
        return f'<svg {size} role="img" aria-label="{escape(label)}">{"".join(self._parts)}</svg>'

    def _add(self, element: str, clip: Box | None) -> None:
        if clip is not None:
            # An inner drawing cuts off what leads out of it, without a name that others may have too.
            left, bottom, width, height = clip
            frame = f"{left:g} {self._height - bottom - height:g} {width:g} {height:g}"
            x, y = frame.split()[:2]
            size = f'x="{x}" y="{y}" width="{width:g}" height="{height:g}" viewBox="{frame}"'
            element = f"<svg {size}>{element}</svg>"
        self._parts.append(element)

    def _path(self, points: Floats) -> str:
        """``M1 2L3 4``; a new line begins after a point that is not finite."""
        path, pen_down = [], False
        for x, y in points.tolist():
            known = isfinite(x) and isfinite(y)
            if known:
                path.append(f"{'L' if pen_down else 'M'}{x:.1f} {self._height - y:.1f}")
            pen_down = known
        return "".join(path)


def panel_svgs(picture: Picture) -> list[tuple[str, str]]:
    """A drawing of each panel, and what its upright axis shows."""
    drawings = []
    for panel in picture.panels:
        pen = SvgPen(WIDTH, HEIGHT)
        replace(panel, box=_BOX, y_label="").draw(pen)
        drawings.append((panel.y_label, pen.svg(f"{picture.title}. {picture.verdict}. {panel.y_label}")))
    return drawings


def swatches(entries: Sequence[Line | Band]) -> list[tuple[str, str]]:
    """For each entry of a legend its label, and a little drawing of it."""
    drawn = []
    for entry in entries:
        pen = SvgPen(28, 12)
        if isinstance(entry, Band):
            pen.fill(points([1, 27, 27, 1], [1, 1, 11, 11]), entry.colour, entry.alpha)
        else:
            if not entry.ring:
                pen.stroke(points([1, 27], [6, 6]), entry.colour, entry.width, entry.dash)
            if entry.dot:
                pen.dots(points([14], [6]), entry.colour, min(entry.dot, 3.5), entry.ring)
        drawn.append((entry.label, pen.svg(entry.label)))
    return drawn


def _name(colour: str) -> str:
    return _NAMES.get(colour, "line")
