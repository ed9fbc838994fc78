"""Strokes, fills and words on a bitmap: Agg for what is curved, Pillow for text.

matplotlib's Figure and Axes make hundreds of objects for one small picture, lay out each text three
times and render it glyph by glyph: 140 ms a picture. Agg, their own renderer, draws the strokes in a
few milliseconds, and Pillow a word in a tenth of one.
"""

import io
from functools import cache
from pathlib import Path as FilePath
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt
from matplotlib import get_data_path
from matplotlib.backend_bases import GraphicsContextBase
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.path import Path
from matplotlib.transforms import Affine2D, Bbox, IdentityTransform
from PIL import Image, ImageDraw, ImageFont

Floats = npt.NDArray[np.float64]
Box = tuple[float, float, float, float]  # left, bottom, width, height
Dash = tuple[float, ...]  # of lengths on and off, in line widths; empty for a solid line
Align = Literal["left", "centre", "right"]

_DPI = 110
_PIXELS = _DPI / 72  # of a point
_ANCHORS = {"left": "ls", "centre": "ms", "right": "rs"}
# zlib's run lengths: half the time of its default, and pictures of few colours grow by a seventh.
_RUN_LENGTHS = 3


class Ink(Protocol):
    """What panels are drawn with; positions are in pixels from the lower left corner."""

    def stroke(
        self, points: Floats, colour: str, width: float, dash: Dash = (), clip: Box | None = None
    ) -> None: ...

    def rule(
        self, start: tuple[float, float], end: tuple[float, float], colour: str, width: float
    ) -> None: ...

    def fill(self, points: Floats, colour: str, alpha: float = 1.0, clip: Box | None = None) -> None: ...

    def dots(self, points: Floats, colour: str, radius: float, ring: float = 0.0) -> None: ...

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
    ) -> None: ...


class Pen:
    """One picture under the pen: an `Ink` for files.

    Positions are in pixels from the lower left corner; widths, radii and sizes of type are in points.
    """

    def __init__(self, width: int, height: int) -> None:
        self._height = height
        self._agg: Any = RendererAgg(width, height, _DPI)  # type: ignore[no-untyped-call]
        self._words: list[tuple[str, float, float, float, str, bool, Align, bool]] = []
        self.fill(np.array([(0, 0), (width, 0), (width, height), (0, height)]), "white")

    def stroke(
        self, points: Floats, colour: str, width: float, dash: Dash = (), clip: Box | None = None
    ) -> None:
        """Draw a line through ``(n, 2)`` points, interrupted where they are not finite."""
        context = self._context(colour, width, dash, clip)
        self._agg.draw_path(context, Path(points), IdentityTransform())

    def rule(
        self, start: tuple[float, float], end: tuple[float, float], colour: str, width: float
    ) -> None:
        """Draw a horizontal or vertical line, sharp: along whole pixels."""
        context = self._context(colour, width, (), None)
        context.set_snap(True)
        self._agg.draw_path(context, Path([start, end]), IdentityTransform())

    def fill(self, points: Floats, colour: str, alpha: float = 1.0, clip: Box | None = None) -> None:
        """Fill the polygon of ``(n, 2)`` points."""
        context = self._context(colour, 0.0, (), clip)
        context.set_alpha(alpha)
        self._agg.draw_path(context, Path(points), IdentityTransform(), (*context.get_rgb()[:3], alpha))

    def dots(self, points: Floats, colour: str, radius: float, ring: float = 0.0) -> None:
        """Draw a disc at each of ``(n, 2)`` points, or a ring of that width; none where not finite."""
        context = self._context(colour, ring, (), None)
        self._agg.draw_markers(
            context,
            Path.unit_circle(),
            Affine2D().scale(radius * _PIXELS),
            Path(points[np.isfinite(points).all(axis=1)]),
            IdentityTransform(),
            None if ring else context.get_rgb(),
        )

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
        self._words.append((text, x, y, size, colour, bold, align, upwards))

    def png(self) -> bytes:
        """The picture; the same strokes and words give the same bytes."""
        pixels = np.asarray(self._agg.buffer_rgba())[:, :, :3]  # all of it is opaque
        image = Image.fromarray(np.ascontiguousarray(pixels))
        draw = ImageDraw.Draw(image)
        for text, x, y, size, colour, bold, align, upwards in self._words:
            font = _font(size, bold)
            if upwards:
                _write_upwards(image, text, x, self._height - y, font, colour)
            else:
                draw.text((x, self._height - y), text, colour, font, _ANCHORS[align])
        buffer = io.BytesIO()
        image.save(buffer, "PNG", compress_type=_RUN_LENGTHS)
        return buffer.getvalue()

    def _context(self, colour: str, width: float, dash: Dash, clip: Box | None) -> GraphicsContextBase:
        context: GraphicsContextBase = self._agg.new_gc()
        context.set_foreground(colour)
        context.set_linewidth(width)
        context.set_joinstyle("round")
        context.set_capstyle("butt" if dash else "projecting")
        if dash:
            context.set_dashes(0, [length * width for length in dash])
        if clip is not None:
            context.set_clip_rectangle(Bbox.from_bounds(*clip))
        return context


def text_width(text: str, size: float) -> float:
    """In pixels."""
    return float(_font(size, False).getlength(text))


def _write_upwards(
    image: Image.Image, text: str, x: float, y: float, font: ImageFont.FreeTypeFont, colour: str
) -> None:
    ascent, descent = font.getmetrics()
    mask = Image.new("L", (round(font.getlength(text)) + 1, ascent + descent))
    ImageDraw.Draw(mask).text((0, ascent), text, 255, font, "ls")
    mask = mask.transpose(Image.Transpose.ROTATE_90)
    image.paste(
        Image.new("RGB", mask.size, colour), (round(x) - ascent, round(y - mask.height / 2)), mask
    )


@cache
def _font(size: float, bold: bool) -> ImageFont.FreeTypeFont:
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return ImageFont.truetype(FilePath(get_data_path()) / "fonts" / "ttf" / name, size * _PIXELS)


def points(x: npt.ArrayLike, y: npt.ArrayLike) -> Floats:
    """``(n,)`` and ``(n,)`` as ``(n, 2)``."""
    return np.column_stack([np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)])
