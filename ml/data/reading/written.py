"""Written stamps to numbers: year, month, day, time, offset, over whole columns.

Stamps of one shape (``01.02.2020 10:00`` and ``31.12.2021 23:59``) have their digits in the same places.
So each shape is matched once, in Python, and its numbers are then read from all its rows at once.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ml.data.reading.dates import FORMS, match_form, month_number

Ints = NDArray[np.integer]
Bools = NDArray[np.bool_]
Places = slice | NDArray[np.intp]
_ALL = slice(None)
_MAX_LENGTH = 80
# Real columns have a few shapes; a column of prose has as many as rows.
_COMMON_SHAPES, _MAX_SHAPES = 8, 4000
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


def read_fields(texts: pa.Array) -> Fields:
    """Match every text with the forms of `ml.data.reading.dates`."""
    count = len(texts)
    fields = Fields(
        form=np.full(count, -1, dtype=np.int8),
        zone=np.zeros(count, dtype=np.int32),
        zones=[""],
        numbers={name: np.zeros(count, dtype=np.int32) for name in (*set(_GROUPS.values()), "ns")},
        afternoon=np.zeros(count, dtype=bool),
        morning=np.zeros(count, dtype=bool),
    )
    lengths = pc.binary_length(texts).to_numpy(zero_copy_only=False)
    for length in np.flatnonzero(np.bincount(lengths)):
        if 4 <= length <= _MAX_LENGTH:
            rows = np.flatnonzero(lengths == length)
            whole = len(rows) == count
            same = texts if whole else texts.take(pa.array(rows))
            _read_length(same, _ALL if whole else rows, int(length), fields)
    return fields


def _read_length(texts: pa.Array, rows: Places, length: int, fields: Fields) -> None:
    """All texts of one length, shape by shape."""
    joined = (
        b"".join(texts.cast(pa.binary()).to_pylist()) if texts.offset else memoryview(texts.buffers()[2])
    )
    table = np.frombuffer(joined, dtype=np.uint8, count=len(texts) * length)
    # By place: a place of all texts is then read in one go.
    letters = np.ascontiguousarray(table.reshape(len(texts), length).T)
    for members in _shapes(letters):
        _read_shape(texts, members, rows, letters, fields)


def _shapes(letters: NDArray[np.uint8]) -> Iterator[Places]:
    """Groups of texts whose digits stand in the same places and whose other letters are equal.

    ``letters`` are the texts' bytes by place ``(length, n)``.
    """
    digit = letters - ord("0") < 10
    left = np.ones(letters.shape[1], dtype=bool)
    for _ in range(_COMMON_SHAPES):
        first = int(np.argmax(left))
        if not left[first]:
            return
        same = left.copy()
        for place, letter in enumerate(letters[:, first]):
            same &= digit[place] if digit[place, first] else letters[place] == letter
        yield _ALL if same.all() else np.flatnonzero(same)
        left &= ~same
    rest = np.flatnonzero(left)
    shapes = np.where(digit[:, rest], ord("0"), letters[:, rest])
    # One number for each shape: columns of equal shape have equal products with odd random weights.
    weights = np.random.default_rng(0).integers(1, 2**63, len(letters), dtype=np.uint64) * np.uint64(2)
    keys = np.zeros(len(rest), dtype=np.uint64)
    for weight, place in zip(weights + np.uint64(1), shapes, strict=True):
        keys += place * weight
    codes, uniques = pd.factorize(keys)
    order = np.argsort(codes, kind="stable")
    for begin, end in pairwise(
        np.searchsorted(codes[order], np.arange(min(len(uniques), _MAX_SHAPES) + 1))
    ):
        yield rest[order[begin:end]]


def _read_shape(
    texts: pa.Array, members: Places, rows: Places, letters: NDArray[np.uint8], fields: Fields
) -> None:
    places = np.arange(len(texts)) if isinstance(members, slice) else members
    # A shape's first text may hold digits that no date has (99999999): try some others too.
    for probe in places[:: max(1, len(places) // 5)][:6]:
        text = texts[int(probe)].as_py()
        matched = match_form(text)
        if matched is not None:
            break
    else:
        return
    form, match = matched
    here = members if isinstance(rows, slice) else rows[members]
    shape = text.encode()

    def number(name: str) -> NDArray[np.int32]:
        """The digits of a named part, of all texts of the shape."""
        begin, end = match.span(name)
        total = np.zeros(len(places), dtype=np.int32)
        for place in range(len(text[:begin].encode()), len(text[:end].encode())):
            if ord("0") <= shape[place] <= ord("9"):
                total *= 10
                total += letters[place, members] - ord("0")
        return total

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
    fields.afternoon[here] = bool(_AFTERNOON.search(mark))
    fields.morning[here] = bool(_MORNING.search(mark))
    zone = parts.get("z")
    if zone and not any(character.isdigit() for character in zone):
        fields.zone[here] = fields.zone_position(zone)
    elif zone:
        # The digits of an offset differ within a shape, in a few ways.
        _, firsts, kinds = np.unique(number("z"), return_index=True, return_inverse=True)
        offsets = [texts[int(places[first])].as_py()[slice(*match.span("z"))] for first in firsts]
        positions = np.array([fields.zone_position(offset) for offset in offsets], dtype=np.int32)
        fields.zone[here] = positions[kinds]
