"""The data rows as Arrow columns, with the physical line of each row.

Arrow's reader does the work. Where it cannot (rows of varying width, stray quotes) the csv module does,
line by line, in chunks of bounded memory.
"""

import io
import re
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
from numpy.typing import NDArray

from ml.data.reading.layout import Layout, split
from ml.data.reading.numbers import NULLS

_CHUNK_LINES = 50_000
_BLOCK, _CACHED = 8 << 20, 1 << 18


@dataclass(frozen=True)
class Table:
    """Columns by position, each ``(rows,)``, and the 1-based physical lines of the rows."""

    columns: dict[int, pa.ChunkedArray]
    lines: NDArray[np.int64]


def read_table(data: bytes, layout: Layout, types: dict[int, pa.DataType], decimal: str) -> Table:
    """Read the columns in ``types``; what does not fit a type makes its column a column of texts."""
    # A slice without copying: Arrow reads from the buffer.
    body = pa.py_buffer(data)[layout.start : layout.stop]
    quote = layout.quote if layout.quote and layout.quote.encode() in data else ""
    delimiter = layout.delimiter
    if delimiter == " ":
        text = re.sub(rb"(?m)^[ \t]+|[ \t]+(?=\r?$)", b"", body.to_pybytes())
        body, delimiter = pa.py_buffer(re.sub(rb"[ \t]+", b"\t", text)), "\t"
    elif quote and _holds(data, spaced := f"{delimiter} {quote}".encode()):
        body = pa.py_buffer(body.to_pybytes().replace(spaced, f"{delimiter}{quote}".encode()))
    table = _arrow(body, delimiter, quote, layout.width, types, decimal)
    if table is not None:
        lines = _lines(data, layout, table.num_rows)
        if lines is not None:
            return Table({int(name): table.column(name) for name in table.column_names}, lines)
    return _by_line(data, layout, list(types))


def _arrow(
    body: pa.Buffer, delimiter: str, quote: str, width: int, types: dict[int, pa.DataType], decimal: str
) -> pa.Table | None:
    """Arrow's reading, with the types or else as texts; None if the rows are not all of one width."""
    names = [str(i) for i in range(width)]
    for typed in (types, dict.fromkeys(types, pa.string())):
        try:
            return pacsv.read_csv(
                pa.BufferReader(body),
                read_options=pacsv.ReadOptions(column_names=names, block_size=_BLOCK),
                parse_options=pacsv.ParseOptions(
                    delimiter=delimiter, quote_char=quote or False, newlines_in_values=False
                ),
                convert_options=pacsv.ConvertOptions(
                    column_types={str(i): kind for i, kind in typed.items()},
                    include_columns=[str(i) for i in types],
                    null_values=list(NULLS),
                    strings_can_be_null=False,
                    decimal_point=decimal,
                ),
            )
        except pa.ArrowInvalid as error:
            if "conversion error" not in str(error):
                return None
    return None


def _holds(data: bytes, needle: bytes) -> bool:
    """``needle in data``, where Python takes three times as long: its letters occur often one by one."""
    letters = np.frombuffer(data, dtype=np.uint8)
    last = len(letters) - len(needle) + 1
    for begin in range(0, last, _CACHED):
        end = min(begin + _CACHED, last)
        found = np.ones(end - begin, dtype=bool)
        for place, letter in enumerate(needle):
            found &= letters[begin + place : end + place] == letter
        if found.any():
            return True
    return False


def _lines(data: bytes, layout: Layout, rows: int) -> NDArray[np.int64] | None:
    """Line numbers of ``rows`` records, or None if records and lines are not the same thing."""
    ends_open = data[layout.stop - 1 : layout.stop] != b"\n"
    if rows == data.count(b"\n", layout.start, layout.stop) + ends_open:
        return np.arange(layout.first_line, layout.first_line + rows, dtype=np.int64)
    body = np.frombuffer(data, dtype=np.uint8)[layout.start : layout.stop]
    ends = np.flatnonzero(body == 10)
    if ends_open:
        ends = np.append(ends, len(body))
    starts = np.concatenate(([0], ends[:-1] + 1))
    lengths = ends - starts
    blank = (lengths == 0) | ((lengths == 1) & (body[np.minimum(starts, len(body) - 1)] == 13))
    filled = np.flatnonzero(~blank)
    return filled + layout.first_line if len(filled) == rows else None


def _by_line(data: bytes, layout: Layout, wanted: list[int]) -> Table:
    """Every line that is not blank as one row; missing fields are null, fields too many are left out."""
    chunks: dict[int, list[pa.Array]] = {column: [] for column in wanted}
    numbers: list[NDArray[np.int64]] = []
    stream = io.BytesIO(data[layout.start : layout.stop])
    line_number = layout.first_line
    while raw := stream.readlines(_CHUNK_LINES * 64):
        texts = [line.decode("utf-8", "replace").rstrip("\r\n") for line in raw]
        kept = [i for i, text in enumerate(texts) if text.strip()]
        rows = split([texts[i] for i in kept], layout.delimiter, layout.quote)
        for column in wanted:
            cells = [row[column] if column < len(row) else None for row in rows]
            chunks[column].append(pa.array(cells, pa.string()))
        numbers.append(np.array(kept, dtype=np.int64) + line_number)
        line_number += len(raw)
    columns = {column: pa.chunked_array(parts, pa.string()) for column, parts in chunks.items()}
    return Table(columns, np.concatenate(numbers) if numbers else np.empty(0, np.int64))
