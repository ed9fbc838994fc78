"""What a leaderboard says, in sentences made from its figures."""

from collections.abc import Iterator, Sequence

import numpy as np

from ml.backtesting.leaderboard import Leaderboard, Mean, Standing

# Of a band's nominal coverage: within it a band is called kept.
_COVERAGE_POINTS = 0.02


def conclusions(board: Leaderboard, default: str) -> list[str]:
    """A sentence or two on each question that one brings to a leaderboard.

    Args:
        board: with at least one series.
        default: the contender that is trained where nothing else is said.
    """
    return [
        _first(board),
        _beside_the_walk(board),
        *_beside_drift(board),
        _second(board),
        *_default(board, default),
        *_sides(board, "architecture", [standing.model for standing in _trained(board)]),
        *_sides(board, "feature set", [standing.features for standing in _trained(board)]),
        _coverage(board),
    ]


def _trained(board: Leaderboard) -> list[Standing]:
    return [standing for standing in board.standings if standing.features]


def _first(board: Leaderboard) -> str:
    best = board.standings[0]
    return (
        f"**{best.contender}** has the best mean rank, {best.mean_rank:.2f} of {len(board.standings)}, "
        f"over {len(board.series)} series; its median skill over {board.steps} steps is "
        f"{best.median_skill:+.2%}, its mean skill {_mean(best.skill)}."
    )


def _beside_the_walk(board: Leaderboard) -> str:
    trained = _trained(board) or list(board.standings)
    most = max(trained, key=lambda standing: standing.skilled)
    proven = [
        f"{standing.contender} on {standing.proven:.0%}" for standing in trained if standing.proven
    ]
    refuted = [
        f"{standing.contender} on {standing.refuted:.0%}" for standing in trained if standing.refuted
    ]
    return (
        f"Beside the random walk: {most.contender} has less error on the largest share of series, "
        f"{most.skilled:.0%}. Significantly better (at {board.level:.0%}, corrected for the number of "
        f"series): {_listed(proven)}. Significantly worse: {_listed(refuted)}."
    )


def _beside_drift(board: Leaderboard) -> Iterator[str]:
    """In a market that rises, much of the skill can be had by continuing the mean."""
    trained = _trained(board)
    if "drift" not in board.by_name or not trained:
        return
    best = trained[0]
    gap = Mean.of(board.skills_of(best.contender) - board.skills_of("drift"))
    yield (
        f"Beside drift, which continues the mean of the bars it learnt from and has a skill of "
        f"{_mean(board.by_name['drift'].skill)}: the first of the networks, {best.contender}, has "
        f"{_more(gap)} ({_clarity(gap)})."
    )


def _second(board: Leaderboard) -> str:
    if len(board.standings) < 2:
        return "There is nothing to compare it with."
    best, second = board.standings[:2]
    return (
        f"The second, {second.contender}, lacks {_mean(second.behind)} of skill to {best.contender}, "
        f"series by series: {_clarity(second.behind)}."
    )


def _default(board: Leaderboard, default: str) -> Iterator[str]:
    standing = board.by_name.get(default)
    if standing is None:
        return
    place = [each.contender for each in board.standings].index(default) + 1
    if place == 1:
        yield f"The default, {default}, is the first: there is no reason to change it."
        return
    models = [each for each in board.standings if each.features]
    rival = models[0]
    if rival.contender == default:
        yield (
            f"The default, {default}, has place {place}, the first of the networks; only baselines are "
            "ahead of it. Among the networks there is no better default."
        )
        return
    gap = Mean.of(board.skills_of(rival.contender) - board.skills_of(default))
    advice = (
        f"{rival.contender} is the better default"
        if gap.is_clear and gap.mean > 0
        else "that is no reason to change the default"
    )
    yield (
        f"The default, {default}, has place {place}. The first of the networks, {rival.contender}, has "
        f"{_more(gap, 'skill')}: {_clarity(gap)}; {advice}."
    )


def _sides(board: Leaderboard, kind: str, names: Sequence[str]) -> Iterator[str]:
    """Architectures, or feature sets, each averaged over what it was combined with."""
    distinct = list(dict.fromkeys(names))
    if len(distinct) < 2:
        return
    trained = _trained(board)
    mean = {
        name: np.mean(
            [
                board.skills_of(each.contender)
                for each, label in zip(trained, names, strict=True)
                if label == name
            ],
            axis=0,
        )
        for name in distinct
    }
    ordered = sorted(distinct, key=lambda name: -float(mean[name].mean()))
    best = ordered[0]
    rest = []
    for name in ordered[1:]:
        gap = Mean.of(mean[best] - mean[name])
        rest.append(f"{name} has {_mean(gap)} less ({_clarity(gap)})")
    yield (
        f"By {kind}, averaged over the rest: {best} has most skill, {float(mean[best].mean()):+.2%}; "
        f"{'; '.join(rest)}."
    )


def _coverage(board: Leaderboard) -> str:
    parts = []
    for nominal, values in (
        (0.80, [standing.coverage_80 for standing in board.standings]),
        (0.95, [standing.coverage_95 for standing in board.standings]),
    ):
        low, high = min(values), max(values)
        kept = nominal - low <= _COVERAGE_POINTS and high - nominal <= _COVERAGE_POINTS
        words = "kept" if kept else f"not kept within {100 * _COVERAGE_POINTS:.0f} points by all"
        parts.append(f"of the {nominal:.0%} bands {low:.1%} to {high:.1%} of the outcomes ({words})")
    return f"Intervals, from contender to contender, held {' and '.join(parts)}."


def _mean(mean: Mean) -> str:
    spread = "" if mean.error is None else f" ± {100 * mean.error:.2f}"
    return f"{100 * mean.mean:.2f}{spread} points" if spread else f"{100 * mean.mean:.2f} points"


def _more(gap: Mean, what: str = "") -> str:
    """``0.31 ± 0.20 points more``, ``0.31 ± 0.20 points less skill``."""
    side = "less" if gap.mean < 0 else "more"
    return " ".join(filter(None, [_mean(Mean(abs(gap.mean), gap.error)), side, what]))


def _clarity(mean: Mean) -> str:
    if mean.error is None:
        return "one series says nothing about others"
    return (
        "more than two standard errors from zero"
        if mean.is_clear
        else "within two standard errors of zero"
    )


def _listed(parts: Sequence[str]) -> str:
    return ", ".join(parts) if parts else "none on any series"
