"""A random table in a random dialect is read back exactly."""

import csv
import io
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ml.data.reading import RawTable
from ml.errors import TickerflowError
from tests.ml.data.reading.bars import assert_same, make_bars, read_text

HEADERS = {
    "english": ("Date", "Open", "High", "Low", "Close", "Volume"),
    "shouted": ("<DATE>", "<OPEN>", "<HIGH>", "<LOW>", "<CLOSE>", "<VOL>"),
    "german": ("Datum", "Eröffnung", "Hoch", "Tief", "Schlusskurs", "Stück"),
    "polish": ("Data", "Otwarcie", "Najwyższy", "Najniższy", "Zamknięcie", "Wolumen"),
    "russian": ("Дата", "Открытие", "Макс.", "Мин.", "Закрытие", "Объём"),
    "korean": ("날짜", "시가", "고가", "저가", "종가", "거래량"),
    "japanese": ("日付", "始値", "高値", "安値", "終値", "出来高"),
    "chinese": ("日期", "开盘", "最高", "最低", "收盘", "成交量"),
    "spanish": ("Fecha", "Apertura", "Máximo", "Mínimo", "Cierre", "Volumen"),
    "italian": ("Data", "Apertura", "Massimo", "Minimo", "Chiusura", "Volume"),
    "portuguese": ("Data", "Abertura", "Máxima", "Mínima", "Fechamento", "Volume"),
    "french": ("Date", "Ouverture", "Plus haut", "Plus bas", "Clôture", "Volume"),
}
DATES = (
    "%Y-%m-%d",
    "%Y%m%d",
    "%d.%m.%Y",
    "%m/%d/%Y",
    "%d/%m/%Y",
    "%Y/%m/%d",
    "%b %d, %Y",
    "%d-%b-%y",
    "%Y年%m月%d日",
)
TIMES = (" %H:%M", " %H:%M:%S", "T%H:%M:%S", "T%H:%M:%SZ", " %I:%M %p")
JUNK = ("", "sep={}\n", "https://www.example.com\n", "# Symbol: TEST\n# Source: somewhere\n\n")
NOTES = ("", "\n", "Data without warranty\n", "\n* adjusted for splits\n")
GROUPS = {".": ("", ","), ",": ("", ".", "'", "\u00a0")}


@dataclass(frozen=True)
class Dialect:
    """How a table is written."""

    delimiter: str
    decimal: str
    group: str
    stamp: str
    header: str
    order: tuple[int, ...]
    junk: str
    notes: str
    end: str
    descending: bool
    quote_all: bool
    trailing: bool

    def number(self, value: float) -> str:
        text = f"{value:,.2f}".replace(".", "_").replace(",", self.group)
        return text.replace("_", self.decimal)

    def write(self, bars: pd.DataFrame) -> str:
        out = io.StringIO()
        if self.quote_all:
            writer = csv.writer(
                out, delimiter=self.delimiter, lineterminator="\n", quoting=csv.QUOTE_ALL
            )
        else:
            writer = csv.writer(out, delimiter=self.delimiter, lineterminator="\n")
        names = [HEADERS[self.header][i] for i in self.order]
        writer.writerow(names + [""] * self.trailing)
        records = bars.to_dict("records")
        for bar in records[::-1] if self.descending else records:
            prices = [self.number(bar[name]) for name in ("open", "high", "low", "close", "volume")]
            cells = [bar["timestamp"].strftime(self.stamp), *prices]
            writer.writerow([cells[i] for i in self.order] + [""] * self.trailing)
        text = self.junk.format(self.delimiter) + out.getvalue() + self.notes
        return text.replace("\n", self.end)


@st.composite
def dialects(draw: st.DrawFn, *, intraday: bool) -> Dialect:
    decimal = draw(st.sampled_from((".", ",")))
    stamp = draw(st.sampled_from(DATES)) + (draw(st.sampled_from(TIMES)) if intraday else "")
    return Dialect(
        delimiter=draw(st.sampled_from((",", ";", "\t", "|"))),
        decimal=decimal,
        group=draw(st.sampled_from(GROUPS[decimal])),
        stamp=stamp,
        header=draw(st.sampled_from(sorted(HEADERS))),
        order=tuple(draw(st.permutations(range(6)))),
        junk=draw(st.sampled_from(JUNK)),
        notes=draw(st.sampled_from(NOTES)),
        end=draw(st.sampled_from(("\n", "\r\n"))),
        descending=draw(st.booleans()),
        quote_all=draw(st.booleans()),
        trailing=draw(st.booleans()),
    )


PROPERTY = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@PROPERTY
@given(dialect=dialects(intraday=False), price=st.sampled_from((1.5, 85.0, 990.0, 42_000.0)))
def test_daily_bars_in_a_random_dialect_are_read_exactly(
    dialect: Dialect, price: float, tmp_path: Path
) -> None:
    bars = make_bars(40, price=price)
    assert_same(read_text(tmp_path, dialect.write(bars)), bars)


@PROPERTY
@given(dialect=dialects(intraday=True))
def test_intraday_bars_in_a_random_dialect_are_read_exactly(dialect: Dialect, tmp_path: Path) -> None:
    bars = make_bars(80, freq="h", start="2021-03-30 00:00")
    assert_same(read_text(tmp_path, dialect.write(bars), interval="1h"), bars)


@PROPERTY
@given(
    position=st.integers(0, 2000),
    rubbish=st.binary(max_size=12),
    length=st.integers(0, 40),
)
def test_damaged_files_are_read_or_refused_but_never_crash(
    position: int, rubbish: bytes, length: int, tmp_path: Path
) -> None:
    text = make_bars(30).to_csv(index=False).encode()
    position = position % len(text)
    damaged = text[:position] + rubbish + text[position + length :]
    outcome = _read_or_refuse(tmp_path, damaged)
    if isinstance(outcome, TickerflowError):
        assert outcome.hint
    else:
        assert len(outcome.frame) > 0
        assert outcome.frame["line"].is_monotonic_increasing


def _read_or_refuse(folder: Path, text: bytes) -> RawTable | TickerflowError:
    try:
        return read_text(folder, text)
    except TickerflowError as error:
        return error
