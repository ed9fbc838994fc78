"""The JSON account of a run: ``--report FILE`` and ``--json``."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from ml.errors import ArtifactWriteError, TickerflowError, UsageError
from ml.outcomes import (
    EvaluateOutcome,
    Failure,
    ForecastOutcome,
    IngestOutcome,
    ScoreOutcome,
    TrainOutcome,
    TuneOutcome,
)
from ml.series import SeriesKey
from ml.summary import GRADES, Finished, Summary, grade, hint, ordered, sentence

Kind = Literal["ingest", "train", "evaluate", "tune", "forecast", "score"]
SCHEMA_VERSION = 1

_INGEST_FIELDS = {
    "rows",
    "first",
    "last",
    "quarantined",
    "suspect",
    "unchanged",
    "gaps",
    "calendar",
    "duplicates_collapsed",
    "has_volume",
    "warnings",
    "files",
    "store_path",
    "quarantine_path",
    "seconds",
}
_TRAIN_FIELDS = {
    "metrics",
    "baseline",
    "skill",
    "verdict",
    "p_value",
    "p_adjusted",
    "proven",
    "seconds",
    "grade",
    "model",
    "challenger",
    "version",
    "coverage_80",
    "coverage_95",
    "epochs",
    "skipped",
    "plots",
    "card",
}
_EVALUATE_FIELDS = {
    "best",
    "skill",
    "proven",
    "contenders",
    "failures",
    "windows",
    "steps",
    "folds",
    "fits",
    "kept",
    "path",
    "seconds",
}
_TUNE_FIELDS = {
    "group",
    "members",
    "sample",
    "values",
    "value",
    "defaults",
    "confirmed",
    "confirmed_defaults",
    "study",
    "trials",
    "resumed",
    "importance",
    "path",
    "plots",
    "seconds",
}
# All but what every row has.
_SCORE_FIELDS = set(ScoreOutcome.model_fields) - {"ticker", "interval", "status", "failure"}
_FORECAST_FIELDS = {
    "model",
    "version",
    "skill",
    "proven",
    "expired",
    "asof",
    "last_close",
    "steps",
    "forecast",
    "csv_path",
    "json_path",
    "plot_path",
    "seconds",
}


def series_rows(kind: Kind, summary: Summary) -> list[dict[str, Any]]:
    """One dict for each series and for each file that should have been one, by ticker and interval."""
    rows = [_row(outcome) for outcome in ordered(summary.outcomes)]
    return rows + [_problem_row(kind, problem) for problem in summary.problems]


def check_report(path: Path, option: str = "--report") -> None:
    """Raise `UsageError` where what ``option`` names could not be written: before hours of training.

    Of the folders only the last may be missing: more is a mistyped path.
    """
    folder = path.absolute().parent
    existing = folder if folder.exists() else folder.parent
    if path.exists() and not path.is_file():
        problem = "found a folder" if path.is_dir() else "found something else"
    elif not existing.is_dir():
        problem = f"there is no folder {existing}"
    elif not os.access(existing, os.W_OK | os.X_OK):
        problem = f"there is no permission to write in {existing}"
    else:
        return
    raise UsageError(
        f"expected a file that can be written at {path}, {problem}", hint=f"name another with {option}"
    )


def write_report(
    path: Path, kind: Kind, summary: Summary, extra: Mapping[str, Any] | None = None
) -> None:
    """Write ``{"series": [...]}`` and ``extra`` atomically; raises `ArtifactWriteError`."""
    from ml.data.atomic import write_text  # light, but its package is not

    try:
        document = {"series": series_rows(kind, summary), **(extra or {})}
        write_text(path, json.dumps(document, indent=1) + "\n")
    except OSError as error:
        raise ArtifactWriteError(f"the report: {error.strerror or error}", where=str(path)) from error


def interrupted(kind: Kind, key: SeriesKey) -> Finished:
    """The outcome of a series that the end of its run came before."""
    failure = Failure(
        code=TickerflowError.code, message="interrupted", hint="run the same command again"
    )
    name = {"ticker": key.ticker, "interval": str(key.interval)}
    if kind == "ingest":
        return IngestOutcome(**name, status="rejected", failure=failure)
    if kind == "forecast":
        return ForecastOutcome(**name, status="failed", failure=failure)
    if kind == "score":
        return ScoreOutcome(**name, status="failed", failure=failure)
    if kind == "evaluate":
        return EvaluateOutcome(**name, status="failed", failure=failure)
    if kind == "tune":
        return TuneOutcome(**name, status="failed", reason="interrupted", failure=failure)
    return TrainOutcome(**name, status="failed", reason="interrupted", failure=failure, grade="ERROR")


def json_result(kind: Kind, summary: Summary, extra: Mapping[str, Any] | None = None) -> str:
    """What ``--json`` prints: the report with a schema's name and version, and the figures."""
    counts = summary.counts
    figures: dict[str, Any] = {name.lower(): counts[name] for name in GRADES}
    figures |= {"total": summary.total, "seconds": round(summary.seconds, 3)}
    if kind == "train":
        figures |= summary.proofs
    return json.dumps(
        {
            "schema": f"tickerflow.{kind}",
            "schema_version": SCHEMA_VERSION,
            "summary": figures,
            "series": series_rows(kind, summary),
            **(extra or {}),
        },
        indent=1,
    )


def _row(outcome: Finished) -> dict[str, Any]:
    fields = {
        IngestOutcome: _INGEST_FIELDS,
        TrainOutcome: _TRAIN_FIELDS,
        EvaluateOutcome: _EVALUATE_FIELDS,
        TuneOutcome: _TUNE_FIELDS,
        ScoreOutcome: _SCORE_FIELDS,
        ForecastOutcome: _FORECAST_FIELDS,
    }
    row: dict[str, Any] = {
        "ticker": outcome.ticker,
        "interval": outcome.interval,
        "status": outcome.status,
        "reason": sentence(outcome),
        "code": outcome.failure.code if outcome.failure else "",
        "hint": hint(outcome),
        "grade": grade(outcome),
    }
    return row | outcome.model_dump(mode="json", include=fields[type(outcome)])


def _problem_row(kind: Kind, problem: Failure) -> dict[str, Any]:
    # The name says no series; what it says is the best that can be told.
    stem = problem.where.rpartition("/")[2].removesuffix(".csv")
    ticker, _, interval = stem.rpartition("_")
    return {
        "ticker": ticker or stem,
        "interval": interval if ticker else "",
        "status": "rejected" if kind == "ingest" else "failed",
        "reason": f"{problem.code} {problem.message}",
        "code": problem.code,
        "hint": problem.hint,
        "grade": "ERROR",
        "file": problem.where,
    }
