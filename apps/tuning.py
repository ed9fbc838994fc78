"""``tickerflow tune``: what can be searched is checked at once, and the best trials are shown."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from apps.options import Call
from ml.outcomes import TuneOutcome
from ml.series import SeriesKey
from ml.summary import Summary, ordered

if TYPE_CHECKING:
    from ml.data.discovery import Discovery

_MOST_TABLES = 3


def check_tuning(call: Call) -> "tuple[Discovery, Sequence[SeriesKey]]":
    """Say what is wrong with the call before Prefect starts; return the series and what is tuned.

    Raises `UsageError`, `ModelError` or `FeatureError` for what could be searched for no series.
    """
    from ml.data.discovery import discover
    from ml.tuning.space import make_space
    from ml.tuning.targets import make_targets

    found = discover(call.settings.raw_dir, call.tickers, call.intervals)
    make_space(call.settings.train, call.settings.tune, has_volume=True)
    return found, [target.key for target in make_targets(found.series, call.settings.tune.group)]


def print_tuning(summary: Summary, *, to_stderr: bool) -> None:
    """The best trials of a few studies, where their pictures are, and what was kept."""
    from ml.tuning.report import in_words, trial_rows

    console = Console(file=sys.stderr if to_stderr else sys.stdout, highlight=False, markup=False)
    done = [one for one in ordered(summary.outcomes) if isinstance(one, TuneOutcome) and one.trials]
    for outcome in done[:_MOST_TABLES]:
        rows = trial_rows(outcome)
        table = Table(
            box=None,
            pad_edge=False,
            collapse_padding=True,
            title=f"{outcome.key}: error relative to the random walk's",
            title_justify="left",
        )
        for name in rows[0]:
            table.add_column(name, no_wrap=True)
        for row in rows:
            table.add_row(*(row.get(name, "") for name in rows[0]))
        console.print(table)
        for path in outcome.plots:
            console.print(path, soft_wrap=True)
    for outcome in done:
        if outcome.path:
            chosen = in_words(outcome.values)
            console.print(f"{outcome.key!s:<12} {chosen}: {outcome.path}", soft_wrap=True)
