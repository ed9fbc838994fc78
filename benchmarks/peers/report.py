"""The results as a terminal table, JSON, CSV and Markdown."""

import csv
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.peers.score import STEPS, Difference, Row, losses


@dataclass(frozen=True)
class Results:
    """All figures of a run; the first row is Tickerflow."""

    about: Mapping[str, str]
    rows: Sequence[Row]
    failed: Mapping[str, str] = field(default_factory=dict)

    @property
    def lost(self) -> list[str]:
        """Where Tickerflow is behind."""
        return losses(self.rows)


def write_files(results: Results, folder: Path, series_skill: Mapping[str, Any]) -> None:
    """Write results.json (with every series' skill by step), results.csv and results.md."""
    record = {
        "about": dict(results.about),
        "rows": [asdict(row) for row in results.rows],
        "failed": dict(results.failed),
        "behind": results.lost,
        "skill_by_series": dict(series_skill),
    }
    text = json.dumps(_plain(record), indent=1, allow_nan=False)
    (folder / "results.json").write_text(text + "\n", encoding="utf-8")
    with (folder / "results.csv").open("w", encoding="utf-8", newline="") as file:
        records = [_flat(row) for row in results.rows]
        writer = csv.DictWriter(file, list(records[0]))
        writer.writeheader()
        writer.writerows(records)
    (folder / "results.md").write_text(markdown(results), encoding="utf-8")


def _plain(value: Any) -> Any:
    """NaN, which JSON has not, becomes null."""
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _flat(row: Row) -> dict[str, Any]:
    flat: dict[str, Any] = {
        name: value
        for name, value in asdict(row).items()
        if name not in ("skill_mean", "skill_median", "difference")
    }
    for step in STEPS:
        flat[f"skill_mean_{step}"] = row.skill_mean[step] if row.skill_mean else None
        flat[f"skill_median_{step}"] = row.skill_median[step] if row.skill_median else None
        difference = row.difference[step] if row.difference else None
        for name in ("mean", "low", "high"):
            flat[f"ahead_{name}_{step}"] = getattr(difference, name) if difference else None
    return flat


def _number(value: float | None, decimals: int) -> str:
    return "" if value is None or math.isnan(value) else f"{value:.{decimals}f}"


def _times(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.0f}x" if value >= 10 else f"{value:.1f}x"


def _ahead(difference: Difference | None) -> str:
    if difference is None:
        return ""
    if math.isnan(difference.low):
        return f"{difference.mean:+.3f}"
    return f"{difference.mean:+.3f} ({difference.low:+.3f} to {difference.high:+.3f})"


def _speed_cells(row: Row) -> list[str]:
    return [
        row.title,
        _number(row.seconds, 2),
        _times(row.ratio),
        _number(row.cpu_seconds, 2),
        _times(row.cpu_ratio),
        _number(row.peak_mb, 0),
    ]


def _skill_cells(row: Row, values: Mapping[int, float] | None) -> list[str]:
    return [_number(values[step] if values else None, 3) for step in STEPS]


SPEED = ("contender", "s a series", "ratio", "CPU s", "ratio", "peak MB")


def print_table(results: Results, console: Console) -> None:
    """Two tables and what they do not say: who failed, and where Tickerflow is behind."""
    speed = Table(*SPEED, title="Time and memory")
    skill = Table(
        "contender",
        *(f"mean, step {step}" for step in STEPS),
        *(f"median, step {step}" for step in STEPS),
        title="Skill on held-out windows (0 is the random walk)",
    )
    ahead = Table(
        "against",
        *(f"step {step}" for step in STEPS),
        title="Tickerflow's skill less theirs: mean over series and 95% interval",
    )
    for table in (speed, skill, ahead):
        for column in table.columns[1:]:
            column.justify = "right"
    for row in results.rows:
        if row.seconds is not None:
            speed.add_row(*_speed_cells(row))
        if row.skill_mean is not None:
            skill.add_row(
                row.title, *_skill_cells(row, row.skill_mean), *_skill_cells(row, row.skill_median)
            )
        if row.difference is not None:
            ahead.add_row(row.title, *(_ahead(row.difference[step]) for step in STEPS))
    for table in (speed, skill, ahead):
        console.print(table)
    for name, value in results.about.items():
        console.print(f"{name}: {value}", highlight=False, soft_wrap=True)
    for row in results.rows:
        if row.note:
            console.print(f"{row.title}: {row.note}", highlight=False, soft_wrap=True)
    for key, error in results.failed.items():
        console.print(f"[red]failed[/red] {key}: {error}", highlight=False, soft_wrap=True)
    for sentence in results.lost or ["Tickerflow is behind nowhere"]:
        console.print(f"behind: {sentence}", highlight=False, soft_wrap=True)


def markdown(results: Results) -> str:
    """The tables for docs/performance.md."""
    timed = [row for row in results.rows if row.seconds is not None]
    judged = [row for row in results.rows if row.skill_mean is not None]
    compared = [row for row in results.rows if row.difference is not None]
    steps = [f"step {step}" for step in STEPS]
    parts = [
        "\n".join(f"- {name}: {value}" for name, value in results.about.items()),
        _table(SPEED, [_speed_cells(row) for row in timed]),
        _table(
            ("skill, mean (median) over series", *steps),
            [
                [
                    row.title,
                    *(
                        f"{mean} ({median})"
                        for mean, median in zip(
                            _skill_cells(row, row.skill_mean),
                            _skill_cells(row, row.skill_median),
                            strict=True,
                        )
                    ),
                ]
                for row in judged
            ],
        ),
        _table(
            ("Tickerflow's skill less theirs, 95% interval", *steps),
            [
                [row.title, *(_ahead(row.difference[step]) for step in STEPS)]
                for row in compared
                if row.difference
            ],
        ),
        "\n".join(f"- {row.title}: {row.note}" for row in results.rows if row.note),
        "Where Tickerflow is behind:\n\n"
        + "\n".join(f"- {text}" for text in results.lost or ["nowhere"]),
        "\n".join(f"- failed: {key}: {error}" for key, error in results.failed.items()),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    if not rows:
        return ""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
