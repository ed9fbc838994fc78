"""Which column is the volume, in shares or base units."""

import re

import numpy as np

from ml.data.reading.names import QUOTE_RANK, normalise
from ml.data.reading.sample import Sample
from ml.data.reading.symbols import names_ticker

Prices = tuple[int, int, int, int]
# Units that a header states: "Volume (000s)", "Volume in thousands", "出来高(千株)".
_UNITS = (
    (
        r"\(\s*(?:in\s+)?(?:0?00s?|k|thousands?|tsd\.?|tys\.?|тыс\.?|千株|千股|천주)\s*\)|in thousands",
        1e3,
    ),
    (r"\(\s*(?:in\s+)?(?:m|mn|mln\.?|mio\.?|millions?|млн\.?|百万株)\s*\)|in millions", 1e6),
    (r"[(（]万股[)）]", 1e4),
    (r"[(（]手[)）]", 1e2),
    (r"成交[仟千]股", 1e3),
)


def unit_of(name: str) -> float:
    """How many shares one of a volume column's units is."""
    return next((size for unit, size in _UNITS if re.search(unit, name, re.IGNORECASE)), 1.0)


def named_volume(sample: Sample, prices: Prices, banned: set[int], ticker: str) -> int | None:
    """The volume by name; of several the base units, and tick volume where it alone is not zero."""
    ranked: list[tuple[bool, bool, int, int]] = []
    for column in range(sample.width):
        named = sample.meaning(column)
        if column in banned or named is None or named.role not in ("volume", "tick_volume"):
            continue
        values = sample.numbers(column)
        if sample.filled(column) and not sample.is_numeric(column):
            continue
        tick = named.role == "tick_volume"
        empty = not bool(np.nansum(np.abs(values)))
        rank = named.rank
        if not tick and _is_base(sample.names[column], ticker):
            rank = 1
        ranked.append((empty, tick, rank, column))
    ranked.sort()
    if not ranked:
        return None
    real = [column for empty, tick, _, column in ranked if not tick and not empty]
    sums = {column for column in real if any(_is_sum(sample, column, other) for other in real)}
    ranked = [entry for entry in ranked if entry[-1] not in sums]
    real = [column for column in real if column not in sums]
    for base in real:
        if any(_is_product(sample, base, other, prices) for other in real if other != base):
            return base
    if not ranked:
        return None
    *_, rank, column = ranked[0]
    for base in range(sample.width):
        # Huobi's "amount" and Poloniex' "quoteVolume" are the units, and their volume is the money.
        if (
            base not in banned
            and sample.role(base) == "other"
            and set(normalise(sample.names[base]).split()) & {"amount", "volume"}
            and _is_product(sample, base, column, prices)
        ):
            return base
    return column if rank < QUOTE_RANK else None  # turnover only


def _is_base(name: str, ticker: str) -> bool:
    """Whether the unit in ``Volume BTC`` is what the ticker begins with, or ``Volume_F`` names it."""
    if names_ticker(name, ticker):
        return True
    symbol = normalise(ticker).replace(" ", "")
    return any(len(word) >= 3 and symbol.startswith(word) for word in normalise(name).split()[1:])


def _is_product(sample: Sample, base: int, quote: int, prices: Prices) -> bool:
    """Whether ``quote`` is ``base`` times a price of the bar: then it is turnover."""
    low, high = sample.numbers(prices[2]), sample.numbers(prices[1])
    units, money = sample.numbers(base), sample.numbers(quote)
    known = (units > 0) & np.isfinite(money) & np.isfinite(low) & np.isfinite(high)
    if known.sum() < 3:
        return False
    price = money[known] / units[known]
    inside = (price >= low[known] * 0.98) & (price <= high[known] * 1.02)
    # At prices near 1 the two cannot be told apart this way.
    apart = abs(float(np.median(price)) - 1) > 0.05
    return apart and float(inside.mean()) >= 0.8


def _is_sum(sample: Sample, total: int, part: int) -> bool:
    """Whether ``total`` is the running sum of ``part`` (of a day, say), in either order of time."""
    if total == part:
        return False
    sums, parts = sample.numbers(total)[: sample.head], sample.numbers(part)[: sample.head]
    if len(sums) < 4:
        return False
    upward = float((np.diff(sums) == parts[1:]).mean())
    downward = float((np.diff(sums) == -parts[:-1]).mean())
    return bool((parts > 0).any()) and max(upward, downward) >= 0.7


def guessed_volume(sample: Sample, prices: Prices, banned: set[int]) -> int | None:
    """The first numeric column behind the prices, else before them, that can be a volume."""
    columns = [
        column
        for column in range(sample.width)
        if column not in banned and not sample.role(column) and sample.filled(column)
    ]
    behind = [column for column in columns if column > max(prices)]
    for column in behind:
        if not sample.is_numeric(column):
            break
        if _is_average(sample, column, prices) or any(_is_sum(sample, column, c) for c in behind):
            continue
        values = sample.numbers(column)
        return column if bool((values[np.isfinite(values)] >= 0).all()) else None
    before = [column for column in columns if column < min(prices) and sample.is_numeric(column)]
    return next((c for c in before if _varies(sample, c) and not _is_average(sample, c, prices)), None)


def _is_average(sample: Sample, column: int, prices: Prices) -> bool:
    """Whether the values lie between low and high: a weighted average price."""
    low, high = sample.numbers(prices[2]), sample.numbers(prices[1])
    values = sample.numbers(column)
    known = np.isfinite(values)
    inside = (values >= low * 0.999) & (values <= high * 1.001) | (values == 0)
    return bool(known.any() and inside[known].mean() >= 0.9 and (values[known] != 0).any())


def _varies(sample: Sample, column: int) -> bool:
    """Whether the values are positive and go up and down: no code, no counter."""
    values = sample.numbers(column)[: sample.head]
    steps = np.diff(values)
    return bool((values >= 0).all() and (steps > 0).any() and (steps < 0).any())
