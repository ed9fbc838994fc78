"""The table of all series: sorted, searched and filtered in the browser, for 500 of them at once."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

import streamlit as st

from apps.ui import words
from apps.ui.links import name_of, series_link

_ASSETS: Final = Path(__file__).parent / "assets"
_SPARK_HEIGHT: Final = 28
# For sorting: from the best to what is not known.
_RANK: Final = {"better": 0, "not_worse": 1, "undecided": 2, "worse": 3, "": 4}
_ARROWS: Final = {"up": "↗", "down": "↘"}

_last: tuple[list[dict[str, Any]], list[dict[str, Any]]] | None = None


def board(rows: list[dict[str, Any]]) -> None:
    """Draw the table; a click goes to the page of its series."""
    _mounted()(key="board", data={"rows": _lines(rows)})


def _lines(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What was made of the same answer is kept: every session draws it again every few seconds."""
    global _last
    kept = _last
    if kept is None or kept[0] is not rows:
        kept = _last = rows, [line(row) for row in rows]
    return kept[1]


def line(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of `/ml/overview` as the table shows it: words, and what to sort them by."""
    ticker, interval, alerts = row["ticker"], row["interval"], row["alerts"]
    serves = row["promoted"] and row["model"] != ""  # a damaged one has no figures
    standing = row["standing"] if serves else ""
    forecast, direction = _forecast(row) if serves else (words.NOTHING, "none")
    proven = direction != "none"
    return {
        "name": name_of(ticker, interval),
        "href": series_link(ticker, interval),
        "ticker": ticker,
        "interval": interval,
        "spark": spark(row["spark"]),
        "last": words.price(row["last_close"]),
        "change": "" if row["change"] is None else words.share(row["change"], 2),
        "change_by": row["change"],
        "forecast": forecast,
        "forecast_note": f"in {words.count(row['horizon'], 'bar')}" if proven else "",
        "forecast_by": row["forecast_change"] if proven else None,
        "direction": direction,
        "skill": words.share(row["skill"]),
        "skill_words": words.skill(row["skill"]),
        "skill_by": row["skill"],
        "standing": standing,
        "verdict": words.served(row),
        "verdict_note": _note(row),
        "verdict_by": _RANK.get(standing, 3),
        "model": row["model"],
        "fresh": words.stamp(row["last"]),
        "fresh_note": _freshness(row, serves),
        "fresh_by": row["last"] or "",
        "overdue": row["overdue_bars"] > 0,
        "alerts": [
            {"title": words.alert(alert["kind"]), **alert}
            for alert in alerts
            if alert["kind"] != "overdue"  # freshness says so
        ],
        "alerts_by": len(alerts),
    }


def spark(closes: list[float]) -> list[int]:
    """Closes as heights of a small line, in pixels from the top; empty where there are too few."""
    if len(closes) < 2:
        return []
    least, most = min(closes), max(closes)
    if least == most:
        return [_SPARK_HEIGHT // 2] * len(closes)
    return [round((most - close) / (most - least) * _SPARK_HEIGHT) for close in closes]


def _freshness(row: Mapping[str, Any], serves: bool) -> str:
    if not row["last"]:
        return "no bars read yet"
    # What is overdue is known of forecasts alone.
    return words.freshness(row["overdue_bars"]) if serves else words.ago(row["last"])


def _forecast(row: Mapping[str, Any]) -> tuple[str, str]:
    """What is forecast, and its direction: an arrow stands only beside a figure that is proven."""
    change, direction = row["forecast_change"], row["direction"]
    if not row["proven"]:
        return "no signal", "none"
    if change is None:
        damaged = any(alert["kind"] == "damaged" for alert in row["alerts"])
        return (words.NOTHING if damaged else "to come"), "none"
    told = next((text for text in (words.share(change), words.share(change, 2)) if text[0] in "+−"), "")
    if not told or direction == "none":
        return "no change", "none"
    return f"{_ARROWS[direction]} {told}", direction


def _note(row: Mapping[str, Any]) -> str:
    """What else there is to say of a verdict: that it was not by evidence alone, or how it does live."""
    if row["verdict"] in ("forced", "rolled_back", "demoted"):
        return {
            "forced": "promoted by hand",
            "rolled_back": "after a rollback",
            "demoted": "demoted: repeats the last close",
        }[row["verdict"]]
    live = row["live"]
    if live and live["skill"] is not None:
        return f"live {words.share(live['skill'])} over {words.count(live['forecasts'], 'forecast')}"
    return ""


@cache
def _mounted() -> Any:
    return st.components.v2.component(
        "tickerflow_board",
        html=(_ASSETS / "board.html").read_text(),
        css=(_ASSETS / "board.css").read_text(),
        js=(_ASSETS / "board.js").read_text(),
    )
