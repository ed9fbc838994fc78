"""What a run leaves in Prefect's UI: a table of all series, a report for each, the final state."""

import base64
import re
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from ml.config import Settings
from ml.outcomes import ForecastOutcome, ScoreOutcome, TrainOutcome, TuneOutcome
from ml.series import SeriesKey
from ml.summary import Finished, Summary, grade, hint, ordered, score_row, sentence
from ml.tuning.report import best_trials, tuning_row

# A report with its plots is some 100 kB and one call: above this number the table says it all.
MAX_REPORTS = 50
# Of a larger table the UI and the server's memory have no use.
MAX_ROWS = 500
_MAX_IMAGE_BYTES = 100_000
_MAX_LISTED = 20


def with_plots_chosen(settings: Settings, n_series: int) -> Settings:
    """Settle ``plots = auto``: a series is drawn where its report will show it."""
    if settings.run.plots != "auto":
        return settings
    plots = "always" if n_series <= MAX_REPORTS else "never"
    return settings.model_copy(update={"run": settings.run.model_copy(update={"plots": plots})})


def publish(name: str, summary: Summary) -> None:
    """Create the table and the reports."""
    outcomes = ordered(summary.outcomes)
    if not outcomes:
        return
    shown = table_rows(outcomes)
    more = f" {len(outcomes) - len(shown)} more series are not in this table." * (
        len(outcomes) > len(shown)
    )
    proof = f" {summary.proof()}." * bool(summary.proof())
    create_table_artifact(
        [table_row(outcome) for outcome in shown],
        key=f"{name}-series",
        description=summary.line() + proof + more,
    )
    for outcome in _worth_a_report(outcomes):
        create_markdown_artifact(
            report(outcome), key=artifact_key(name, outcome.key), description=sentence(outcome)
        )


def table_rows(outcomes: Sequence[Finished]) -> list[Finished]:
    """As many as a table shows, in their order; where that is not all, those that failed first."""
    first = sorted(outcomes, key=lambda outcome: outcome.failure is None)[:MAX_ROWS]
    return ordered(first)


def _worth_a_report(outcomes: Sequence[Finished]) -> list[Finished]:
    """Those with something to see first: what failed is told by the table."""
    return sorted(outcomes, key=lambda outcome: outcome.failure is not None)[:MAX_REPORTS]


def _plots(outcome: Finished) -> tuple[str, ...]:
    if isinstance(outcome, TrainOutcome | TuneOutcome):
        return outcome.plots
    if isinstance(outcome, ForecastOutcome) and outcome.plot_path:
        return (outcome.plot_path,)
    return ()


def table_row(outcome: Finished) -> dict[str, Any]:
    """One series in the table."""
    row: dict[str, Any] = {"series": str(outcome.key), "grade": grade(outcome)}
    if isinstance(outcome, TrainOutcome):
        row |= {
            "model": outcome.model,
            "decision": outcome.status,
            "skill": _figure(outcome.skill),
            "verdict": outcome.verdict.replace("_", " "),
            "p": _figure(outcome.p_value),
            "p adjusted": _figure(outcome.p_adjusted),
            "proven": "yes" if outcome.proven_among_all else "by itself" if outcome.proven else "no",
            "coverage 80%": _figure(outcome.coverage_80),
            "seconds": round(outcome.seconds, 1),
            "card": outcome.card,
        }
    elif isinstance(outcome, TuneOutcome):
        row |= tuning_row(outcome)
    elif isinstance(outcome, ForecastOutcome):
        row |= {
            "model": outcome.model,
            "skill": _figure(outcome.skill),
            "proven": "yes" if outcome.proven else "no",
            "as of": f"{outcome.asof:%Y-%m-%d %H:%M}" if outcome.asof else "",
            "last close": _figure(outcome.last_close),
            f"in {outcome.steps} steps": _figure(outcome.forecast),
        }
    elif isinstance(outcome, ScoreOutcome):
        row |= score_row(outcome)
    return row | {"what": sentence(outcome)}


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.5g}"


def artifact_key(name: str, key: SeriesKey) -> str:
    """Lower case, digits and dashes, as Prefect wants it; different for different series."""
    slug = re.sub(r"[^a-z0-9]+", "-", key.stem.lower()).strip("-")
    plain = slug.replace("-", "_") == key.stem.lower()
    return f"{name}-{slug}" if plain else f"{name}-{slug}-{zlib.crc32(key.stem.encode()):08x}"


def report(outcome: Finished) -> str:
    """One series in markdown: the decision, the figures beside the random walk's, the plots."""
    parts = [f"# {outcome.key}", f"**{grade(outcome)}** {sentence(outcome)}"]
    if hint(outcome):
        parts.append(f"What to do: {hint(outcome)}")
    if isinstance(outcome, TrainOutcome):
        parts += [_verdict(outcome), *_figures(outcome)]
        if outcome.card:
            parts.append(f"The model card, a page by itself: `{outcome.card}`")
    if isinstance(outcome, TuneOutcome):
        parts.append(best_trials(outcome))
    parts += [image(Path(path)) for path in _plots(outcome)]
    return "\n\n".join(parts) + "\n"


def _verdict(outcome: TrainOutcome) -> str:
    """What may be believed of the model that serves."""
    if not outcome.verdict:
        return "The model that serves was not judged against the random walk."
    standing = outcome.verdict.replace("_", " ")
    if outcome.p_value is None:
        return f"The model that serves against the random walk: **{standing}**, too few windows to test."
    figures = f"p = {outcome.p_value:.2g}"
    if outcome.p_adjusted is not None:
        figures += f", {outcome.p_adjusted:.2g} among all series of the run"
    proven = "proven better" if outcome.proven else "not proven better"
    return f"The model that serves against the random walk: **{standing}** ({figures}), {proven}."


def _figures(outcome: TrainOutcome) -> list[str]:
    parts = []
    if outcome.metrics:
        lines = [f"| on held-out bars | {outcome.model} | random walk |", "| --- | ---: | ---: |"]
        lines += [
            f"| {name} | {_figure(value)} | {_figure(outcome.baseline.get(name))} |"
            for name, value in outcome.metrics.items()
        ]
        parts.append("\n".join(lines))
    for nominal, words, share in (
        (80, "8 of 10", outcome.coverage_80),
        (95, "19 of 20", outcome.coverage_95),
    ):
        if share is not None:
            parts.append(
                f"{words} outcomes should land in the {nominal}% band; on held-out bars {share:.0%} did."
            )
    return parts


def image(path: Path) -> str:
    """A PNG as markdown; in words why not, where it cannot be read or is too large."""
    try:
        data = path.read_bytes()
    except OSError as error:
        return f"(no plot: {error})"
    if len(data) > _MAX_IMAGE_BYTES:
        return f"(the plot is too large for this page: {path})"
    return f"![{path.stem}](data:image/png;base64,{base64.b64encode(data).decode()})"


def final_state(summary: Summary, max_failed_share: float) -> State[None]:
    """Completed with the failures listed, or Failed when too large a share of the series failed."""
    failures = summary.failures()
    message = "\n".join(filter(None, [summary.line(), summary.proof(), *failures[:_MAX_LISTED]]))
    if len(failures) > _MAX_LISTED:
        message += f"\n... and {len(failures) - _MAX_LISTED} more"
    if summary.error_share > max_failed_share:
        limit = f"{summary.error_share:.0%} of the series failed, {max_failed_share:.0%} may"
        return Failed(message=f"{limit}. {message}")
    return Completed(message=message)
