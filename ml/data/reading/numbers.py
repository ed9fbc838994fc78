"""Numbers as vendors write them: decimal commas, thousands, currencies, 1.2M, (3.50) and the many nulls.

The decimal sign is decided once for a file, over all its numeric columns: ``1,234`` alone says nothing.
What is not a number after that (``1_000``, ``0x10``, ``1e999``, text) is missing, never a guess.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ml.data.reading.places import Alike, alike

NULLS = (
    "", " ", "  ", "-", "--", "---", "–", "—", ".", "*", "?", "x", "nil", "NaT", "undefined", "<NA>",
    "null", "Null", "NULL", "nan", "NaN", "NAN", "-nan", "NA", "na", "N/A", "n/a", "#N/A", "#N/A N/A",
    "none", "None", "NONE", "n.a.", "N.A.", "k.A.", "#DIV/0!", "#VALUE!", "#REF!",
    "inf", "-inf", "Inf", "-Inf", "Infinity", "-Infinity",
)  # fmt: skip
_NULL_SET = frozenset(NULLS)
_NULL_ARRAY = pa.array(sorted(_NULL_SET), pa.string())

_CURRENCY = (
    r"(?:US\$|C\$|A\$|HK\$|R\$|Rs\b|[$€£¥￥₩₹₽₺฿₿円원元株주股]|zł|kr|Kč|Ft"
    r"|(?:USD|EUR|GBP|JPY|CHF|PLN|CNY|KRW|RUB|INR|CAD|AUD|HKD|SEK|TRY|BRL|Stk|szt|shares|руб|p|GBX)\b)\.?"
)
_SUFFIXES = {
    "k": 3, "m": 6, "b": 9, "t": 12, "g": 9, "mn": 6, "mln": 6, "mio": 6, "bn": 9, "mrd": 9,
    "тыс": 3, "млн": 6, "млрд": 9, "к": 3, "м": 6, "千": 3, "万": 4, "萬": 4, "亿": 8, "億": 8, "兆": 12,
    "만": 4, "천": 3, "억": 8, "조": 12, "tys": 3, "tsd": 3, "百万": 6,
    "thousand": 3, "million": 6, "billion": 9,
}  # fmt: skip
_SUFFIX = "|".join(sorted(_SUFFIXES, key=len, reverse=True))
_PLAIN = r"[+-]?(?:\d+D?\d*|D\d+)(?:[eE][+-]?\d{1,3})?"
# One sign groups, at most one other divides: 1.2,3.4 and 1 2,3 are no numbers.
_BODY = (
    r"(?:\d{1,3}(?P<t>[.,'’` \u00a0\u202f\u2009])\d{2,3}(?:(?P=t)\d{2,3})*(?:[.,]\d*)?"
    r"|\d+(?:[.,]\d*)?|[.,]\d+)"
    r"(?:[eE][+-]?\d{1,3})?"
)
_BODY_PY = (
    _BODY.replace(r"\x{a0}", "\u00a0").replace(r"\x{202f}", "\u202f").replace(r"\x{2009}", "\u2009")
)
_NUMBERISH = re.compile(
    rf"[-+−(]?\s*(?:{_CURRENCY})?\s*[-+−]?{_BODY}\s*(?:{_SUFFIX})?\.?\s*(?:%|{_CURRENCY})?\s*\)?-?",
    re.IGNORECASE,
)
_PROBE = 100
_LENGTHS = range(1, 25)
# A whole number of so many digits is a float64, and so is a power of ten up to 10**22.
_EXACT_DIGITS = 15
_EXPONENT = r"(?:[eE][+-]?\d+)?"


def is_null(cell: str) -> bool:
    """Whether a cell says that there is no value."""
    return cell.strip() in _NULL_SET


@lru_cache(maxsize=65_536)
def is_number(cell: str) -> bool:
    """Whether a cell looks like a number in some notation."""
    return len(cell) < 60 and _NUMBERISH.fullmatch(cell.strip()) is not None


@lru_cache(maxsize=65_536)
def is_plain(cell: str, decimal: str) -> bool:
    """Whether Arrow's own parser reads the cell."""
    cell = cell.strip(" \t")
    return cell in _NULL_SET or re.fullmatch(_PLAIN.replace("D", re.escape(decimal)), cell) is not None


def _evidence(decimal: str, thousands: str) -> re.Pattern[str]:
    d, t = re.escape(decimal), re.escape(thousands)
    body = "|".join(
        (
            rf"\d*{d}(?:\d{{1,2}}|\d{{4,}})",  # not three digits behind it
            rf"(?:0+|\d{{4,}})?{d}\d{{3}}",  # no group of one to three before it
            rf"\d{{1,3}}(?:{t}\d{{2,3}})+{d}\d*",  # both signs, this one last
            rf"\d{{1,3}}(?:{t}\d{{2,3}}){{2,}}",  # the other sign twice
        )
    )
    return re.compile(rf"[^\d.,]*(?:{body}){_EXPONENT}[^\d.,]*")


_GROUPING = str.maketrans("", "", "'’` \u00a0\u202f\u2009")
# Of the digits of a number only zeros say more than that they are digits.
_ONES = str.maketrans("23456789", "11111111")
_DOT, _COMMA = _evidence(".", ","), _evidence(",", ".")


def decide_decimal(cells: Iterable[str], delimiter: str) -> str:
    """The decimal sign of these numeric cells, ``.`` or ``,``.

    Without evidence (every separator is followed by exactly three digits) a comma groups thousands, but
    in a file that is split at semicolons it is the decimal sign of the locales that write such files.
    """
    dots = commas = with_dot = with_comma = ungrouped = 0
    for cell, count in Counter("\n".join(cells).translate(_ONES).split("\n")).items():
        if "." not in cell and "," not in cell:
            ungrouped += count * (len(cell) > 3 and cell.isdigit())
            continue
        cell = cell.translate(_GROUPING)
        dots += count * (_DOT.fullmatch(cell) is not None)
        commas += count * (_COMMA.fullmatch(cell) is not None)
        with_dot += count * ("." in cell)
        with_comma += count * ("," in cell)
    if dots != commas:
        return "." if dots > commas else ","
    if not with_comma or with_dot:
        return "."
    return "," if delimiter == ";" or (delimiter != "," and ungrouped > 0) else "."


@lru_cache(maxsize=2)
def _grouped(decimal: str) -> re.Pattern[str]:
    """What most numbers look like, after the sign: ``$1,234.50``, ``0.5%``, ``1.2M``, ``100``."""
    d, t = re.escape(decimal), "[.]" if decimal == "," else ","
    body = rf"(?P<whole>\d{{1,3}}(?:{t}\d{{3}})+|\d+)(?:{d}(?P<part>\d*))?"
    return re.compile(rf"(?P<sign>-?)\$?{body}(?:(?P<suffix>[kmbtKMBT])|%)?", re.ASCII)


def parse_numbers(column: pa.Array | pa.ChunkedArray, decimal: str) -> NDArray[np.float64]:
    """Read a column of texts (or numbers) as float64; NaN for what is missing, no number or infinite."""
    if not pa.types.is_string(column.type):
        return _finite(pc.cast(column, pa.float64(), safe=False))
    values = np.full(len(column), np.nan)
    rest = np.ones(len(column), dtype=bool)
    for cells in alike(column, _LENGTHS):
        read = _by_place(cells, decimal)
        if read is not None:
            values[cells.rows] = read
            rest[cells.rows] = False
    if rest.all():
        return _by_rules(column, decimal)
    if rest.any():
        values[rest] = _by_rules(column.filter(pa.array(rest)), decimal)
    return values


def _by_place(cells: Alike, decimal: str) -> NDArray[np.float64] | None:
    """The usual numbers ``(n,)``, exact to the last bit; None for others, which the rules may know."""
    cell = cells.text(0)
    number = cell.strip()
    match = _grouped(decimal).fullmatch(number)
    if match is None or not cell.isascii():
        return None
    begin = cell.index(number)
    places = [begin + i for i in range(match.start("whole"), match.end()) if number[i].isdigit()]
    if len(places) > _EXACT_DIGITS:
        return None
    values = cells.number(places).astype(np.float64)
    power = _SUFFIXES[match["suffix"].lower()] if match["suffix"] else 0
    power -= len(match["part"] or "")
    # Both are whole and known exactly, so one rounding is all there is, as in any good parser.
    if power:
        values = values * 10.0**power if power > 0 else values / 10.0**-power
    return -values if match["sign"] else values


def _by_rules(column: pa.Array | pa.ChunkedArray, decimal: str) -> NDArray[np.float64]:
    """Any notation, step by step over all cells at once."""
    texts = pc.utf8_trim_whitespace(column)
    texts = pc.if_else(pc.is_in(texts, _NULL_ARRAY), None, texts)
    if decimal == ".":
        try:
            pc.cast(texts[:_PROBE], pa.float64())  # Arrow's errors take long where there are many
            return _finite(pc.cast(texts, pa.float64()))
        except pa.ArrowInvalid:  # more than plain numbers
            pass
    thousands = "." if decimal == "," else ","
    if _has(texts, r"^\(.*\)$|−|-$"):
        texts = pc.replace_substring(texts, "−", "-")
        texts = pc.replace_substring_regex(texts, r"^\((.*)\)$", r"-\1")
        texts = pc.replace_substring_regex(texts, r"^([^-].*\d)-$", r"-\1")
    if _has(texts, r"[^\d.,eE+\s-]"):
        texts = pc.replace_substring_regex(texts, rf"(?i){_CURRENCY}|%", "")
        texts = pc.replace_substring_regex(
            texts, rf"(?i)^(.*\d{re.escape(decimal)}?)\s*({_SUFFIX})\.?\s*$", r"\1~\2"
        )
        texts = _exponents(texts)
    # Blanks and apostrophes group thousands between digits, and nothing else.
    if _has(texts, r"[\s'’`\x{a0}\x{202f}\x{2009}]"):
        texts = pc.replace_substring_regex(texts, r"^\s+|\s+$", "")
        texts = pc.replace_substring_regex(texts, r"^([+-])\s+", r"\1")
        grouped = pc.match_substring_regex(
            texts,
            rf"^[+-]?\d{{1,3}}(?:[\s'’`\x{{a0}}\x{{202f}}\x{{2009}}]\d{{3}})+(?:[.,]\d*)?{_EXPONENT}$",
        )
        texts = pc.if_else(
            grouped, pc.replace_substring_regex(texts, r"[\s'’`\x{a0}\x{202f}\x{2009}]", ""), texts
        )
    if _has(texts, re.escape(thousands)):
        t, d = re.escape(thousands), re.escape(decimal)
        grouped = pc.match_substring_regex(
            texts, rf"^[+-]?\d{{1,3}}(?:{t}\d{{2,3}})*{t}\d{{3}}(?:{d}\d*)?{_EXPONENT}$"
        )
        plain = pc.invert(pc.match_substring(texts, thousands))
        texts = pc.if_else(pc.or_(grouped, plain), pc.replace_substring(texts, thousands, ""), None)
    if decimal == ",":
        texts = pc.replace_substring(texts, ",", ".")
    return _finite(_cast(texts))


def _has(texts: pa.Array | pa.ChunkedArray, pattern: str) -> bool:
    return bool(pc.any(pc.match_substring_regex(texts, pattern)).as_py())


def _exponents(texts: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """``1.2~M`` to ``1.2e6``: as text, so that 66.32K is 66320 and not 66319.99999999999."""
    if not _has(texts, "~"):
        return texts
    for suffix, power in _SUFFIXES.items():
        texts = pc.replace_substring_regex(texts, rf"(?i)~{suffix}$", f"e{power}")
    return texts


def _cast(texts: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    try:
        return pc.cast(pc.if_else(pc.equal(texts, ""), None, texts), pa.float64())
    except pa.ArrowInvalid:
        pass
    valid = pc.match_substring_regex(texts, f"^{_PLAIN.replace('D', '[.]')}$")
    return pc.cast(pc.if_else(valid, texts, None), pa.float64())


def _finite(column: pa.Array | pa.ChunkedArray) -> NDArray[np.float64]:
    values = column.to_numpy(zero_copy_only=False) if isinstance(column, pa.Array) else column.to_numpy()
    return finite(np.asarray(values, dtype=np.float64))


def finite(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The values, with infinite ones replaced by NaN."""
    infinite = np.isinf(values)
    return np.where(infinite, np.nan, values) if infinite.any() else values


def sample_numbers(cells: Sequence[str], decimal: str) -> NDArray[np.float64]:
    """`parse_numbers` of a few cells."""
    return parse_numbers(pa.array(cells, pa.string()), decimal)
