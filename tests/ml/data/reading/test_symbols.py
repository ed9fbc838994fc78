"""Several symbols in one file."""

import re
from pathlib import Path

import pytest

from ml.errors import SymbolError
from tests.ml.data.reading.bars import HEAD, ROWS, pasted, read_text


def _stacked(*symbols: str) -> str:
    lines = [
        f"{s},{row.replace(',1.5,', f',{1.5 + i / 10},')}"
        for i, s in enumerate(symbols)
        for row in ROWS.splitlines()
    ]
    return "Symbol," + HEAD + "\n".join(lines) + "\n"


@pytest.mark.parametrize(
    ("ticker", "symbols", "position"),
    [
        ("BTC/USD", ("ETHUSD", "BTC-USD"), 1),
        ("600000.SS", ("600000", "000001"), 0),
        ("AAPL", ("MSFT.US", "AAPL.US"), 1),
        ("BRK.B", ("BRK.A", "BRK.B"), 1),
        ("0700", ("5", "700"), 1),
    ],
)
def test_of_several_symbols_the_tickers_rows_are_taken(
    ticker: str, symbols: tuple[str, ...], position: int, tmp_path: Path
) -> None:
    frame = read_text(tmp_path, _stacked(*symbols), ticker=ticker).frame
    assert frame["line"].tolist() == [2 + 3 * position + i for i in range(3)]
    assert frame["open"][0] == 1.5 + position / 10


@pytest.mark.parametrize(
    ("ticker", "symbols"),
    [("TEST", ("AAPL", "MSFT")), ("BRK", ("BRK.A", "BRK.B")), ("BRK.C", ("BRK.A", "BRK.B"))],
)
def test_several_symbols_without_the_ticker_are_refused(
    ticker: str, symbols: tuple[str, ...], tmp_path: Path
) -> None:
    with pytest.raises(SymbolError, match=re.escape(symbols[0])):
        read_text(tmp_path, _stacked(*symbols), ticker=ticker)


def test_the_override_that_a_refused_symbol_suggests_works(tmp_path: Path) -> None:
    text = _stacked("AAPL", "MSFT")
    with pytest.raises(SymbolError) as caught:
        read_text(tmp_path, text)
    assert len(read_text(tmp_path, text, override=pasted(tmp_path, caught.value)).frame) == 3


def test_one_other_symbol_is_taken_with_a_warning(tmp_path: Path) -> None:
    table = read_text(tmp_path, _stacked("XBTUSD"))
    assert len(table.frame) == 3
    assert "XBTUSD" in table.reading.warnings[0]


def test_symbols_that_look_like_data_stay_texts(tmp_path: Path) -> None:
    for ticker in ("NA", "TRUE", "0700", "NULL"):
        assert len(read_text(tmp_path, _stacked("MSFT", ticker), ticker=ticker).frame) == 3
