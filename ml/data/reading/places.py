"""Texts whose digits stand in the same places: what one of them says of its parts holds for all.

``01.02.2020 10:00`` and ``31.12.2021 23:59``, or ``$1,234.50`` and ``$9,876.00``, have one shape. A
column has a few. Each is understood once, in Python; its numbers are then read from all rows at once.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Places = slice | NDArray[np.intp]
# Groups that are found by a look at all texts each; what is left is sorted by shape.
_COMMON_SHAPES = 8
_ZERO = ord("0")
# By how many digits two neighbours have together; in 18 digits there are no more.
_PAIRS = (
    (np.uint8, 10), (np.uint16, 100), (np.uint32, 10**4), (np.int64, 10**8), (np.int64, 10**16),
)  # fmt: skip


@dataclass(frozen=True)
class Alike:
    """Texts of a column that have one shape: digits in the same places, the other bytes equal.

    Places in a text are offsets in bytes.

    Attributes:
        rows: where in the column they are.
        count: how many.
    """

    rows: Places
    count: int
    _table: Bytes  # all texts of this length, by place: (length, n)
    _members: Places  # which of them are meant

    def text(self, position: int) -> str:
        """One of the texts."""
        member = position if isinstance(self._members, slice) else self._members[position]
        return self._table[:, member].tobytes().decode("utf-8", "replace")

    def number(self, places: Iterable[int]) -> NDArray[np.int64]:
        """The number that the digits in these places make, of each text ``(n,)``: 18 digits at most."""
        lines = (self._table[place] for place in places)
        if not isinstance(self._members, slice):
            lines = (line.take(self._members) for line in lines)
        parts = [line - _ZERO for line in lines]
        # In pairs, for small integers are the quicker ones.
        for kind, base in _PAIRS[: max(0, len(parts) - 1).bit_length()]:
            wide = [part.astype(kind, copy=False) for part in parts]
            odd = len(wide) % 2
            pairs = zip(wide[odd::2], wide[odd + 1 :: 2], strict=True)
            parts = [*wide[:odd], *(high * kind(base) + low for high, low in pairs)]
        return parts[0].astype(np.int64) if parts else np.zeros(self.count, dtype=np.int64)


def alike(column: pa.Array | pa.ChunkedArray, lengths: range, *, rare: int = 0) -> Iterator[Alike]:
    """A column's texts by shape; no text is in two groups, and none that is null in any.

    Texts whose length in bytes is not in ``lengths`` are left out; so are, of each length, those that
    have none of a chunk's 8 first shapes and none of ``rare`` others.
    """
    start = 0
    seen: dict[int, set[bytes]] = {}
    # Chunk by chunk, for what is at work then stays in the processor's cache.
    for chunk in column.chunks if isinstance(column, pa.ChunkedArray) else [column]:
        yield from _of_chunk(chunk, start, lengths, rare, seen)
        start += len(chunk)


def _of_chunk(
    texts: pa.Array, start: int, lengths: range, rare: int, seen: dict[int, set[bytes]]
) -> Iterator[Alike]:
    texts = pc.fill_null(texts, "")
    _, ends, content = texts.buffers()
    if content is None:
        return
    offsets = np.frombuffer(ends, dtype=np.int32)[texts.offset : texts.offset + len(texts) + 1]
    raw = np.frombuffer(content, dtype=np.uint8)
    sizes = np.diff(offsets)
    for length in np.flatnonzero(np.bincount(sizes)):
        if length == 0 or length not in lengths:
            continue
        rows = np.flatnonzero(sizes == length)
        whole = len(rows) == len(texts)
        if whole:
            table = np.ascontiguousarray(raw[offsets[0] : offsets[-1]].reshape(len(texts), length).T)
        else:
            begins = offsets[rows].astype(np.intp)
            table = np.stack([raw[begins + place] for place in range(length)])
        for members in _shapes(table, rare, seen.setdefault(int(length), set())):
            if not isinstance(members, slice):
                here: Places = rows[members] + start
            else:
                here = slice(start, start + len(rows)) if whole else rows + start
            count = len(rows) if isinstance(members, slice) else len(members)
            yield Alike(here, count, table, members)


def _shapes(table: Bytes, rare: int, seen: set[bytes]) -> Iterator[Places]:
    """Groups of texts of one shape; ``seen`` are the rare ones so far."""
    digit = table - _ZERO < 10
    left = np.ones(table.shape[1], dtype=bool)
    for _ in range(_COMMON_SHAPES):
        first = int(np.argmax(left))
        if not left[first]:
            return
        same = left.copy()
        for place, letter in enumerate(table[:, first]):
            same &= digit[place] if digit[place, first] else table[place] == letter
        yield slice(None) if same.all() else np.flatnonzero(same)
        left &= ~same
    rest = np.flatnonzero(left)
    if not rare or not len(rest):
        return
    shapes = np.where(digit[:, rest], np.uint8(_ZERO), table[:, rest])
    # One number for each shape: columns of equal shape have equal products with odd random weights.
    weights = np.random.default_rng(0).integers(1, 2**63, len(table), dtype=np.uint64) * np.uint64(2)
    keys = np.zeros(len(rest), dtype=np.uint64)
    for weight, place in zip(weights + np.uint64(1), shapes, strict=True):
        keys += place * weight
    codes, uniques = pd.factorize(keys)
    order = np.argsort(codes, kind="stable")
    for begin, end in pairwise(np.searchsorted(codes[order], np.arange(len(uniques) + 1))):
        shape = shapes[:, order[begin]].tobytes()
        if shape in seen or len(seen) < rare:
            seen.add(shape)
            yield rest[order[begin:end]]
