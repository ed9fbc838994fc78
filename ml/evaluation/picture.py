"""A picture before it is drawn: panels with their words, for a PNG or for a page."""

from collections.abc import Sequence
from dataclasses import dataclass

from ml.evaluation.canvas import BLACK, Band, Line, Panel, picture


@dataclass(frozen=True)
class Picture:
    """Panels below a title, a verdict in its colour and a note.

    Attributes:
        panels: of which the first one's lines are in the legend.
        title: the heading.
        verdict: what is seen, in words.
        colour: the verdict's.
        note: below that; may be empty.
        first: labels with which the legend begins.
    """

    panels: tuple[Panel, ...]
    title: str
    verdict: str
    colour: str = BLACK
    note: str = ""
    first: Sequence[str] = ()

    @property
    def legend(self) -> list[Line | Band]:
        """What the legend names, in order, each label once."""
        entries = {entry.label: entry for panel in self.panels[:1] for entry in panel.entries}
        order = [*self.first, *(label for label in entries if label not in self.first)]
        return [entries[label] for label in order]

    def png(self) -> bytes:
        """The whole picture as a file."""
        return picture(self.panels, self.title, self.verdict, self.colour, self.note, self.first)
