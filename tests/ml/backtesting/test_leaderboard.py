import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from ml.backtesting.figures import ContenderFigures, SeriesFigures
from ml.backtesting.leaderboard import leaderboard, series_rows
from ml.backtesting.page import default_name, page
from ml.backtesting.picture import draw
from ml.backtesting.words import conclusions
from ml.config import PromoteConfig, Settings
from ml.evaluation.verdict import compare
from ml.outcomes import Failure

RULE = PromoteConfig(steps=(1, 2))
WINDOWS = 120


def contender(name: str, skill: float, noise: float = 0.0, seed: int = 0) -> ContenderFigures:
    """Figures of a model whose error is a share less than the random walk's, with some noise."""
    rng = np.random.default_rng(seed)
    walk = np.abs(rng.normal(0.0, 0.01, (WINDOWS, 2)))
    loss = walk * (1 - skill) + noise * rng.normal(0.0, 0.01, (WINDOWS, 2))
    model, _, features = name.partition("-")
    return ContenderFigures(
        contender=name,
        model=model,
        features=features,
        mae_by_step=tuple(loss.mean(axis=0)),
        skill=skill,
        skill_by_step=(skill, skill),
        coverage_80_by_step=(0.8, 0.82),
        coverage_95_by_step=(0.94, 0.96),
        verdict=compare(loss, walk, RULE),
        epochs=3,
        seconds=2.0,
    )


def series(
    ticker: str, skills: dict[str, float], interval: str = "1d", failures: tuple[str, ...] = ()
) -> SeriesFigures:
    return SeriesFigures(
        ticker=ticker,
        interval=interval,
        fingerprint="0" * 64,
        bars=600,
        first=datetime(2024, 1, 1, tzinfo=UTC),
        last=datetime(2024, 6, 1, tzinfo=UTC),
        windows=WINDOWS,
        steps=2,
        folds=2,
        spacing=1,
        walk_by_step=(0.01, 0.014),
        contenders=tuple(contender(name, skill) for name, skill in skills.items()),
        failures=dict.fromkeys(failures, Failure(code="TF021", message="too few bars")),
    )


UNIVERSE = [
    series("AAA", {"lstm-close": 0.04, "lstm-default": 0.02, "naive": 0.0}),
    series("BBB", {"lstm-close": -0.01, "lstm-default": 0.01, "naive": 0.0}, "1h"),
    series("CCC", {"lstm-close": 0.03, "lstm-default": 0.0, "naive": 0.0}),
]


def test_contenders_are_ranked_on_each_series_and_ties_share_their_ranks() -> None:
    board = leaderboard(UNIVERSE, (1, 5), 0.05)
    ranks = {each.contender: each.mean_rank for each in board.standings}
    assert ranks == pytest.approx(
        {"lstm-close": (1 + 3 + 1) / 3, "lstm-default": (2 + 1 + 2.5) / 3, "naive": (3 + 2 + 2.5) / 3}
    )
    assert list(ranks) == ["lstm-close", "lstm-default", "naive"]
    assert board.windows == 3 * WINDOWS


def test_a_standing_has_means_medians_shares_and_the_distance_to_the_first() -> None:
    board = leaderboard(UNIVERSE, (1, 5), 0.05)
    first, second, naive = board.standings
    assert first.skill.mean == pytest.approx(0.02)
    assert first.median_skill == pytest.approx(0.03)
    assert first.skilled == pytest.approx(2 / 3)
    # A step beyond the horizon has no figures; the horizon is always one of the steps.
    assert list(first.skill_at) == [1, 2]
    gaps = np.array([0.02, -0.02, 0.03])
    assert second.behind.mean == pytest.approx(gaps.mean())
    assert second.behind.error == pytest.approx(gaps.std(ddof=1) / 3**0.5)
    assert first.behind.mean == 0
    assert (first.coverage_80, first.coverage_95) == pytest.approx((0.81, 0.95))
    # Errors are an exact share of the walk's: as significant as can be, one way or the other.
    assert first.proven == pytest.approx(2 / 3)
    assert first.refuted == pytest.approx(1 / 3)
    assert (naive.proven, naive.refuted) == (0, 0)


def test_ten_times_as_many_series_take_ten_times_as_long() -> None:
    one = series("AAA", {"lstm-close": 0.01, "naive": 0.0})
    many = [one.model_copy(update={"ticker": f"T{number}"}) for number in range(3000)]

    def seconds(count: int) -> float:
        began = time.process_time()
        assert len(leaderboard(many[:count], (1,), 0.05).series) == count
        return time.process_time() - began

    few, all_of_them = (min(seconds(count) for _ in range(5)) for count in (300, 3000))
    assert all_of_them < 40 * few  # each beside each would take a hundred times as long


def test_proof_is_corrected_for_the_number_of_series() -> None:
    lucky = contender("lstm-close", 0.03, noise=0.15, seed=4)
    assert 0.005 < lucky.verdict.p_better < 0.05
    hopeless = contender("lstm-close", 0.0)
    alone = series("AAA", {}).model_copy(update={"contenders": (lucky,)})
    others = [
        series(f"X{index}", {}).model_copy(update={"contenders": (hopeless,)}) for index in range(20)
    ]
    assert leaderboard([alone], (1,), 0.05).standings[0].proven == 1
    assert leaderboard([alone, *others], (1,), 0.05).standings[0].proven == 0


def test_series_that_a_contender_failed_on_are_left_out_and_named() -> None:
    short = series("DDD", {"naive": 0.0}, failures=("lstm-default", "lstm-close"))
    board = leaderboard([*UNIVERSE, short], (1,), 0.05)
    assert board.series == ("AAA 1d", "BBB 1h", "CCC 1d")
    assert board.left_out == {"DDD 1d": ("lstm-close", "lstm-default")}
    none = leaderboard([short, series("AAA", {"lstm-close": 0.1}, failures=("naive",))], (1,), 0.05)
    assert (none.series, none.standings) == ((), ())
    assert "Left out" in page(none, [short], Settings())


def test_the_words_say_who_is_first_and_whether_the_default_should_change() -> None:
    board = leaderboard(UNIVERSE, (1,), 0.05)
    said = "\n".join(conclusions(board, "lstm-default"))
    assert "**lstm-close** has the best mean rank, 1.67 of 3, over 3 series" in said
    assert "lstm-close, has 1.00 ± 1.53 points more skill: within two standard errors" in said
    assert "no reason to change the default" in said
    assert "close has most skill, +2.00%" in said
    assert "(kept)" in said

    with_drift = [
        series("AAA", {"lstm-close": 0.04, "drift": 0.03}),
        series("BBB", {"lstm-close": 0.02, "drift": 0.03}),
    ]
    said = "\n".join(conclusions(leaderboard(with_drift, (1,), 0.05), ""))
    assert "the first of the networks, lstm-close, has 0.00 ± 1.00 points more" in said
    behind = [
        series("AAA", {"lstm-close": 0.01, "drift": 0.03}),
        series("BBB", {"lstm-close": 0.02, "drift": 0.04}),
    ]
    said = "\n".join(conclusions(leaderboard(behind, (1,), 0.05), "lstm-close"))
    assert "lstm-close, has 2.00 ± 0.00 points less (more than two standard errors from zero)" in said
    assert "has place 2, the first of the networks; only baselines are ahead of it" in said

    clear = [series(f"S{i}", {"lstm-close": 0.03 + i / 1000, "lstm-default": 0.0}) for i in range(5)]
    said = "\n".join(conclusions(leaderboard(clear, (1,), 0.05), "lstm-default"))
    assert "lstm-close is the better default" in said
    assert "the first: there is no reason" in "\n".join(
        conclusions(leaderboard(clear, (1,), 0.05), "lstm-close")
    )


def test_the_page_has_a_table_for_each_interval_and_the_caution(tmp_path: Path) -> None:
    settings = Settings()
    board = leaderboard(UNIVERSE, (1, 2), 0.05)
    text = page(board, UNIVERSE, settings, "board.png")
    assert "3 series (2 of 1d, 1 of 1h), 360 forecasts of each contender" in text
    assert text.count("| 1 | ") == 3
    assert "### 1h: 1 series" in text
    assert "](board.png)" in text
    assert "has chosen on these bars" in text
    widths = {line.count("|") for line in text.splitlines() if line.startswith("|")}
    assert len(widths) == 1
    assert default_name(settings) == "lstm-default"
    other = settings.train.model_copy(update={"model": "gru", "features": ("close",)})
    assert default_name(settings.model_copy(update={"train": other})) == "gru-close"


def test_the_rows_hold_every_step_and_the_whole_horizon() -> None:
    rows = series_rows(UNIVERSE[:1])
    assert [(row["contender"], row["step"]) for row in rows[:3]] == [
        ("lstm-close", 0),
        ("lstm-close", 1),
        ("lstm-close", 2),
    ]
    assert rows[1]["standing"] == "better"
    assert {frozenset(row) for row in rows} == {frozenset(rows[0])}


@pytest.mark.parametrize("count", [1, 12])
def test_the_picture_is_a_png_small_enough_for_an_artifact(count: int) -> None:
    names = {f"m{index}-close": 0.001 * index for index in range(count)}
    png = draw(leaderboard([series("AAA", names), series("BBB", names)], (1,), 0.05))
    assert png.startswith(b"\x89PNG")
    assert len(png) < 100_000
    assert png == draw(leaderboard([series("AAA", names), series("BBB", names)], (1,), 0.05))
