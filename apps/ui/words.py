"""Figures and verdicts in words, the same on every page."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from math import isfinite
from typing import Any, Final

# How a model stands beside the random walk; `""` is a series that has none.
STANDING: Final = {
    "better": "Better than the random walk",
    "not_worse": "No better than the random walk",
    "undecided": "Undecided: too little evidence",
    "worse": "Worse than the random walk",
    "": "No model yet",
}
SKILL: Final = (
    "**Skill** is how much less (+) or more (−) a model errs than the random walk, which expects every "
    "price to stay where it is."
)
_ALERTS: Final = {
    "rejected": "File rejected",
    "damaged": "Model damaged",
    "expired": "Model too old",
    "drifting": "Drifting",
    "lost": "Skill lost",
    "overdue": "Bars overdue",
}
DAMAGED: Final = "Model cannot be read"
NOTHING: Final = "–"
_MOST_OVERDUE: Final = 500  # the service counts no further


def plain(text: str) -> str:
    """A text of the service as markdown: what files and tickers hold stays text, `so` stays code."""
    parts = text.split("`")
    if len(parts) % 2 == 0:  # a backtick alone is one
        return _escaped(text)
    return "".join(f"`{part}`" if at % 2 and part else _escaped(part) for at, part in enumerate(parts))


def _escaped(text: str) -> str:
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", text)


def standing(word: str) -> str:
    """A standing of the service in words; one that this page does not know, as it is."""
    return STANDING.get(word, word.replace("_", " "))


def sentence(text: str) -> str:
    """What the service says, with a capital and a full stop."""
    said = text[:1].upper() + text[1:]
    return said if said.endswith((".", "!", "?", ":")) or not said else f"{said}."


def served(row: Mapping[str, Any]) -> str:
    """How a series of the overview stands; a model that has no figures is damaged, or not read yet."""
    if row["promoted"] and not row["model"]:
        damaged = any(alert["kind"] == "damaged" for alert in row["alerts"])
        return DAMAGED if damaged else "Being read"
    return standing(row["standing"])


def price(value: float | None) -> str:
    """A price with as many decimals as tell it from its neighbours: 1,234.50, 0.8312, 0.00001234."""
    if value is None or not isfinite(value):
        return NOTHING
    size = abs(value)
    decimals = 2 if size >= 10 else 4 if size >= 0.01 else 8
    return f"{value:,.{decimals}f}"


def share(value: float | None, decimals: int = 1) -> str:
    """A fraction as a percentage with its sign: +1.2%, −0.4%; zero has none."""
    if value is None or not isfinite(value):
        return NOTHING
    text = f"{abs(value) * 100:.{decimals}f}%"
    if float(text[:-1]) == 0:
        return text
    return f"{'+' if value > 0 else '−'}{text}"


def skill(value: float | None) -> str:
    """What a skill means: how much less, or more, a model errs than the random walk."""
    if value is None or not isfinite(value):
        return "not measured"
    if round(abs(value) * 100, 1) == 0:
        return "errs as much as the random walk"
    return f"errs {abs(value) * 100:.1f}% {'less' if value > 0 else 'more'} than the random walk"


def coverage(held: float | None, nominal: int, count: int) -> str:
    """What a band promised beside what it held."""
    promise = f"{nominal / 10:g} of 10 outcomes should land in this band"
    if held is None or not isfinite(held) or not count:
        return f"{promise}; none have come due yet"
    outcomes = "the last outcome" if count == 1 else f"the last {count:,} outcomes"
    return f"{promise}; of {outcomes} {held * 100:.0f}% did"


def count(number: int, one: str, many: str = "") -> str:
    """A number of things: 1 bar, 2 bars, 1,200 bars."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def moment(text: str | None) -> datetime | None:
    """A stamp of the service (ISO, UTC)."""
    return datetime.fromisoformat(text).astimezone(UTC) if text else None


def stamp(text: str | None) -> str:
    """A bar's stamp: 7 Feb 2018, or 7 Feb 2018 16:00 where it has a time of day. UTC."""
    at = moment(text)
    if at is None:
        return NOTHING
    day = f"{at.day} {at:%b %Y}"
    return day if (at.hour, at.minute, at.second) == (0, 0, 0) else f"{day} {at:%H:%M}"


def ago(text: str | None, now: datetime | None = None) -> str:
    """How long since something happened: just now, 5 minutes ago, 3 days ago."""
    at = moment(text)
    if at is None:
        return NOTHING
    since = max((now or datetime.now(UTC)) - at, timedelta())
    units = (
        ("year", 365 * 86400),
        ("month", 30 * 86400),
        ("day", 86400),
        ("hour", 3600),
        ("minute", 60),
    )
    for unit, seconds in units:
        many = int(since.total_seconds() // seconds)
        if many:
            return f"{count(many, unit)} ago"
    return "just now"


def alert(kind: str) -> str:
    """The name of an alert's kind."""
    return _ALERTS.get(kind, kind.replace("_", " ").capitalize())


def freshness(overdue: int) -> str:
    """Whether a series' bars are up to date."""
    if not overdue:
        return "up to date"
    if overdue >= _MOST_OVERDUE:
        return f"{_MOST_OVERDUE}+ bars overdue"
    return f"{count(overdue, 'bar')} overdue"
