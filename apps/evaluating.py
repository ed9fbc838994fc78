"""``tickerflow evaluate``: what was typed, the leaderboard on the terminal, the page."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from apps.options import Call, load_settings
from apps.report import check_report
from ml.errors import UsageError
from ml.summary import Finished

if TYPE_CHECKING:
    from ml.backtesting.leaderboard import Leaderboard
    from ml.data.discovery import Discovery


def with_contenders(call: Call, models: Sequence[str], feature_sets: Sequence[str]) -> Call:
    """The call with what ``--model`` and ``--feature-set`` name; raises `UsageError`."""
    sets = [_feature_set(text) for text in feature_sets]
    names = [name for name, _ in sets]
    if len(set(names)) < len(names):
        raise UsageError(
            f"expected each feature set once, found --feature-set of {', '.join(names)}",
            hint="give each a name of its own",
        )
    named = {"models": tuple(_parts(models)), "feature_sets": dict(sets)}
    given = {name: value for name, value in named.items() if value}
    if not given:
        return call
    overrides = {**call.overrides, "evaluate": {**call.overrides.get("evaluate", {}), **given}}
    return replace(call, settings=load_settings(overrides), overrides=overrides)


def check_evaluation(call: Call, page: Path | None) -> "Discovery":
    """Say what is wrong with the call at once, not after Prefect has started; return what is there."""
    from ml.backtesting.contenders import contenders
    from ml.backtesting.store import EvaluationStore
    from ml.data.discovery import discover

    if page is not None:
        check_report(page, "--page")
        if page.suffix == ".png":
            raise UsageError(
                f"expected a page of markdown at {page}, found the place of its picture",
                hint="name a .md file with --page; the picture comes to lie beside it",
            )
    found = discover(call.settings.raw_dir, call.tickers, call.intervals)
    contenders(call.settings.evaluate, call.settings.train)
    EvaluationStore(call.settings.evaluate.output).open()
    return found


def show_leaderboard(
    call: Call, outcomes: Sequence[Finished], page: Path | None
) -> list[dict[str, Any]]:
    """Write the leaderboard's files and print it; its rows, for the JSON account.

    Of an interrupted run too: it is that of the series that were done.
    """
    from ml.backtesting.report import conclude, write_page

    report = conclude(call.settings, [each.key for each in outcomes if each.status == "ok"])
    if report is None:
        return []
    if page is not None:
        write_page(report.board, report.figures, call.settings, page)
    if not call.json:
        _print_board(report.board, call)
    return report.board.rows()


def _print_board(board: "Leaderboard", call: Call) -> None:
    """The table and what it says, on stdout."""
    from ml.backtesting.page import default_name
    from ml.backtesting.words import conclusions

    console = Console(highlight=False, markup=False)
    if not board.series:
        console.print("no series that every contender did: there is no leaderboard", soft_wrap=True)
        return
    table = _table(board)
    # A file is as wide as it need be: cut off figures are none.
    console.width = max(console.width, table.__rich_measure__(console, console.options).maximum)
    console.print(table)
    for sentence in conclusions(board, default_name(call.settings)):
        console.print(sentence.replace("**", ""), soft_wrap=True)
    console.print(f"tables, page and picture: {call.settings.evaluate.output}", soft_wrap=True)


def _table(board: "Leaderboard") -> Table:
    table = Table(box=None, pad_edge=False)
    steps = list(board.standings[0].skill_at)
    table.add_column("contender", no_wrap=True)
    names = ["rank", "skill>0", "better", "worse", "mean skill"]
    for name in [*names, *(f"at {step}" for step in steps), "behind", "80%", "95%", "s"]:
        table.add_column(name, no_wrap=True, justify="right")
    for each in board.standings:
        error = "" if each.behind.error is None else f"±{100 * each.behind.error:.2f}"
        table.add_row(
            each.contender,
            f"{each.mean_rank:.2f}",
            f"{each.skilled:.0%}",
            f"{each.proven:.0%}",
            f"{each.refuted:.0%}",
            f"{each.skill.mean:+.2%}",
            *(f"{each.median_skill_at[step]:+.2%}" for step in steps),
            f"{100 * each.behind.mean:.2f}{error}",
            f"{each.coverage_80:.0%}",
            f"{each.coverage_95:.0%}",
            f"{each.seconds:.1f}",
        )
    return table


def _parts(texts: Sequence[str]) -> list[str]:
    return [part.strip() for text in texts for part in text.split(",") if part.strip()]


def _feature_set(text: str) -> tuple[str, tuple[str, ...]]:
    name, equals, features = text.partition("=")
    if not equals or not name.strip():
        raise UsageError(
            f"expected --feature-set name=feature,feature, found {text!r}",
            hint="such as --feature-set momentum=close,rsi_14,roc_10; default= means the default set",
        )
    return name.strip(), tuple(_parts([features]))
