"""Written stamps to numbers: year, month, day, time, offset, over whole columns.

Stamps of one shape (``01.02.2020 10:00`` and ``31.12.2021 23:59``) have their digits in the same places.
So each shape is matched once, in Python, and its numbers are then read from all its rows at once.
"""

import re
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ml.data.reading.dates import match_form, month_number

Ints = NDArray[np.int64]
_MAX_LENGTH = 80
# Real columns have a few shapes; a column of prose has as many as rows.
_MAX_SHAPES = 4000
_AFTERNOON = re.compile("^p|오후|下午|午後", re.IGNORECASE)
_MORNING = re.compile("^a|오전|上午|午前", re.IGNORECASE)


@dataclass(frozen=True)
class Fields:
    """Parts of stamps, ``(n,)`` each, zero where a stamp has none.

    ``form`` is the form's name, empty where nothing fits; ``a b c`` are day, month and year in an order
    not yet known; ``zone`` is the written offset or zone, empty if there is none.
    """

    form: NDArray[np.object_]
    zone: NDArray[np.object_]
    numbers: dict[str, Ints]
    afternoon: NDArray[np.bool_]
    morning: NDArray[np.bool_]


# Alternative groups of a pattern that mean the same.
_GROUPS = {
    "y": "y", "m": "m", "d": "d", "a": "a", "b": "b", "c": "c", "H": "H", "H3": "H",
    "M": "M", "M2": "M", "M3": "M", "S": "S", "S2": "S", "S3": "S",
}  # fmt: skip


def read_fields(texts: pa.Array) -> Fields:
    """Match every text with the forms of `ml.data.reading.dates`."""
    count = len(texts)
    fields = Fields(
        form=np.full(count, "", dtype=object),
        zone=np.full(count, "", dtype=object),
        numbers={name: np.zeros(count, dtype=np.int64) for name in (*set(_GROUPS.values()), "ns")},
        afternoon=np.zeros(count, dtype=bool),
        morning=np.zeros(count, dtype=bool),
    )
    lengths = pc.binary_length(texts).to_numpy(zero_copy_only=False)
    for length in np.unique(lengths):
        if 4 <= length <= _MAX_LENGTH:
            rows = np.flatnonzero(lengths == length)
            same = texts if len(rows) == count else texts.take(pa.array(rows))
            _read_length(same, rows, int(length), fields)
    return fields


def _read_length(texts: pa.Array, rows: Ints, length: int, fields: Fields) -> None:
    """All texts of one length, shape by shape."""
    joined = (
        b"".join(texts.cast(pa.binary()).to_pylist())
        if texts.offset
        else texts.buffers()[2].to_pybytes()
    )
    letters = np.frombuffer(joined, dtype=np.uint8, count=len(texts) * length).reshape(
        len(texts), length
    )
    digits = letters - ord("0")
    shapes = np.where(digits < 10, ord("0"), letters)
    # One number for each shape: rows of equal shape have equal products with odd random weights.
    weights = np.random.default_rng(0).integers(1, 2**63, length, dtype=np.uint64) * np.uint64(
        2
    ) + np.uint64(1)
    keys = np.zeros(len(texts), dtype=np.uint64)
    for position in range(length):
        keys += shapes[:, position] * weights[position]
    codes, uniques = pd.factorize(keys)
    order = np.argsort(codes, kind="stable") if len(uniques) > 1 else np.arange(len(codes))
    bounds = np.searchsorted(codes[order], np.arange(min(len(uniques), _MAX_SHAPES) + 1))
    for begin, end in pairwise(bounds):
        members = order[begin:end]
        _read_shape(texts, members, rows, digits, fields)


def _read_shape(
    texts: pa.Array, members: Ints, rows: Ints, digits: NDArray[np.uint8], fields: Fields
) -> None:
    # A shape's first text may hold digits that no date has (99999999): try some others too.
    for probe in members[:: max(1, len(members) // 5)][:6]:
        text = texts[int(probe)].as_py()
        matched = match_form(text)
        if matched is not None:
            break
    else:
        return
    form, match = matched
    here = rows[members]
    table = digits if len(members) == len(digits) else digits[members]
    fields.form[here] = form
    parts = match.groupdict()

    def span(name: str) -> slice:
        begin, end = match.span(name)
        return slice(len(text[:begin].encode()), len(text[:end].encode()))

    for name, part in parts.items():
        if part and name in _GROUPS:
            fields.numbers[_GROUPS[name]][here] = _integers(table[:, span(name)])
        elif part and name in ("f", "f2", "f3"):
            fields.numbers["ns"][here] = _integers(table[:, span(name)]) * 10 ** (9 - len(part))
    if parts.get("mon"):
        fields.numbers["m"][here] = month_number(parts["mon"])
    mark = (parts.get("ap") or "") + (parts.get("ap1") or "")
    fields.afternoon[here] = bool(_AFTERNOON.search(mark))
    fields.morning[here] = bool(_MORNING.search(mark))
    zone = parts.get("z")
    if zone and not any(character.isdigit() for character in zone):
        fields.zone[here] = zone
    elif zone:
        # The digits of an offset differ within a shape, in a few ways.
        codes, firsts = np.unique(_integers(table[:, span("z")]), return_inverse=True)
        kinds = np.array(
            [_first(texts, members, firsts, i)[slice(*match.span("z"))] for i in range(len(codes))],
            object,
        )
        fields.zone[here] = kinds[firsts]


def _first(texts: pa.Array, members: Ints, firsts: Ints, kind: int) -> str:
    text: str = texts[int(members[int(np.argmax(firsts == kind))])].as_py()
    return text


def _integers(digits: NDArray[np.uint8]) -> Ints:
    """Numbers ``(n,)`` of digits ``(n, k)``; what is no digit is passed over."""
    total = np.zeros(len(digits), dtype=np.int64)
    for position in range(digits.shape[1]):
        column = digits[:, position].astype(np.int64)
        total = np.where(column < 10, total * 10 + column, total)
    return total
