"""The leaderboard as a markdown page: table, what it says, how it was made."""

from collections import Counter
from collections.abc import Sequence

from ml.backtesting.figures import SeriesFigures
from ml.backtesting.leaderboard import Leaderboard, leaderboard
from ml.backtesting.words import conclusions
from ml.config import Settings

_MOST_LEFT_OUT = 10


def page(
    board: Leaderboard, figures: Sequence[SeriesFigures], settings: Settings, image: str = ""
) -> str:
    """Markdown.

    Args:
        board: of all series.
        figures: the accounts that it was made from.
        settings: of the run.
        image: where the picture is, relative to the page; empty for none.
    """
    parts = ["# Leaderboard", _introduction(board, figures, settings)]
    if not board.series:
        return "\n\n".join([*parts, _left_out(board)]) + "\n"
    parts += [table(board), _legend(board), "## What it says"]
    parts += ["\n".join(f"- {sentence}" for sentence in conclusions(board, default_name(settings)))]
    if image:
        parts.append(f"![Skill of each contender on each series]({image})")
    parts += _by_interval(figures, settings)
    parts += ["## How it was made", _method(settings), _caution()]
    if board.left_out:
        parts.append(_left_out(board))
    return "\n\n".join(parts) + "\n"


def table(board: Leaderboard) -> str:
    """A row for each contender."""
    steps = list(board.standings[0].skill_at)
    names = [
        "",
        "contender",
        "mean rank",
        "skill > 0",
        "proven better",
        "proven worse",
        "mean skill",
        *(f"median at {step}" for step in steps),
        "behind the first",
        "80% band",
        "95% band",
        "s a series",
    ]
    lines = [f"| {' | '.join(names)} |", f"| ---: | --- |{' ---: |' * (len(names) - 2)}"]
    for place, each in enumerate(board.standings, 1):
        cells = [
            str(place),
            each.contender,
            f"{each.mean_rank:.2f}",
            f"{each.skilled:.0%}",
            f"{each.proven:.0%}",
            f"{each.refuted:.0%}",
            f"{each.skill.mean:+.2%}",
            *(f"{each.median_skill_at[step]:+.2%}" for step in steps),
            _behind(each.behind.mean, each.behind.error),
            f"{each.coverage_80:.1%}",
            f"{each.coverage_95:.1%}",
            f"{each.seconds:.1f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def default_name(settings: Settings) -> str:
    """The contender that a plain training would train; empty where it does not take part."""
    features = settings.train.features or ()
    for name, these in settings.evaluate.feature_sets.items():
        if these == features:
            return f"{settings.train.model}-{name}"
    return ""


def _introduction(board: Leaderboard, figures: Sequence[SeriesFigures], settings: Settings) -> str:
    kinds = Counter(series.interval for series in figures)
    series = ", ".join(f"{count} of {interval}" for interval, count in sorted(kinds.items()))
    plan = settings.evaluate
    learnt = f"the newest {plan.window:,} bars" if plan.window else "all bars"
    return (
        f"Walk-forward evaluation of {len(figures)} series ({series}), {board.windows:,} forecasts of "
        f"each contender, {board.steps} steps ahead. Each model was fitted {plan.folds} times, on "
        f"{learnt} before a stretch that it then forecast bar by bar; all contenders forecast the same "
        "windows. Skill is 1 - error / error of the random walk, by mean absolute error: 0 is as good "
        "as repeating the last close."
    )


def _legend(board: Leaderboard) -> str:
    return (
        "Rank 1 is best, by the error over the whole horizon. Proven: Diebold-Mariano against the "
        f"random walk at {board.level:.0%}, corrected over the series by Benjamini and Hochberg. Behind "
        "the first: mean difference of skill, in points of a percent, and its standard error over the "
        "series, as if these were independent; they move together, so it is rather larger. Seconds: "
        "wall clock of all refits."
    )


def _by_interval(figures: Sequence[SeriesFigures], settings: Settings) -> list[str]:
    intervals = sorted({series.interval for series in figures})
    if len(intervals) < 2:
        return []
    parts = ["## By interval"]
    for interval in intervals:
        some = [series for series in figures if series.interval == interval]
        board = leaderboard(some, settings.promote.steps, settings.promote.level)
        if board.series:
            parts += [f"### {interval}: {len(board.series)} series", table(board)]
    return parts


def _method(settings: Settings) -> str:
    plan, train = settings.evaluate, settings.train
    sets = "; ".join(
        f"`{name}` is {', '.join(features) if features else 'the default set'}"
        for name, features in plan.feature_sets.items()
    )
    stretch = (
        f"{plan.fold_bars:,} bars each"
        if plan.fold_bars
        else f"equal parts of the newest {train.test_share:.0%}"
    )
    newest = f" Of each series the newest {plan.max_bars:,} bars count." if plan.max_bars else ""
    return (
        f"`tickerflow evaluate` with {plan.folds} folds, {stretch}; a forecast every {plan.spacing} "
        f"bar(s).{newest} Feature sets: {sets}. Window {train.seq_len} bars, hidden size "
        f"{train.hidden_size}, at most {train.epochs} epochs, learning rate {train.learning_rate:g}, "
        f"seed {train.seed}."
    )


def _caution() -> str:
    return (
        "These are the bars that a promotion judges on. An evaluation says how well a way of working "
        "has worked; who chooses by it has chosen on these bars, and only bars to come can confirm the "
        "choice."
    )


def _left_out(board: Leaderboard) -> str:
    shown = list(board.left_out.items())[:_MOST_LEFT_OUT]
    names = "; ".join(f"{series} ({', '.join(failed)})" for series, failed in shown)
    more = len(board.left_out) - len(shown)
    return (
        f"Left out, for a contender failed there: {names}" + (f"; and {more} more" if more else "") + "."
    )


def _behind(mean: float, error: float | None) -> str:
    return f"{100 * mean:.2f}" + ("" if error is None else f" ± {100 * error:.2f}")
