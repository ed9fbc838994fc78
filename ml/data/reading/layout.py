"""Where the table is in a text: delimiter, junk around it, header rows, data rows.

Judged on a sample: the first lines, and some from the middle and the end of a long file.
"""

import csv
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice

from ml.data.reading.dates import is_clock, is_written_date, leads_decide
from ml.data.reading.names import meaning, price_roles
from ml.data.reading.numbers import is_null, is_number
from ml.data.reading.overrides import Override, override_text
from ml.data.reading.shapes import ZEROS, shape, shapes
from ml.errors import UnrecognisedFileError

DELIMITERS = (",", ";", "\t", "|", " ", "^")
MAX_COLUMNS = 2000
_HEAD_BYTES, _HEAD_LINES, _CHUNK = 262_144, 600, 32_768
_MAX_TRAILER = 200
# csv refuses fields of more than 128 KiB, and no bar is that long.
_LONGEST = 100_000


@dataclass(frozen=True, slots=True)
class Layout:
    """What a text looks like.

    Attributes:
        delimiter: between fields; a blank stands for runs of blanks.
        quote: the quoting character, empty if none is used.
        headers: the header's rows, the one that names the columns first; empty if there is none.
        header_lines: their 1-based line numbers in file order.
        start: byte offset of the first data row, and ``first_line`` its 1-based line number.
        stop: byte offset behind the last data row.
        width: fields in most rows.
        rows: sample of data rows, the first ``head`` of them in a row.
        trailer: lines cut off behind the data.
    """

    delimiter: str
    quote: str
    headers: tuple[tuple[str, ...], ...]
    header_lines: tuple[int, ...]
    start: int
    first_line: int
    stop: int
    width: int
    rows: tuple[tuple[str, ...], ...]
    head: int
    trailer: int

    @property
    def names(self) -> tuple[str, ...]:
        """The main header row; empty if there is none."""
        return self.headers[0] if self.headers else ()


def split(lines: list[str], delimiter: str, quote: str = '"') -> list[list[str]]:
    """Each line's fields without blanks around them; a line whose quotes do not pair loses them."""
    if delimiter == " ":
        return [line.split() for line in lines]
    text = "".join(lines)
    if quote and quote in text:
        lines = [line if line.count(quote) % 2 == 0 else line.replace(quote, "") for line in lines]
    if len(text) > _LONGEST:
        lines = [line[:_LONGEST] for line in lines]
    rows = _csv(lines, delimiter, quote)
    if len(rows) != len(lines):  # a quote inside of a field has joined lines
        rows = [_csv([line], delimiter, quote)[0] for line in lines]
    blank = text.split(maxsplit=1) != [text]
    return [[cell.strip() for cell in row] for row in rows] if blank else rows


def _csv(lines: list[str], delimiter: str, quote: str) -> list[list[str]]:
    if not quote:
        return list(
            csv.reader(lines, delimiter=delimiter, quoting=csv.QUOTE_NONE, skipinitialspace=True)
        )
    return list(csv.reader(lines, delimiter=delimiter, quotechar=quote, skipinitialspace=True))


def find_layout(data: bytes, override: Override, filename: str) -> Layout:
    """Find the table in UTF-8 text; raise `UnrecognisedFileError` where there is none."""
    head_bytes = data[:_HEAD_BYTES]
    if len(data) > _HEAD_BYTES:
        if b"\n" not in head_bytes:
            raise UnrecognisedFileError(
                f"expected lines of a table, found no line break in the first {_HEAD_BYTES} bytes",
                hint="is this a CSV of bars?",
                where=filename,
            )
        head_bytes = head_bytes[: head_bytes.rindex(b"\n")]
    raw_lines = head_bytes.split(b"\n")[: _HEAD_LINES + (override.skip_rows or 0)]
    skipped = override.skip_rows or 0
    body = _decoded(raw_lines)[skipped:]
    quote = _quote(body)
    delimiter = override.delimiter or _delimiter(body, quote, filename)
    table = split(body, delimiter, quote)
    width = _width(body, table)
    if width > MAX_COLUMNS:
        raise UnrecognisedFileError(
            f"expected at most {MAX_COLUMNS} columns, found {width}",
            hint="is this a CSV of bars?",
            where=filename,
        )
    first = _first_data(table, width, override.header_rows)
    headers, header_rows = _headers(table, first, width, override.header_rows)
    if first >= len(table):
        _raise_no_rows(headers, len(table), filename)
    start = sum(len(line) + 1 for line in raw_lines[: skipped + first])
    stop, trailer = _stop(data, start, delimiter, quote, width)
    last_head = _lines_before(raw_lines, stop)
    rows = [row for row in table[first : max(first + 1, last_head - skipped)] if any(row)]
    more = _more_rows(data, len(head_bytes), stop, delimiter, quote)
    return Layout(
        delimiter=delimiter,
        quote=quote,
        headers=tuple(tuple(row) for row in headers),
        header_lines=tuple(skipped + row + 1 for row in header_rows),
        start=start,
        first_line=skipped + first + 1,
        stop=stop,
        width=width,
        rows=tuple(tuple(row) for row in rows + more),
        head=len(rows),
        trailer=trailer,
    )


def _decoded(lines: list[bytes]) -> list[str]:
    """The lines without line ends; an empty list is an empty line."""
    text = b"\n".join(lines).decode("utf-8", "replace")
    return [line.rstrip("\r") for line in text.split("\n")] if "\r" in text else text.split("\n")


def _quote(lines: list[str]) -> str:
    text = "\n".join(lines)
    if '"' in text or "'" not in text:
        return '"'
    single = sum(bool(re.search(r"(?:^|[,;\t|])'[^']*'(?:$|[,;\t|])", line)) for line in lines)
    return "'" if single > len(lines) / 2 else '"'


@lru_cache(maxsize=65_536)
def _typed(cell: str) -> bool:
    return is_number(cell) or is_written_date(cell) or is_clock(cell)


def _count_typed(cells: list[str], forms: Counter[str]) -> int:
    """How many cells are of a type; ``forms`` are their `shapes`."""
    typed = 0
    for form, number in forms.items():
        if _typed(form):
            typed += number
        elif leads_decide(form):
            typed += sum(shape(cell) == form and _typed(cell) for cell in cells)
    return typed


def _typed_rows(lines: list[str], rows: list[list[str]]) -> list[list[str]]:
    """The rows with two typed cells or more, which bars have at least."""
    # Zeros are of a type only where any digits are: then all lines of the shape are as the first.
    surely: dict[str, bool] = {}
    found = []
    for form, row in zip("\n".join(lines).translate(ZEROS).split("\n"), rows, strict=True):
        if form not in surely:
            surely[form] = _has_two(map(shape, row))
        if surely[form] or _has_two(row):
            found.append(row)
    return found


def _has_two(cells: Iterable[str]) -> bool:
    return len(list(islice(filter(_typed, cells), 2))) == 2


def _delimiter(lines: list[str], quote: str, filename: str) -> str:
    """The delimiter that splits most rows into the same number of typed cells."""
    probe = [line for line in lines if line.strip()]
    # The head may be junk: judge by rows from all over the sample.
    probe = probe[:40] + probe[40 :: max(1, len(probe) // 100)]
    best, choice = 0.0, ""
    for delimiter in DELIMITERS:
        if not any(delimiter in line for line in probe):
            continue
        rows = split(probe, delimiter, quote)
        score = _score(probe, rows)
        if delimiter == " ":
            score *= 0.6  # the last resort: blanks also stand in stamps and numbers
        if score > best:
            best, choice = score, delimiter
    if not choice:
        headers = [
            d
            for d in DELIMITERS
            if any(len(price_roles(row)) >= 3 for row in split(probe[:20], d, quote))
        ]
        if headers:
            return headers[0]
        raise UnrecognisedFileError(
            "expected a table with a timestamp and open, high, low and close, found no delimiter "
            f"that splits the lines into such rows; the first line is {lines[0][:80]!r}",
            hint="if it is one, write its delimiter into overrides.toml:\n"
            + override_text(filename, delimiter=";"),
            where=filename,
        )
    return choice


def _score(lines: list[str], rows: list[list[str]]) -> float:
    bars = _typed_rows(lines, rows)
    widths = Counter(map(len, bars))
    if not widths:
        return 0.0
    width, count = widths.most_common(1)[0]
    cells = [cell for row in bars if len(row) == width for cell in row]
    forms = shapes(cells)
    typed = _count_typed(cells, forms)
    nulls = sum(number for form, number in forms.items() if is_null(form))
    share = (typed + 0.5 * nulls) / len(cells)
    # More columns are better, but only a little: 4 typed cells beat 2, 12 do not beat 9 by much.
    return count / len(rows) * share * (1 - 1 / (1 + typed / max(1, count)))


def _width(lines: list[str], table: list[list[str]]) -> int:
    widths = Counter(map(len, _typed_rows(lines, table)))
    if not widths:
        widths = Counter(len(row) for row in table if row)
    return widths.most_common(1)[0][0] if widths else 0


def _is_data(row: list[str], width: int) -> bool:
    if len(row) < max(3, width - 3) or len(price_roles(row)) >= 3:
        return False
    numbers = [cell for cell in row if is_number(cell)]
    if any(is_written_date(cell) or is_clock(cell) for cell in row):
        return bool(numbers) or sum(is_null(cell) for cell in row) >= 3
    # A row of tickers may look like numbers (10000,10000,10000), one of pandas' names too (0,1,2,3).
    if numbers == [str(i) for i in range(len(numbers))]:
        return False
    return (len(numbers) >= 3 and len(set(numbers)) > 1) or _has_epoch(row)


def _has_epoch(row: list[str]) -> bool:
    return len(row) >= 5 and any(cell.isdigit() and 9 <= len(cell) <= 19 for cell in row)


def _first_data(table: list[list[str]], width: int, header_rows: int | None) -> int:
    if header_rows is not None:
        return header_rows
    for index, row in enumerate(table):
        if _is_data(row, width):
            return index
    return len(table)


def _headers(
    table: list[list[str]], first: int, width: int, header_rows: int | None
) -> tuple[list[list[str]], list[int]]:
    """The header's rows, the one that names most columns first, and their positions."""
    candidates = [i for i in range(max(0, first - 60), first) if any(table[i])]
    if not candidates:
        return [], []
    scores = {i: _naming(table[i]) for i in candidates}
    # Of equal ones the last: metadata above a header may name columns too.
    main = max(candidates, key=lambda i: (scores[i], i))
    if scores[main] == 0:
        near = candidates[-1]
        fits = abs(len(table[near]) - width) <= 1 and not any(map(_typed, table[near])) and width >= 4
        if header_rows is None and not fits:
            return [], []
        main = near
    wide = max(3, len(table[main]) - 2)
    group = [main]
    for step in (-1, 1):
        index = main + step
        while index in scores and (len(table[index]) >= wide or not any(table[index])):
            if any(table[index]):
                group.append(index)
            index += step
    return [table[i] for i in group], sorted(group)


def _naming(row: list[str]) -> int:
    if len(row) < 4 and len(price_roles(row)) < 3:
        return 0
    prices = len(price_roles(row))
    known = sum(meaning(cell) is not None for cell in row if cell and len(cell) < 80)
    return prices * 4 + known if prices >= 2 or known >= 3 else 0


def _raise_no_rows(headers: list[list[str]], lines: int, filename: str) -> None:
    if headers:
        raise UnrecognisedFileError(
            f"expected rows of bars, found a header ({', '.join(headers[0])[:120]}) and no data rows",
            hint="the download failed or the symbol has no data in this range: download it again",
            where=filename,
        )
    raise UnrecognisedFileError(
        f"expected rows of a timestamp, open, high, low and close, found {lines} lines without",
        hint="is this a CSV of bars?",
        where=filename,
    )


def _stop(data: bytes, start: int, delimiter: str, quote: str, width: int) -> tuple[int, int]:
    """Byte offset behind the last data row, and how many lines of text follow it."""
    stop, trailer = len(data), 0
    for _ in range(_MAX_TRAILER):
        end = stop - 1 if data[stop - 1 : stop] == b"\n" else stop
        begin = data.rfind(b"\n", start, end) + 1
        if begin <= start or end - begin > _CHUNK:
            break
        line = data[begin:end].decode("utf-8", "replace").strip()
        if line and not _is_trailer(split([line], delimiter, quote)[0]):
            break
        trailer += bool(line)
        stop = begin
    return stop, trailer


def _is_trailer(row: list[str]) -> bool:
    """A note behind the data: text first, and hardly a number; or nothing at all."""
    if not any(row):
        return True
    if any(is_written_date(cell) or is_clock(cell) or _has_epoch(row) for cell in row):
        return False
    return not row[0][:1].isdigit() and sum(map(is_number, row)) < 3


def _lines_before(raw_lines: list[bytes], stop: int) -> int:
    offset = 0
    if sum(map(len, raw_lines)) + len(raw_lines) <= stop:
        return len(raw_lines)
    for index, line in enumerate(raw_lines):
        if offset >= stop:
            return index
        offset += len(line) + 1
    return len(raw_lines)


def _more_rows(data: bytes, head: int, stop: int, delimiter: str, quote: str) -> list[list[str]]:
    """Rows from the middle and the end of what lies behind the head."""
    rows: list[list[str]] = []
    for begin in ((head + stop) // 2, stop - _CHUNK):
        if begin > head:
            lines = data[begin : min(begin + _CHUNK, stop)].split(b"\n")[1:-1]
            rows += [row for row in split(_decoded(lines[:100]), delimiter, quote) if any(row)]
    return rows
