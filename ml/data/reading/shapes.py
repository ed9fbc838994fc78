"""Cells by shape: their digits written as zeros.

Whether a cell is a number, a time of day or nothing depends on where its digits stand, not on which they
are. So the hundreds of sampled cells of a column are judged by the few shapes that they have.
"""

from collections import Counter
from collections.abc import Callable, Sequence

#: For `str.translate`.
ZEROS = str.maketrans("123456789", "000000000")


def shape(cell: str) -> str:
    """The cell with a zero for each digit."""
    return cell.translate(ZEROS)


def shapes(cells: Sequence[str]) -> Counter[str]:
    """How often each shape occurs; cells hold no line ends."""
    return Counter("\n".join(cells).translate(ZEROS).split("\n")) if cells else Counter()


def count(test: Callable[[str], bool], cells: Sequence[str]) -> int:
    """How many cells pass a test that depends on their shapes alone."""
    return sum(number for form, number in shapes(cells).items() if test(form))
