"""A tuning in rows: the series' figures, and the best trials of a study."""

from collections.abc import Mapping
from typing import Any

from ml.outcomes import Trial, TuneOutcome

MOST_TRIALS = 10
# A line of a terminal has 80 characters.
_SHORT = {
    "seq_len": "window",
    "hidden_size": "units",
    "num_layers": "layers",
    "dropout": "drop",
    "learning_rate": "rate",
    "weight_decay": "decay",
}


def tuning_row(outcome: TuneOutcome) -> dict[str, Any]:
    """What a table of many tunings says of one."""
    return {
        "decision": outcome.status,
        "best": _figure(outcome.value),
        "defaults": _figure(outcome.defaults),
        "next fold": _figure(outcome.confirmed),
        "defaults there": _figure(outcome.confirmed_defaults),
        "trials": len(outcome.trials),
        "chosen": in_words(outcome.values) if outcome.path else "",
    }


def trial_rows(outcome: TuneOutcome) -> list[dict[str, str]]:
    """The best trials, and the defaults wherever they stand; those that were given up come last.

    ``error`` is relative to the random walk's; in parentheses of the folds before a trial was given
    up.
    """
    ranked = sorted(outcome.trials, key=_rank)
    shown = [trial for place, trial in enumerate(ranked) if place < MOST_TRIALS or trial.number == 0]
    return [
        {
            "trial": "defaults" if trial.number == 0 else f"{trial.number}",
            "error": _error(trial),
            **{_SHORT.get(name, name): _text(value) for name, value in trial.chosen.items()},
        }
        for trial in shown
    ]


def best_trials(outcome: TuneOutcome) -> str:
    """The table in markdown, and what mattered."""
    rows = trial_rows(outcome)
    if not rows:
        return ""
    names = list(rows[0])
    lines = [f"| {' | '.join(names)} |", f"|{' --- |' * len(names)}"]
    lines += [f"| {' | '.join(row.get(name, '') for name in names)} |" for row in rows]
    sample = f"Judged on {', '.join(outcome.sample)}." if outcome.group else ""
    mattered = ", ".join(f"{name} {share:.0%}" for name, share in outcome.importance.items())
    importance = f"Share of the variance that each value explains: {mattered}." if mattered else ""
    return "\n\n".join(filter(None, ["\n".join(lines), sample, importance]))


def in_words(values: Mapping[str, Any]) -> str:
    """``lstm, close rsi_14, seq_len 40``."""
    parts = []
    for name, value in values.items():
        if name == "model":
            parts.append(str(value))
        elif name == "features":
            parts.append(" ".join(value) if value else "default features")
        else:
            parts.append(f"{name} {_text(value)}")
    return ", ".join(parts)


def _rank(trial: Trial) -> tuple[bool, float, int]:
    value = float("inf") if trial.value is None else trial.value
    return trial.state != "complete", value, trial.number


def _error(trial: Trial) -> str:
    return {"complete": "{}", "pruned": "({})", "failed": "failed"}[trial.state].format(
        _figure(trial.value)
    )


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _text(value: float | int | str) -> str:
    return f"{value:.2g}" if isinstance(value, float) else str(value)
