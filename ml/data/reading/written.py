"""Written stamps to numbers: year, month, day, time, offset, over whole columns, shape by shape."""

import re
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ml.data.reading.dates import FORMS, match_form, month_number
from ml.data.reading.places import Alike, alike

Ints = NDArray[np.integer]
Bools = NDArray[np.bool_]
_LENGTHS, _MAX_PADDED = range(4, 81), 161
# Of each length; real columns have a few, a column of prose has as many as rows.
_MAX_SHAPES = 4000
_PROBES = 6
_AFTERNOON = re.compile("^p|오후|下午|午後", re.IGNORECASE)
_MORNING = re.compile("^a|오전|上午|午前", re.IGNORECASE)


@dataclass(frozen=True)
class Fields:
    """Parts of stamps, ``(n,)`` each, zero where a stamp has none.

    ``form`` is the form's position in `ml.data.reading.dates.FORMS`, -1 where nothing fits; ``a b c``
    are day, month and year in an order not yet known; ``zone`` is the position of the written offset or
    zone in ``zones``, the first of which is empty.
    """

    form: NDArray[np.int8]
    zone: NDArray[np.int32]
    zones: list[str]
    numbers: dict[str, NDArray[np.int32]]
    afternoon: Bools
    morning: Bools

    def rows_of(self, form: str) -> NDArray[np.intp]:
        """Rows of a form."""
        return np.flatnonzero(self.form == _POSITIONS[form])

    def zone_position(self, text: str) -> int:
        """Where ``text`` is in ``zones``, after it was put there if need be."""
        if text not in self.zones:
            self.zones.append(text)
        return self.zones.index(text)


_POSITIONS = {form: position for position, form in enumerate(FORMS)}
# Alternative groups of a pattern that mean the same.
_GROUPS = {
    "y": "y", "m": "m", "d": "d", "a": "a", "b": "b", "c": "c", "H": "H", "H3": "H",
    "M": "M", "M2": "M", "M3": "M", "S": "S", "S2": "S", "S3": "S",
}  # fmt: skip


def read_fields(texts: pa.Array | pa.ChunkedArray) -> Fields:
    """Match every text, but for blanks around it, with the forms of `ml.data.reading.dates`."""
    count = len(texts)
    fields = Fields(
        form=np.full(count, -1, dtype=np.int8),
        zone=np.zeros(count, dtype=np.int32),
        zones=[""],
        numbers={name: np.zeros(count, dtype=np.int32) for name in (*set(_GROUPS.values()), "ns")},
        afternoon=np.zeros(count, dtype=bool),
        morning=np.zeros(count, dtype=bool),
    )
    for stamps in alike(texts, range(_LENGTHS.start, _MAX_PADDED), rare=_MAX_SHAPES):
        _read_shape(stamps, fields)
    return fields


def _read_shape(stamps: Alike, fields: Fields) -> None:
    # A shape's first text may hold digits that no date has (99999999): try some others too.
    for probe in range(0, stamps.count, max(1, stamps.count // (_PROBES - 1)))[:_PROBES]:
        written = stamps.text(probe)
        text = written.strip()
        matched = match_form(text) if len(text.encode()) in _LENGTHS else None
        if matched is not None:
            break
    else:
        return
    form, match = matched
    here = stamps.rows
    margin = written[: written.index(text)]

    def places(name: str) -> range:
        """Where a named part stands, in bytes."""
        begin, end = match.span(name)
        return range(*(len((margin + text[:place]).encode()) for place in (begin, end)))

    def number(name: str) -> NDArray[np.int64]:
        """The digits of a named part, of all texts of the shape."""
        return stamps.number(p for p in places(name) if encoded[p : p + 1].isdigit())

    encoded = written.encode()
    fields.form[here] = _POSITIONS[form]
    parts = match.groupdict()
    for name, part in parts.items():
        if part and name in _GROUPS:
            fields.numbers[_GROUPS[name]][here] = number(name)
        elif part and name in ("f", "f2", "f3"):
            fields.numbers["ns"][here] = number(name) * 10 ** (9 - len(part))
    if parts.get("mon"):
        fields.numbers["m"][here] = month_number(parts["mon"])
    mark = (parts.get("ap") or "") + (parts.get("ap1") or "")
    if mark:
        fields.afternoon[here] = bool(_AFTERNOON.search(mark))
        fields.morning[here] = bool(_MORNING.search(mark))
    zone = parts.get("z")
    if zone and not any(character.isdigit() for character in zone):
        fields.zone[here] = fields.zone_position(zone)
    elif zone:
        # The digits of an offset differ within a shape, in a few ways.
        _, firsts, kinds = np.unique(number("z"), return_index=True, return_inverse=True)
        span = slice(*match.span("z"))
        offsets = [stamps.text(int(first)).strip()[span] for first in firsts]
        positions = np.array([fields.zone_position(offset) for offset in offsets], dtype=np.int32)
        fields.zone[here] = positions[kinds]
