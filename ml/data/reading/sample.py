"""A sample of the data rows by column, as text and as numbers, with the columns' names."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ml.data.reading.dates import is_clock, is_written_date
from ml.data.reading.names import Meaning, meaning
from ml.data.reading.numbers import decide_decimal, is_null, is_number, is_plain, sample_numbers


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

    @property
    def width(self) -> int:
        """Number of columns."""
        return len(self.columns)

    def numbers(self, column: int) -> NDArray[np.float64]:
        """The column as float64 ``(rows,)``."""
        if column not in self._numbers:
            self._numbers[column] = sample_numbers(self.columns[column], self.decimal)
        return self._numbers[column]

    def meaning(self, column: int) -> Meaning | None:
        """What the column's name says."""
        return meaning(self.names[column]) if self.names[column] else None

    def role(self, column: int) -> str:
        """The role that the column's name says, empty if none."""
        found = self.meaning(column)
        return found.role if found is not None else ""

    def filled(self, column: int) -> list[str]:
        """The column's cells that are not null."""
        return [cell for cell in self.columns[column] if not is_null(cell)]

    def is_numeric(self, column: int) -> bool:
        """Whether most of the cells that hold something hold numbers."""
        cells = self.filled(column)
        return bool(cells) and sum(map(is_number, cells)) >= 0.8 * len(cells)

    def is_plain(self, column: int) -> bool:
        """Whether Arrow's own parser reads every sampled cell."""
        return all(is_plain(cell, self.decimal) for cell in self.columns[column])

    def title(self, column: int) -> str:
        """How to call the column in a message."""
        return repr(self.names[column]) if self.names[column] else f"column {column}"


def transpose(rows: tuple[tuple[str, ...], ...], width: int) -> tuple[tuple[str, ...], ...]:
    """Rows to columns; short rows are filled, long ones cut."""
    padded = [(*row[:width], *([""] * (width - len(row)))) for row in rows]
    return tuple(zip(*padded, strict=True))


def sample_decimal(columns: tuple[tuple[str, ...], ...], delimiter: str) -> str:
    """The decimal sign, by all numeric cells that are no stamps."""
    cells: list[str] = []
    for column in columns:
        probe = [cell for cell in column[:50] if not is_null(cell)]
        dates = sum(is_written_date(cell) or is_clock(cell) for cell in probe)
        if probe and dates < len(probe) / 2 and sum(map(is_number, probe)) >= len(probe) / 2:
            cells += column
    return decide_decimal(cells, delimiter)
