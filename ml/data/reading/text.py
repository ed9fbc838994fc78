"""From bytes to UTF-8 text with known line breaks, whatever encoding the vendor wrote."""

import codecs
import re
from dataclasses import dataclass

from charset_normalizer import from_bytes

from ml.data.reading.names import meaning
from ml.errors import OverrideError, UnreadableFileError

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# Tried in this order on text that is not UTF-8; the first of equally good ones is taken.
_LEGACY = (
    "cp1252", "cp1250", "cp1251", "cp949", "cp932", "gb18030", "big5", "euc_jp", "iso8859_2", "koi8_r",
    "cp866", "cp852", "cp850", "cp1254", "cp1253", "mac_roman",
)  # fmt: skip
_SAMPLE = 65_536
_BINARY_SHARE = 0.002
_CONTROLS = bytes(c for c in range(32) if c not in (9, 10, 11, 12, 13, 26, 27))


@dataclass(frozen=True, slots=True)
class Text:
    """A file's content as UTF-8 bytes; lines end with ``\\n`` or ``\\r\\n``, not with ``\\r``."""

    data: bytes
    encoding: str


def decode(raw: bytes, name: str, encoding: str | None = None) -> Text:
    """Recode to UTF-8: by ``encoding`` if given, else by BOM, validity, and what makes sense.

    Raises `UnreadableFileError` for binary content, `OverrideError` for an encoding that does not exist.
    """
    if encoding is None:
        encoding = _detect(raw, name)
    elif not _exists(encoding):
        raise OverrideError(f"expected an encoding that Python knows, found {encoding!r}", where=name)
    if encoding in ("utf-8", "utf-8-sig"):
        data = raw.removeprefix(codecs.BOM_UTF8)
        if not data.isascii() and not _is_utf8(data):
            data = data.decode("utf-8", errors="replace").encode()
    else:
        data = raw.decode(encoding, errors="replace").removeprefix("\ufeff").encode("utf-8", "replace")
    if b"\r" in data and data.count(b"\r") != data.count(b"\r\n"):
        data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    if re.search(rb"\S", data) is None:
        raise UnreadableFileError(
            "expected a CSV, found only blanks", hint="download it again", where=name
        )
    return Text(data, encoding)


_FURNITURE = (
    (re.compile(rb'(?m)(^|[,;\t|])="([^"\r\n,;]*)"'), rb"\1\2"),
    (re.compile(rb"(?m)^([A-Za-z]{3,9}\.? \d{1,2}),( ?\d{4},)"), rb"\1\2"),
)


def unwrap(data: bytes) -> bytes:
    """Undo what stands between a line and its fields, where it does so in most lines.

    The quoting of whole lines, as spreadsheets do to a CSV that they did not split; ``="..."``, which
    keeps them from reading a text; and the comma of an unquoted ``Jan 02, 2020`` in front of commas.
    """
    head = [line for line in data[:_SAMPLE].splitlines()[:50] if line.strip()]
    inner = re.compile(rb'"(?:[^"]|"")*[,;\t|](?:[^"]|"")*"')
    for pattern, plain in _FURNITURE:
        if 2 * sum(pattern.search(line) is not None for line in head) > len(head):
            data = pattern.sub(plain, data)
    if len(head) < 2 or not all(inner.fullmatch(line.strip()) for line in head[:-1]):
        return data
    lines = [line.rstrip(b"\r") for line in data.split(b"\n")]
    return b"\n".join(line[1:-1].replace(b'""', b'"') if line[:1] == b'"' else line for line in lines)


def _exists(encoding: str) -> bool:
    try:
        return codecs.lookup(encoding)._is_text_encoding
    except (LookupError, ValueError):
        return False


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _detect(raw: bytes, name: str) -> str:
    for bom, encoding in _BOMS:
        if raw.startswith(bom):
            return encoding
    head = raw[:_SAMPLE]
    zeros = head.count(0)
    if zeros > len(head) * 0.2:
        # Text of mostly ASCII characters in UTF-16 has a zero in every second byte.
        even, odd = head[::2].count(0), head[1::2].count(0)
        if odd > 10 * even:
            return "utf-16-le"
        if even > 10 * odd:
            return "utf-16-be"
    controls = len(head) - len(head.translate(None, _CONTROLS))
    if controls > max(1, len(head) * _BINARY_SHARE):
        raise UnreadableFileError(
            f"expected text, found binary data ({controls} control characters in {len(head)} bytes)",
            hint="export the data as CSV",
            where=name,
        )
    if re.match(rb"\s*<(!doctype|html|\?xml)", head[:200], re.IGNORECASE):
        raise UnreadableFileError(
            "expected a CSV, found a web page or XML",
            hint="the vendor's site answered with a page (an error, a login): download the file again",
            where=name,
        )
    if raw.isascii() or _is_utf8(raw):
        return "utf-8"
    return _legacy(raw)


def _legacy(raw: bytes) -> str:
    """The encoding in which most header names are words that we know; else the statistical guess.

    Headers are too short for statistics, and beside month names they are all that matters.
    """
    lines = raw[:_SAMPLE].splitlines()[:60]
    odd = [line for line in lines if not line.isascii()][:20]
    best, encoding = 0, ""
    for candidate in _LEGACY:
        try:
            text = b"\n".join(odd).decode(candidate)
        except UnicodeDecodeError:
            continue
        cells = re.split(r"[;,\t|\n]", text)
        known = sum(
            meaning(cell.strip(' "')) is not None
            for cell in cells
            if not cell.isascii() and len(cell) < 80
        )
        if known > best:
            best, encoding = known, candidate
    if encoding:
        return encoding
    first = next((i for i, byte in enumerate(raw) if byte > 127), 0) if len(raw) < _SAMPLE else 0
    guess = from_bytes(raw[max(0, first - 2000) : first + _SAMPLE]).best()
    return guess.encoding if guess is not None else "cp1252"
