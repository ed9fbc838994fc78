"""Judging cells by their shapes says what judging them one by one says."""

from hypothesis import given, settings
from hypothesis import strategies as st

from ml.data.reading.dates import count_dates, is_clock, is_written_date
from ml.data.reading.numbers import is_null, is_number, is_plain
from ml.data.reading.shapes import count, shape, shapes

_TYPED = st.sampled_from(
    (
        "2020-01-02", "9999-99-99", "20200102", "20201399", "99999999", "2020010209", "1577836800",
        "20200102093000", "31.12.2019 23:59", "02/30/2020", "109/01/02", "210-01-02", "Jan 02, 2020",
        "2020-13", "2020-01", "1899-01", "200102", "09:30", "99:99", "9.30.15", "12:00 PM", "930",
        "1,234", "$1,234.50", "(3.50)", "1.2M", "1e5", "-", "", "N/A", "nan", "0x10", "1_000",
        "１２", "٣", "²",
        "2020年1月2日", "тыс", "1 234,5", "12,34,567", "+-5", "5-", "12.5%", "€ 5", "Z", "19",
        "2101-01-01",
    )
)  # fmt: skip
_HOSTILE = st.text("0123456789 .,:-/+$%()eEMTZapmГ年日٣１²'\u00a0x_", max_size=16)
CELLS = st.lists(st.one_of(_TYPED, _HOSTILE), max_size=40)


@given(CELLS)
@settings(max_examples=300, deadline=None)
def test_counts_by_shape_are_counts_by_cell(cells: list[str]) -> None:
    for test in (is_number, is_null, is_clock, lambda c: is_plain(c, "."), lambda c: is_plain(c, ",")):
        assert count(test, cells) == sum(map(test, cells))


@given(CELLS)
@settings(max_examples=300, deadline=None)
def test_dates_counted_by_shape_are_dates_counted_by_cell(cells: list[str]) -> None:
    assert count_dates(cells) == sum(map(is_written_date, cells))
    assert count_dates(cells, shapes(cells), or_clocks=True) == sum(
        is_written_date(cell) or is_clock(cell) for cell in cells
    )


@given(CELLS)
def test_shapes_count_every_cell_once(cells: list[str]) -> None:
    found = shapes(cells)
    assert found.total() == len(cells)
    assert set(found) == set(map(shape, cells))


def test_first_digits_decide_where_a_shape_alone_does_not() -> None:
    cells = ["20200102", "20201302", "12345678", "2020-01", "1500-01", "1577836800", "2020010209"]
    assert count_dates(cells) == 3
