"""A sample of the data rows by column, as text and as numbers, with the columns' names."""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ml.data.reading.dates import count_dates
from ml.data.reading.names import Meaning, meaning
from ml.data.reading.numbers import (
    decide_decimal,
    finite,
    is_null,
    is_number,
    is_plain,
    sample_numbers,
)
from ml.data.reading.shapes import count, shapes


@dataclass(frozen=True)
class Sample:
    """Columns of sampled rows.

    Attributes:
        names: the header's word for each column, empty if none.
        labels: further header rows' words for each column (tickers, units).
        columns: texts by column; short rows are filled with empty texts.
        head: how many of the first rows follow each other in the file.
        decimal: the decimal sign.
    """

    names: tuple[str, ...]
    labels: tuple[tuple[str, ...], ...]
    columns: tuple[tuple[str, ...], ...]
    head: int
    decimal: str
    _numbers: dict[int, NDArray[np.float64]] = field(default_factory=dict, repr=False)
    _shapes: dict[int, Counter[str]] = field(default_factory=dict, repr=False)
    _filled: dict[int, tuple[str, ...]] = field(default_factory=dict, repr=False)

    @property
    def width(self) -> int:
        """Number of columns."""
        return len(self.columns)

    def numbers(self, column: int) -> NDArray[np.float64]:
        """The column as float64 ``(rows,)``."""
        if column not in self._numbers:
            cells = self.columns[column]
            plain = (
                self.decimal == "." and self.is_plain(column) and len(self.filled(column)) == len(cells)
            )
            # Of plain cells Python makes the same numbers, and faster as they are so few.
            self._numbers[column] = (
                finite(np.array([float(cell) for cell in cells], dtype=np.float64))
                if plain
                else sample_numbers(cells, self.decimal)
            )
        return self._numbers[column]

    def meaning(self, column: int) -> Meaning | None:
        """What the column's name says."""
        return meaning(self.names[column]) if self.names[column] else None

    def role(self, column: int) -> str:
        """The role that the column's name says, empty if none."""
        found = self.meaning(column)
        return found.role if found is not None else ""

    def shapes(self, column: int) -> Counter[str]:
        """How often each shape of the column's cells occurs, nulls among them."""
        if column not in self._shapes:
            self._shapes[column] = shapes(self.columns[column])
        return self._shapes[column]

    def filled(self, column: int) -> tuple[str, ...]:
        """The column's cells that are not null."""
        if column not in self._filled:
            cells = self.columns[column]
            nulls = any(map(is_null, self.shapes(column)))
            self._filled[column] = tuple(c for c in cells if not is_null(c)) if nulls else cells
        return self._filled[column]

    def count_numbers(self, column: int) -> int:
        """How many of the cells that hold something hold numbers."""
        return sum(
            number
            for form, number in self.shapes(column).items()
            if is_number(form) and not is_null(form)
        )

    def is_numeric(self, column: int) -> bool:
        """Whether most of the cells that hold something hold numbers."""
        cells = self.filled(column)
        return bool(cells) and self.count_numbers(column) >= 0.8 * len(cells)

    def is_plain(self, column: int) -> bool:
        """Whether Arrow's own parser reads every sampled cell."""
        return all(is_plain(form, self.decimal) for form in self.shapes(column))

    def title(self, column: int) -> str:
        """How to call the column in a message."""
        return repr(self.names[column]) if self.names[column] else f"column {column}"


def transpose(rows: tuple[tuple[str, ...], ...], width: int) -> tuple[tuple[str, ...], ...]:
    """Rows to columns; short rows are filled, long ones cut."""
    if set(map(len, rows)) != {width}:
        rows = tuple((*row[:width], *([""] * (width - len(row)))) for row in rows)
    return tuple(zip(*rows, strict=True))


def sample_decimal(columns: tuple[tuple[str, ...], ...], delimiter: str) -> str:
    """The decimal sign, by all numeric cells that are no stamps."""
    cells: list[str] = []
    for column in columns:
        probe = [cell for cell in column[:50] if not is_null(cell)]
        dates = count_dates(probe, or_clocks=True)
        if probe and dates < len(probe) / 2 and count(is_number, probe) >= len(probe) / 2:
            cells += column
    return decide_decimal(cells, delimiter)
