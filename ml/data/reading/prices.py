"""Which columns are open, high, low and close: by their names, confirmed by what the numbers do."""

from itertools import permutations, product

import numpy as np
from numpy.typing import NDArray

from ml.data.reading.names import PRICES, meaning
from ml.data.reading.sample import Sample

Floats = NDArray[np.float64]
Mapping4 = tuple[int, int, int, int]
_TOLERANCE = 1e-6
# Rows on which a named column may break the rule, and on which a guessed one must keep it.
_NAMED_SHARE, _GUESSED_SHARE = 0.1, 0.97


def named_candidates(sample: Sample, banned: set[int]) -> dict[str, list[int]]:
    """Columns by the price role that their names say, the best first."""
    found: dict[str, list[tuple[int, int]]] = {role: [] for role in PRICES}
    for column in range(sample.width):
        named = sample.meaning(column)
        if (
            named is not None
            and named.role in found
            and column not in banned
            and not _is_text(sample, column)
        ):
            found[named.role].append((named.rank, column))
    return {role: [column for _, column in sorted(ranked)] for role, ranked in found.items()}


def _is_text(sample: Sample, column: int) -> bool:
    """Whether hardly any cell is a number; a column that merely holds much rubbish keeps its name."""
    cells = sample.filled(column)
    return bool(cells) and sample.count_numbers(column) < 0.1 * len(cells)


def confirm(
    sample: Sample, candidates: dict[str, list[int]], share: float = _NAMED_SHARE
) -> Mapping4 | None:
    """The best-named columns whose numbers behave: low <= open, close <= high on more than ``share``."""
    choices = [candidates[role][:4] for role in PRICES]
    if not all(choices):
        return None
    ordered = sorted(
        product(*(range(len(choice)) for choice in choices)),
        key=lambda places: sum(
            _rank(sample, choice[p]) for choice, p in zip(choices, places, strict=True)
        ),
    )
    for places in ordered:
        columns = tuple(choice[p] for choice, p in zip(choices, places, strict=True))
        if len(set(columns)) == 4 and min(fit(sample, columns)) >= share:
            return columns[0], columns[1], columns[2], columns[3]
    return None


def _rank(sample: Sample, column: int) -> int:
    named = sample.meaning(column)
    return named.rank if named is not None else 0


def fit(sample: Sample, columns: tuple[int, ...]) -> tuple[float, float]:
    """Shares of complete rows on which open and close lie between low and high; 1 without such rows."""
    o, h, low, c = (sample.numbers(column) for column in columns)
    known = np.isfinite(o) & np.isfinite(h) & np.isfinite(low) & np.isfinite(c)
    if not known.any():
        return 1.0, 1.0
    o, h, low, c = o[known], h[known], low[known], c[known]
    slack = _TOLERANCE * np.abs(h)
    ordered = h >= low - slack
    inside = [float(((x >= low - slack) & (x <= h + slack) & ordered).mean()) for x in (o, c)]
    return inside[0], inside[1]


def rivals(
    sample: Sample, chosen: Mapping4, candidates: dict[str, list[int]]
) -> tuple[str, int, int] | None:
    """A role for which a second column of the same rank fits as well but holds other numbers."""
    for position, role in enumerate(PRICES):
        mine = chosen[position]
        for other in candidates[role]:
            if other == mine or _rank(sample, other) != _rank(sample, mine):
                continue
            swapped = tuple(other if i == position else column for i, column in enumerate(chosen))
            same = np.array_equal(sample.numbers(mine), sample.numbers(other), equal_nan=True)
            if not same and min(fit(sample, swapped)) >= 0.9:
                return role, mine, other
    return None


def guess(sample: Sample, banned: set[int], descending: bool) -> Mapping4 | None:
    """Four columns in a row that behave like bars, where no name helps.

    The order is open, high, low, close unless the numbers contradict: high and low are those that bound
    the others; a bar opens near the close of the one before, which tells open from close.
    """
    numeric = [
        column
        for column in range(sample.width)
        if column not in banned and sample.is_numeric(column) and not _is_known(sample, column)
    ]
    for start in range(len(numeric) - 3):
        window = numeric[start : start + 4]
        found = arrange(sample, window, descending)
        if found is not None:
            return found
    return None


def complete(
    sample: Sample, candidates: dict[str, list[int]], banned: set[int], descending: bool
) -> Mapping4 | None:
    """Fill one or two roles that no name says with columns whose names say nothing; if one way fits.

    With three unknown too much would fit: a close between the bands around it, for one.
    """
    missing = [role for role in PRICES if not candidates[role]]
    unknown = [
        column
        for column in range(sample.width)
        if column not in banned and sample.meaning(column) is None and sample.is_numeric(column)
    ]
    if not missing or len(missing) > 2 or len(unknown) > 12:
        return None
    fits: list[Mapping4] = []
    for chosen in permutations(unknown, len(missing)):
        filled = dict(zip(missing, chosen, strict=True))
        columns = tuple(filled.get(role) if role in filled else candidates[role][0] for role in PRICES)
        o, h, low, c = (int(column) for column in columns if column is not None)
        if len({o, h, low, c}) == 4 and _behaves(sample, (o, h, low, c), descending):
            fits.append((o, h, low, c))
    return fits[0] if len(fits) == 1 else None


def _is_known(sample: Sample, column: int) -> bool:
    named = meaning(sample.names[column]) if sample.names[column] else None
    return named is not None and named.role not in PRICES


def _behaves(sample: Sample, columns: Mapping4, descending: bool) -> bool:
    if min(fit(sample, columns)) < _GUESSED_SHARE:
        return False
    o, h, low, c = (sample.numbers(column)[: sample.head] for column in columns)
    known = np.isfinite(o) & np.isfinite(h) & np.isfinite(low) & np.isfinite(c)
    o, h, low, c = o[known], h[known], low[known], c[known]
    if (
        len(o) == 0
        or float(np.median(low)) <= 0
        or float(np.median(h / np.where(low > 0, low, np.inf))) > 3
    ):
        return False
    return _gap(o, c, descending) <= 2 * float(np.mean(h - low)) + _TOLERANCE * float(np.mean(h))


def _gap(first: Floats, second: Floats, descending: bool) -> float:
    """Mean distance of a bar's ``first`` from the ``second`` of the bar before."""
    if len(first) < 2:
        return 0.0
    distance = first[:-1] - second[1:] if descending else first[1:] - second[:-1]
    return float(np.median(np.abs(distance)))


def arrange(sample: Sample, window: list[int], descending: bool) -> Mapping4 | None:
    """Roles for four numeric columns, or None if they do not behave like bars."""
    fits = []
    for high, low in permutations(window, 2):
        first, second = (column for column in window if column not in (high, low))
        if _behaves(sample, (first, high, low, second), descending):
            strict = float(np.nansum(sample.numbers(high) - sample.numbers(low)))
            fits.append((strict, (first, high, low, second)))
    if not fits:
        return None
    # All prices equal (one trade a bar) fits in any order: keep the customary one.
    best = max(strict for strict, _ in fits)
    tied = [columns for strict, columns in fits if strict >= best]
    customary = (window[0], window[1], window[2], window[3])
    columns = customary if customary in tied else tied[0]
    o, h, low, c = columns
    opens, closes = sample.numbers(o)[: sample.head], sample.numbers(c)[: sample.head]
    known = np.isfinite(opens) & np.isfinite(closes)
    forward = _gap(opens[known], closes[known], descending)
    backward = _gap(closes[known], opens[known], descending)
    return (c, h, low, o) if backward < 0.5 * forward else columns
