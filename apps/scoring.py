"""What ``tickerflow score`` shows: a line for each series, with what its live score says."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from ml.outcomes import ScoreOutcome
from ml.summary import Finished, ordered, score_row


def print_scores(outcomes: Sequence[Finished]) -> None:
    """Print the table to stdout; series that could not be scored are not in it."""
    scored = [o for o in ordered(outcomes) if isinstance(o, ScoreOutcome) and o.failure is None]
    if not scored:
        return
    rows = [score_row(outcome) for outcome in scored]
    table = Table(box=None, pad_edge=False)
    table.add_column("series", overflow="fold")
    for name in rows[0]:
        table.add_column(name, overflow="fold", justify="left" if name in _WORDS else "right")
    for outcome, row in zip(scored, rows, strict=True):
        table.add_row(str(outcome.key), *row.values())
    Console(highlight=False, markup=False).print(table)


_WORDS = ("model", "verdict", "drift")
