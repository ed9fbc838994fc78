"""What a run is, in words: how far it is, how it ended, and what was decided about a model."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal

from apps.ui import words

Colour = Literal["green", "blue", "orange", "red", "gray"]
Run = Mapping[str, Any]


@dataclass(frozen=True)
class Look:
    """A state or an ending: words, an icon beside them, and a colour that only repeats them."""

    words: str
    icon: str
    colour: Colour


@dataclass(frozen=True)
class Decision:
    """What a training changed for one series."""

    title: str
    words: str
    look: Look


_STATES: Final = {
    "scheduled": Look("Waiting for a worker", ":material/schedule:", "gray"),
    "pending": Look("Starting", ":material/hourglass_top:", "blue"),
    "running": Look("Running", ":material/autorenew:", "blue"),
    "paused": Look("Paused", ":material/pause_circle:", "orange"),
    "cancelling": Look("Stopping", ":material/hourglass_bottom:", "orange"),
    "completed": Look("Done", ":material/check_circle:", "green"),
    "failed": Look("Failed", ":material/error:", "red"),
    "crashed": Look("Crashed", ":material/report:", "red"),
    "cancelled": Look("Cancelled", ":material/block:", "gray"),
}
_UNKNOWN: Final = Look("Unknown", ":material/help:", "gray")
_NAMES: Final = {
    "Late": Look("No worker has taken it", ":material/schedule:", "orange"),
    "AwaitingConcurrencySlot": Look("Waiting for its turn", ":material/schedule:", "gray"),
    "AwaitingRetry": Look("Waiting to try again", ":material/schedule:", "orange"),
}
_GRADES: Final = {
    "PASS": Look("Proven better than the random walk", ":material/check_circle:", "green"),
    "WARN": Look("Done, with a reservation", ":material/info:", "orange"),
    "SKIP": Look("Too little data", ":material/data_alert:", "gray"),
    "ERROR": Look("Failed", ":material/error:", "red"),
}
_DONE: Final = {"PASS": "done", "WARN": "with a reservation", "SKIP": "skipped", "ERROR": "failed"}
_TOLD: Final = {
    "train-universe": {
        "PASS": "served by a model that is proven better than the random walk",
        "WARN": "served by a model without proven skill",
        "SKIP": "with too little data",
        "ERROR": "failed",
    },
    "forecast-universe": {
        "PASS": "forecast by a proven model",
        "WARN": "forecast without proven skill",
        "SKIP": "with too little data",
        "ERROR": "failed",
    },
}
_KINDS: Final = {
    "train-universe": "Training",
    "forecast-universe": "Forecast",
    "score-universe": "Score of past forecasts",
    "evaluate-universe": "Comparison of models",
    "tune-universe": "Tuning",
}


def look_of(run: Run) -> Look:
    """How a run stands; Prefect's finer names where they say more than its states."""
    if run["state"] == "completed" and _some_failed(run):
        return Look("Done, with failures", ":material/error:", "orange")
    return _NAMES.get(run.get("state_name", "")) or _STATES.get(run["state"], _UNKNOWN)


def kind_of(run: Run) -> str:
    """What a run does, such as Training."""
    flow = str(run.get("flow") or "")
    return _KINDS.get(flow, flow or "Run")


def series_in(run: Run) -> str:
    """The series that a run was asked for, such as ``AAPL 1d``."""
    tickers, intervals = run.get("tickers") or [], run.get("intervals") or []
    if not tickers and not intervals:
        return "all series"
    named = ", ".join(tickers[:3]) + (f" and {len(tickers) - 3} more" if len(tickers) > 3 else "")
    return f"{named or 'all tickers'} {' '.join(intervals)}".strip()


def one_series(run: Run) -> tuple[str, str] | None:
    """Ticker and interval, where a run is of one series."""
    tickers, intervals = run.get("tickers") or [], run.get("intervals") or []
    return (tickers[0], intervals[0]) if len(tickers) == 1 and len(intervals) == 1 else None


def times_of(run: Run, now: datetime) -> str:
    """When a run started or ended, and how long it took: ``3 minutes ago, took 41 s``."""
    started, ended = words.moment(run.get("started_at")), words.moment(run.get("ended_at"))
    if ended is None:
        return f"for {span((now - started).total_seconds())}" if started else _due(run, now)
    took = f", took {span((ended - started).total_seconds())}" if started else ""
    return f"{words.ago(run['ended_at'], now)}{took}"


def _due(run: Run, now: datetime) -> str:
    expected = words.moment(run.get("expected_at"))
    if expected is None:
        return "not started yet"
    seconds = (expected - now).total_seconds()
    return f"due in {span(seconds)}" if seconds > 1 else f"waits for {span(-seconds)}"


def span(seconds: float) -> str:
    """A duration as one speaks of it: ``41 s``, ``3 min``, ``2 h``, ``5 days``."""
    seconds = max(seconds, 0)
    if seconds < 99.5:
        return f"{max(round(seconds), 1)} s"
    if seconds < 5400:
        return f"{round(seconds / 60)} min"
    return f"{round(seconds / 3600)} h" if seconds < 129_600 else f"{round(seconds / 86_400)} days"


def progress_of(run: Run, now: datetime) -> tuple[float | None, str]:
    """Share done, where there is one to tell, and words for it."""
    share, done = run.get("progress"), str(run.get("progress_text") or "")
    if run["state"] != "running":
        return None, look_of(run).words
    if share is None or not 0 < share < 1:  # at 1 all series are done, but the run is not
        return None, f"{done or 'Running'}, {times_of(run, now)}"
    return share, f"{done}, {times_of(run, now)}"


def reason_of(run: Run) -> str:
    """Why a run did not do what it should, by its own words; empty where it did."""
    if run["state"] == "cancelled":
        return "Stopped before its end. What served, serves on."
    reason = str(run.get("reason") or "").strip()
    if reason:
        return _without_counts(reason)
    if not _some_failed(run):
        return ""
    return "\n".join(str(run["summary"]).splitlines()[1:])  # one line for each that failed


def ending_of(run: Run) -> str:
    """What came of a completed run, by the numbers in its summary: ``2 proven better, 1 failed``."""
    summary = str(run.get("summary") or "")
    counted = {name: int(number) for name, number in re.findall(r"\b([A-Z]{4,5})=(\d+)", summary)}
    if not counted:
        return summary
    told = _TOLD.get(str(run.get("flow")), _DONE)
    if counted.get("TOTAL") == 1:
        (said,) = [said for name, said in told.items() if counted.get(name)] or [""]
        return f"{said.capitalize()}."
    parts = [f"{counted[name]:,} {said}" for name, said in told.items() if counted.get(name)]
    return f"{words.count(counted.get('TOTAL', 0), 'series', 'series')}: {', '.join(parts)}."


def rows_of(run: Run) -> list[dict[str, Any]]:
    """The series of a run's result; none before its end."""
    result = run.get("result")
    return list(result["series"]) if result else []


def grade_of(row: Mapping[str, Any]) -> Look:
    """How a series came out of a run."""
    return _GRADES.get(str(row.get("grade")), _UNKNOWN)


def decision_of(row: Mapping[str, Any]) -> Decision:
    """What a training decided: who serves from now on, and whether that is proven."""
    what = str(row.get("what") or "")
    model = str(row.get("model") or "the model")
    proven = row.get("proven") in ("yes", "by itself")
    if row.get("grade") == "SKIP":
        return Decision("Too little data", "Nothing was trained.", _GRADES["SKIP"])
    if row.get("decision") == "failed":
        return Decision("The training failed", "What served before serves on.", _GRADES["ERROR"])
    if "not trained again" in what:
        return Decision(
            "Nothing new to learn",
            f"Bars and choices are those of the last training; {model} serves on.",
            Look("Unchanged", ":material/info:", "gray"),
        )
    if row.get("decision") == "promoted":
        said = (
            "It is proven better than the random walk on bars that it had not seen."
            if proven
            else "On bars that it had not seen it is not proven better than the random walk: "
            "take its forecasts with that in mind."
        )
        return Decision(f"{model} serves from now on", said, _GRADES["PASS" if proven else "WARN"])
    refused = re.search(r"refused: (.+?)(?::|$)", what)
    because = f": {refused[1]}" if refused else ""
    said = f"What was trained did not earn its place{because}."
    return Decision(f"{model} serves on", said, Look("Kept", ":material/shield:", "gray"))


def figures_of(row: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """What is known of what serves now: label, figure, and what the figure means."""
    figures = []
    skill, band, p = (_number(row.get(name)) for name in ("skill", "coverage 80%", "p"))
    if skill is not None:
        figures.append(
            (
                f"Error of {row.get('model') or 'the model'}, beside the random walk's",
                words.share(-skill),
                f"On bars that it has not seen it {words.skill(skill)}.",
            )
        )
    if band is not None:
        said = "8 of 10 outcomes should land in the 80% band; on bars that it has not seen so many did."
        figures.append(("Outcomes in the 80% band", f"{band:.0%}", said))
    if p is not None:
        said = "How likely such figures are for a model that is no better than the random walk."
        figures.append(("Could be chance (p)", f"{p:.2g}", said))
    return figures


def serving_words(model: Mapping[str, Any]) -> str:
    """What a new model has to stand up to: the one that serves."""
    champion = model["champion"]
    if champion["problem"]:
        return f"Its model cannot serve: {champion['problem']}"
    proven = "proven" if champion["proven"] else "not proven"
    since = model.get("bars_since_training")
    parts = [
        f"{champion['model']} serves, promoted {words.ago(champion['promoted_at'])}.",
        f"It {words.skill(champion['skill'])} ({proven}).",
        f"{words.count(since, 'bar')} came since its training." if since else "",
        str(model.get("expired") or ""),
    ]
    return " ".join(part for part in parts if part)


def reasons_of(row: Mapping[str, Any]) -> list[str]:
    """The decision's comparisons, one a line."""
    return [part.strip() for part in str(row.get("what") or "").split(";") if part.strip()]


def now() -> datetime:
    """This moment, UTC."""
    return datetime.now(UTC)


def _some_failed(run: Run) -> bool:
    return re.search(r"\bERROR=[1-9]", str(run.get("summary") or "")) is not None


def _without_counts(reason: str) -> str:
    """A failed run's reason without its counts; of a single series what happened to it alone."""
    limit, counts, failures = reason.partition(". Done. ")
    if not counts:
        return reason
    counted, _, failures = failures.partition("\n")
    return failures if failures and "TOTAL=1 " in counted else f"{limit}.\n{failures}".rstrip()


def _number(text: object) -> float | None:
    try:
        return float(str(text))
    except ValueError:
        return None
