"""Written dates: the forms, as patterns with named parts, and month names in the vendors' languages.

The order of day and month is not read from a pattern: `ml.data.reading.order` decides it over the
column.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from functools import lru_cache

from ml.data.reading.shapes import shape, shapes

# 09:30, 9:30:00.123, T093000, 12-AM, 14h30, at 9.30 PM, 下午 3:05
_CLOCK = (
    r"(?:(?:[T,;_/-]|\s|\bat\b)+(?P<ap1>오전|오후|上午|下午|午前|午後)?\s*"
    r"(?P<H>\d{1,2})(?:(?:[:.hH时時시]\s?(?P<M>\d{1,2})(?:[:.m分분]\s?(?P<S>\d{1,2})[s秒초]?(?:[.,:](?P<f>\d{1,9}))?)?[分분]?)"
    r"|(?P<M2>\d{2})(?P<S2>\d{2})?(?:\.(?P<f2>\d{1,9}))?|[时時시])?"
    r"[\s-]*(?P<ap>(?i:[ap]\.?\s?m\.?))?)?"
)
_ZONE = (
    r"(?:\s*(?P<z>Z|(?:UTC|GMT)?\s?[+-]\d{1,2}(?::?\d{2})?(?::\d{2})?|[A-Z]{2,5}|\[?[A-Z][A-Za-z]+/[A-Za-z_/]+\]?))?"
    r"(?:\s*[\[(][^\])]*[\])])?"
)
_WEEKDAY = r"(?:[^\W\d_]+\.?,?\s+)?"
_MONTH = r"(?P<mon>[^\W\d_]+)\.?"
_TAIL = rf"{_CLOCK}{_ZONE}$"
_SEP = r"\s*[-/.]\s*"

#: Form to pattern; the first that fits counts.
FORMS: dict[str, str] = {
    "ymd": (
        rf"^{_WEEKDAY}(?P<y>\d{{4}})(?:{_SEP}|\s*[年년]\s*|\s)(?P<m>\d{{1,2}})(?:{_SEP}|\s*[月월]\s*|\s)"
        rf"(?P<d>\d{{1,2}})\s?[日일.]?{_TAIL}"
    ),
    "compact": (
        r"^(?P<y>(?:19|20|21)\d{2})(?P<m>\d{2})(?P<d>\d{2})"
        rf"(?:(?P<H3>\d{{2}})(?P<M3>\d{{2}})(?P<S3>\d{{2}})?(?:\.?(?P<f3>\d{{1,6}}))?)?{_TAIL}"
    ),
    "numeric": rf"^{_WEEKDAY}(?P<a>\d{{1,2}}){_SEP}(?P<b>\d{{1,2}}){_SEP}(?P<y>\d{{4}})\.?{_TAIL}",
    "short": rf"^{_WEEKDAY}(?P<a>\d{{1,2}}){_SEP}(?P<b>\d{{1,2}}){_SEP}'?(?P<c>\d{{2}})\.?{_TAIL}",
    "dmony": (
        rf"^{_WEEKDAY}(?P<d>\d{{1,2}})(?:st|nd|rd|th|º|er|\.)?(?:[-/. ]|\sde\s)*{_MONTH}"
        rf"(?:[-/., ]|\sde\s)*'?(?P<y>\d{{4}}|\d{{2}})\s?г?\.?{_TAIL}"
    ),
    "mondy": (
        rf"^{_WEEKDAY}{_MONTH}[-/. ]*(?P<d>\d{{1,2}})(?:st|nd|rd|th)?[-/., ]+"
        rf"'?(?P<y>\d{{4}}|\d{{2}}){_TAIL}"
    ),
    "ymond": rf"^(?P<y>\d{{4}})[-/. ]*{_MONTH}[-/. ]*(?P<d>\d{{1,2}}){_TAIL}",
    "ctime": (
        rf"^(?:[^\W\d_]{{3}},?\s+){_MONTH}\s+(?P<d>\d{{1,2}})\s+(?P<H>\d{{1,2}}):(?P<M>\d{{2}}):(?P<S>\d{{2}})"
        r"\s*(?P<z>[A-Z]{2,5})?\s+(?P<y>\d{4})$"
    ),
    # Taiwan's years: 109 is 2020.
    "minguo": rf"^(?P<y>1\d{{2}})[/年-](?P<m>\d{{1,2}})[/月-](?P<d>\d{{1,2}})日?{_TAIL}",
    "six": (
        r"^(?P<a>\d{2})(?P<b>\d{2})(?P<c>\d{2})"
        r"(?:[ T](?P<H>\d{2}):?(?P<M>\d{2})(?::?(?P<S>\d{2}))?)?$"
    ),
    "ym": r"^(?P<y>(?:19|20)\d{2})(?:[-/.]|\s*[年년]\s*)(?P<m>\d{1,2})\s?[月월]?$",
    "my": rf"^{_MONTH}[-/., ]*'?(?P<y>\d{{4}}|\d{{2}})$",
}
# Two parts need a colon or an h: 1.25 is a price.
CLOCK_PATTERN = (
    r"^(?:오전|오후|上午|下午|午前|午後)?\s*\d{1,2}(?:[:hH]\d{2}(?:[:.]\d{2}(?:[.,]\d{1,9})?)?|\.\d{2}\.\d{2})"
    r"\s*(?i:[ap]\.?m\.?)?\s?(?:Z|UTC|GMT|[A-Z]{3,4}|[+-]\d{2}:?\d{2})?$"
)

# The first digits that patterns ask for: centuries, and those of Taiwan's years.
_LEADS = ("19", "20", "21", "10")

_FORMS = {form: re.compile(pattern) for form, pattern in FORMS.items()}
_CLOCK_PY = re.compile(CLOCK_PATTERN)

_MONTH_NAMES = """
    jan january januar janvier janv enero ene gennaio gen janeiro styczen stycznia sty янв январь
    января ocak oca januari led leden ledna sijecanj ιαν tammi jän jänner jaan|
    feb february februar fevrier fev febrero febbraio fevereiro luty lutego lut февр фев февраль
    февраля subat sub februari úno únor února φεβ helmi|
    mar march marz mär märz mrz mars marzo março marco marzec marca мар март марта mart maart mrt bře
    březen března μαρ maalis|
    apr april avr avril abr abril aprile kwi kwiecien kwietnia апр апрель апреля nisan nis dub duben
    dubna απρ huhti|
    may mai mayo mag maggio maio maj maja май мая mayis mei kvě květen května μαι touko máj|
    jun june juni juin junio giu giugno junho cze czerwiec czerwca июн июнь июня haziran haz čvn
    červen června ιουν kesä|
    jul july juli juil juillet julio lug luglio julho lip lipiec lipca июл июль июля temmuz tem čvc
    červenec července ιουλ heinä|
    aug august aout août ago agosto sie sierpien sierpnia авг август августа agustos ağu ağustos
    augusti augustus srp srpen srpna αυγ elo|
    sep sept september septembre septiembre set settembre setembro wrz wrzesien wrzesnia сен сент
    сентябрь сентября eylul eyl zář září σεπ syys|
    oct october okt oktober octobre octubre ott ottobre out outubro paz pazdziernik pazdziernika окт
    октябрь октября ekim eki říj říjen října οκτ loka|
    nov november novembre noviembre novembro lis listopad listopada ноя нояб ноябрь ноября kasim kas
    νοε marras|
    dec december dez dezember déc decembre dic diciembre dicembre dezembro gru grudzien grudnia дек
    декабрь декабря aralik ara pro prosinec prosince δεκ joulu
"""


def _bare(word: str) -> str:
    plain = "".join(c for c in unicodedata.normalize("NFKD", word) if not unicodedata.combining(c))
    return unicodedata.normalize("NFC", plain).casefold().replace("ı", "i").replace("ł", "l")


_MONTHS = {
    _bare(word): number
    for number, words in enumerate(_MONTH_NAMES.split("|"), start=1)
    for word in words.split()
}


def month_number(name: str) -> int:
    """The month that a name or abbreviation means, 0 if none."""
    return _MONTHS.get(_bare(name), 0)


@lru_cache(maxsize=65_536)
def is_written_date(cell: str) -> bool:
    """Whether a cell is a date, with or without a time, written with separators or as 8 or 14 digits."""
    cell = cell.strip()
    if not 6 <= len(cell) <= 64 or not any(c.isdigit() for c in cell):
        return False
    if cell.isdigit():
        return len(cell) in (8, 10, 12, 14) and is_compact(int(cell))
    return match_form(cell) is not None


def count_dates(
    cells: Sequence[str], forms: Mapping[str, int] | None = None, *, or_clocks: bool = False
) -> int:
    """How many cells are written dates or, if asked for, times of day; ``forms`` are their `shapes`."""
    total = 0
    for form, number in (shapes(cells) if forms is None else forms).items():
        if is_written_date(form) or (or_clocks and is_clock(form)):
            total += number
        elif leads_decide(form):
            alike = (cell for cell in cells if len(cell) == len(form) and shape(cell) == form)
            total += sum(map(is_written_date, alike))
    return total


@lru_cache(maxsize=4096)
def leads_decide(form: str) -> bool:
    """Whether cells of a shape that is no date may be dates, by their first digits or all of them."""
    if form.isdigit():
        return len(form) in (8, 10, 12, 14)
    return form[:2] == "00" and any(is_written_date(lead + form[2:]) for lead in _LEADS)


def match_form(cell: str) -> tuple[str, re.Match[str]] | None:
    """The first form that a text fits, and the match."""
    for form, pattern in _FORMS.items():
        if (match := pattern.match(cell)) is not None:
            return form, match
    return None


def is_compact(value: int) -> bool:
    """Whether the digits are YYYYMMDD, perhaps with HH, HHMM or HHMMSS behind."""
    digits = str(value)
    if len(digits) not in (8, 10, 12, 14) or not "1900" <= digits[:4] <= "2100":
        return False
    # Ten digits from 1950 on are epoch seconds of the years after 2031.
    if len(digits) == 10 and digits[:4] < "1950":
        return False
    month, day, *clock = (int(digits[i : i + 2]) for i in range(4, len(digits), 2))
    return (
        1 <= month <= 12
        and 1 <= day <= 31
        and all(a < b for a, b in zip(clock, (24, 60, 60), strict=False))
    )


def are_six_digit_dates(cells: Sequence[str]) -> bool:
    """Whether all cells are six digits that are a date in one order: 200131, 310120 or 013120.

    Any number may look like one, so a name must say that the column holds dates.
    """
    if not cells or not all(len(cell) == 6 and cell.isdigit() for cell in cells):
        return False
    parts = [(int(cell[:2]), int(cell[2:4]), int(cell[4:])) for cell in cells]
    orders = (
        [(b, c) for _, b, c in parts],
        [(b, a) for a, b, _ in parts],
        [(a, b) for a, b, _ in parts],
    )
    return any(all(1 <= month <= 12 and 1 <= day <= 31 for month, day in order) for order in orders)


def is_clock(cell: str) -> bool:
    """Whether a cell is a time of day alone."""
    return _CLOCK_PY.match(cell.strip()) is not None
