"""Texts that are read place by place are read as one by one."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.data.reading.dates import match_form
from ml.data.reading.numbers import parse_numbers
from ml.data.reading.places import alike
from ml.data.reading.shapes import shape
from ml.data.reading.written import read_fields

TEXTS = st.lists(st.one_of(st.none(), st.text("0129.,$ aé٣年-", max_size=6)), max_size=60)
_WHOLE = st.integers(0, 10**9)


@st.composite
def numbers(draw: Callable[..., Any]) -> str:
    """A number, well grouped or hardly, with or without what vendors put around it."""
    whole, part = draw(_WHOLE), str(draw(st.integers(0, 99_999)))
    body = draw(st.sampled_from((f"{whole:,}", str(whole), f"{whole:,}".replace(",", "", 1))))
    body += draw(st.sampled_from(("", ".", f".{part}", f",{part}")))
    before = draw(st.sampled_from(("", "", "$", "-", "-$", "$-", "+", "(", " ", "€")))
    after = draw(st.sampled_from(("", "", "%", "M", "k", "B", "-", ")", " ", "e3", "x")))
    return f"{before}{body}{after}"


NUMBERS = st.lists(
    st.one_of(
        numbers(),
        st.sampled_from(("", "-", "N/A", "inf", "1e999", ".5", "12,34,567", "1.2.3", "1,2345", "0x10")),
        st.text("0123456789.,$%-+ M", max_size=9),
    ),
    max_size=30,
)


def chunked(texts: list[str | None], size: int) -> pa.ChunkedArray:
    chunks = [texts[i : i + size] for i in range(0, len(texts), size)]
    return pa.chunked_array(chunks, pa.string())


@given(TEXTS, st.integers(1, 20))
@settings(max_examples=200, deadline=None)
def test_each_text_is_in_one_group_with_its_like(texts: list[str | None], size: int) -> None:
    column = chunked(texts, size)
    seen: list[int] = []
    for group in alike(column, range(1, 100), rare=1000):
        rows = np.arange(len(texts))[group.rows].tolist()
        assert len(rows) == group.count
        assert [group.text(i) for i in range(group.count)] == [texts[row] for row in rows]
        assert len({shape(texts[row] or "") for row in rows}) == 1
        seen += rows
    assert sorted(seen) == [i for i, text in enumerate(texts) if text]


@pytest.mark.parametrize("digits", [1, 2, 3, 4, 5, 7, 8, 9, 15, 18])
def test_digits_make_the_number_that_they_write(digits: int) -> None:
    written = [str(9 - i % 9) * digits for i in range(20)] + ["1234567890123456789"[:digits]]
    (group,) = alike(pa.array(written), range(1, 30))
    assert group.number(range(digits)).tolist() == [int(text) for text in written]


def test_shapes_beyond_the_limit_are_left_out_and_known_ones_are_not() -> None:
    texts: list[str | None] = [f"{a}{b}" for a in "abcdefgh" for b in "klmnop"]
    column = pa.chunked_array([texts, texts[::-1]], pa.string())
    rows = [np.arange(2 * len(texts))[group.rows] for group in alike(column, range(1, 5), rare=10)]
    read = np.concatenate(rows)
    assert (
        len(np.unique(read)) == len(read) == (8 + 10) + 8 + sum(row in range(8, 18) for row in range(40))
    )


@given(NUMBERS, st.sampled_from((".", ",")), st.integers(1, 12))
@settings(max_examples=400, deadline=None)
def test_a_cell_is_the_same_number_whatever_stands_beside_it(
    cells: list[str], decimal: str, size: int
) -> None:
    together = parse_numbers(chunked(list(cells), size), decimal)
    # A cell that is long with blanks is read by the rules alone.
    alone = [parse_numbers(pa.array([cell + 40 * " "]), decimal)[0] for cell in cells]
    np.testing.assert_array_equal(together, np.array(alone, dtype=np.float64))


@given(st.lists(st.decimals(-(10**9), 10**9, places=4), min_size=1, max_size=40))
@settings(deadline=None)
def test_furnished_numbers_are_exact_to_the_last_bit(values: list[object]) -> None:
    expected = [float(str(value)) for value in values]
    dressed = [
        f"{value:,}".replace("-", "-$") if "-" in str(value) else f"${value:,}" for value in values
    ]
    assert parse_numbers(pa.array(dressed), ".").tolist() == expected
    swapped = [cell.translate(str.maketrans(",.", ".,")) for cell in dressed]
    assert parse_numbers(pa.array(swapped), ",").tolist() == expected


def test_signs_that_do_not_group_are_no_numbers() -> None:
    cells = ["$1,23", "$1,2345", "$,123", "$1.234,567", "$1,234,56", "$1234,567"]
    assert np.isnan(parse_numbers(pa.array(cells * 3), ".")).all()


def test_stamps_are_read_alike_in_one_chunk_and_in_many_with_blanks_around_them() -> None:
    texts = ["01.02.2020 10:00", " 3/4/2021 9:05 PM ", "Jan 02, 2020", "rubbish", "", "2020年1月2日"] * 5
    whole, parts = read_fields(pa.array(texts)), read_fields(chunked(list(texts), 7))
    np.testing.assert_array_equal(whole.form, parts.form)
    for name, values in whole.numbers.items():
        np.testing.assert_array_equal(values, parts.numbers[name])
    assert (whole.form >= 0).tolist() == [match_form(text.strip()) is not None for text in texts]
    assert whole.numbers["y"][[0, 1, 2, 5]].tolist() == [2020, 2021, 2020, 2020]
