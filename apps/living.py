"""``tickerflow models history``: the life of a series in one screen."""

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from apps.options import Call
from ml.series import SeriesKey

if TYPE_CHECKING:
    from ml.artifacts.store import LifeEvent, ModelStore
    from ml.ledger.past import VersionScore

_WORDS = {"rolled_back": "rolled back", "forced": "promoted (forced)"}


def life_rows(call: Call, store: "ModelStore", key: SeriesKey) -> list[dict[str, Any]]:
    """What happened to a series, newest first, with the test's skill and the live one beside it."""
    scores = _live_scores(call, key)
    return [_row(life, scores) for life in store.life(key)]


def _live_scores(call: Call, key: SeriesKey) -> Mapping[str, "VersionScore"]:
    from ml.ledger.past import live_score

    found = live_score(call.settings.predictions_dir, key)
    return {score.version: score for score in found.versions}


def _row(life: "LifeEvent", scores: Mapping[str, "VersionScore"]) -> dict[str, Any]:
    event, score = life.event, scores.get(life.version)
    row: dict[str, Any] = {
        "version": life.version,
        "status": "champion" if life.serves else "damaged",
        "serves": life.serves,
        "live_skill": score.skill if score else None,
        "live_forecasts": score.forecasts if score else 0,
        "problem": str(life.problem) if life.problem else "",
    }
    if event is None:
        return {"at": "", "event": "", **row, "model": "", "mode": "", "skill": None, "reason": ""}
    if not life.serves:
        row["status"] = "rejected" if event.verdict == "rejected" else "promoted"
    return {
        "at": f"{event.at:%Y-%m-%dT%H:%M:%SZ}",
        "event": event.verdict,
        **row,
        "model": event.model,
        "mode": event.mode,
        "before": event.before,
        "skill": event.skill,
        "proven": event.proven,
        "by": event.by,
        "reason": event.reason,
    }


def print_life(key: SeriesKey, rows: Sequence[Mapping[str, Any]]) -> None:
    """Print a timeline, newest first: a line of figures for each event, and its reason below it."""
    console = Console(highlight=False, markup=False)
    console.width = max(console.width, _WIDTH)  # a narrow terminal wraps; a name cut short says nothing
    table = Table(box=None, pad_edge=False, title=f"{key}, newest first", title_justify="left")
    for name in ("", "when (UTC)", "what", "model", "version"):
        table.add_column(name, no_wrap=True)
    for name in ("test skill", "live skill"):
        table.add_column(name, justify="right", no_wrap=True)
    # Of a long life the newest, and what serves, however old it is.
    shown = [row for place, row in enumerate(rows) if place < _ROWS or row["serves"]]
    for row in shown:
        live = f" ({row['live_forecasts']})" if row["live_forecasts"] else ""
        table.add_row(
            "*" if row["serves"] else "",
            row["at"][:16].replace("T", " "),
            _WORDS.get(row["event"], row["event"]) or "damaged",
            f"{row['model']} {row['mode']}",
            row["version"],
            _skill(row["skill"], row.get("proven", False)),
            _skill(row["live_skill"]) + live,
        )
    console.print(table)
    for row in rows[:_REASONS]:
        console.print(f"{row['at'][:16].replace('T', ' ')} {_why(row)}", soft_wrap=True)
    if len(shown) < len(rows):
        console.print(f"{len(rows) - len(shown)} earlier events are not shown; --json has them")
    console.print(
        "* serves now; ! is proven better than the random walk; (n) past forecasts; --json: all figures"
    )


_ROWS = 16
_REASONS = 8
_WIDTH = 110
_JUDGED = ("promoted", "rejected", "forced")
_FIGURES = re.compile(r" \([^()]*\)")


def _why(row: Mapping[str, Any]) -> str:
    """By whom and why; of a verdict without its figures, for a life has to fit a screen."""
    text, by = str(row["reason"] or row["problem"]), row.get("by")
    if row["event"] in _JUDGED:
        text = _FIGURES.sub("", text)
    return text if not by or f"by {by}" in text else f"{by}: {text}"


def _skill(value: float | None, proven: bool = False) -> str:
    return "" if value is None else f"{value:+.4f}{'!' if proven else ''}"
