"""What an evaluation leaves in its folder: tables, page and picture."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ml.backtesting.figures import SeriesFigures
from ml.backtesting.leaderboard import Leaderboard, leaderboard, series_rows
from ml.backtesting.page import page
from ml.backtesting.store import EvaluationStore
from ml.config import Settings
from ml.series import SeriesKey


@dataclass(frozen=True)
class Report:
    """The leaderboard and where its files are."""

    board: Leaderboard
    figures: Sequence[SeriesFigures]
    picture: Path | None
    markdown: Path


def conclude(settings: Settings, keys: Sequence[SeriesKey]) -> Report | None:
    """Write ``leaderboard.csv``, ``figures.csv``, ``leaderboard.md`` and ``leaderboard.png``.

    ``keys`` are the series that this run accounted for; None where there is none.
    Raises `StudyError` and `ArtifactWriteError` as the store does.
    """
    store = EvaluationStore(settings.evaluate.output)
    figures = store.read_series(keys)
    if not figures:
        return None
    board = leaderboard(figures, settings.promote.steps, settings.promote.level)
    store.write(store.folder / "figures.csv", _csv(series_rows(figures)))
    store.write(store.folder / "leaderboard.csv", _csv(board.rows()))
    markdown = store.folder / "leaderboard.md"
    picture = write_page(board, figures, settings, markdown)
    return Report(board, figures, picture, markdown)


def write_page(
    board: Leaderboard, figures: Sequence[SeriesFigures], settings: Settings, path: Path
) -> Path | None:
    """Write the page and, beside it, its picture; return where that is."""
    store = EvaluationStore(settings.evaluate.output)
    picture = path.with_suffix(".png") if board.series else None
    if picture is not None:
        from ml.backtesting.picture import draw  # matplotlib

        store.write(picture, draw(board))
    store.write(path, page(board, figures, settings, picture.name if picture else ""))
    return picture


def _csv(rows: Sequence[Mapping[str, Any]]) -> str:
    if not rows:
        return ""
    sink = io.StringIO(newline="")
    writer = csv.DictWriter(sink, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return sink.getvalue()
