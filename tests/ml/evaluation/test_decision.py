import numpy as np
import pytest
from numpy.typing import NDArray

from ml.config import PromoteConfig, Standing
from ml.evaluation.decision import Decision, Rival, decide
from ml.evaluation.verdict import Comparison, compare

RULE = PromoteConfig.model_validate({})


def beside(standing: Standing) -> Comparison:
    """A real verdict of that standing, on 200 windows of 4 steps."""
    rng = np.random.default_rng(4)
    reference: NDArray[np.float64] = np.abs(rng.normal(0, 0.01, (200, 4))) + 0.001
    noise = rng.normal(0, 1e-5 if standing == "not_worse" else 0.01, (200, 4))
    factor = {"better": 0.5, "worse": 1.5}.get(standing, 1.0)
    found = compare(factor * reference + noise, reference, RULE)
    assert found.standing == standing
    return found


BETTER, NOT_WORSE = beside("better"), beside("not_worse")
UNDECIDED, WORSE = beside("undecided"), beside("worse")


def versus(champion: Comparison | None, note: str = "") -> Rival:
    return Rival("gru v1", champion, note)


def judge(walk: Comparison, rival: Rival | None = None, **rule: object) -> Decision:
    return decide("lstm", walk, NOT_WORSE, rival, PromoteConfig.model_validate(rule))


def test_better_than_the_random_walk_is_promoted_with_the_figures() -> None:
    decision = judge(BETTER)
    assert decision.promote
    assert not decision.forced
    assert decision.reason.startswith("lstm is better than the random walk (error 4")
    assert "200 windows of 4 steps); no worse than the drift (error " in decision.reason
    assert "p < 0.001" in decision.reason


def test_significantly_worse_than_the_random_walk_is_refused_and_says_so() -> None:
    decision = judge(WORSE)
    assert not decision.promote
    assert decision.reason.startswith("lstm is worse than the random walk (error")
    assert decision.reason.endswith("; refused: it is worse than the random walk")


def test_significantly_worse_than_the_champion_is_refused() -> None:
    decision = judge(BETTER, versus(WORSE))
    assert not decision.promote
    assert "; worse than the champion gru v1 (error" in decision.reason
    assert decision.reason.endswith("; refused: it is worse than the champion")


def test_worse_than_both_is_said_of_both() -> None:
    reason = judge(WORSE, versus(WORSE)).reason
    assert reason.endswith("refused: it is worse than the random walk and it is worse than the champion")


@pytest.mark.parametrize("tie", [UNDECIDED, NOT_WORSE])
def test_in_a_tie_the_fresh_one_is_preferred(tie: Comparison) -> None:
    assert judge(tie, versus(tie)).promote


@pytest.mark.parametrize("least", ["worse", "undecided", "not_worse", "better"])
@pytest.mark.parametrize("who", ["versus_walk", "versus_champion"])
def test_the_policy_says_which_verdict_is_the_least(who: str, least: Standing) -> None:
    order = ["worse", "undecided", "not_worse", "better"]
    for verdict in (WORSE, UNDECIDED, NOT_WORSE, BETTER):
        walk, champion = (verdict, BETTER) if who == "versus_walk" else (BETTER, verdict)
        decision = judge(walk, versus(champion), **{who: least})
        assert decision.promote == (order.index(verdict.standing) >= order.index(least))


def test_a_policy_that_is_missed_is_named() -> None:
    decision = judge(UNDECIDED, versus(NOT_WORSE), versus_walk="not_worse", versus_champion="better")
    assert "lstm is not distinguishable from the random walk (error" in decision.reason
    assert "no worse than the champion gru v1" in decision.reason
    assert decision.reason.endswith(
        "refused: the policy asks for 'not worse' against the random walk and the policy asks for "
        "'better' against the champion"
    )


def test_how_the_champion_was_met_is_said() -> None:
    assert "4 steps, refitted)" in judge(BETTER, versus(BETTER, "refitted")).reason


def test_a_champion_that_cannot_forecast_any_more_does_not_stop_a_challenger() -> None:
    decision = judge(BETTER, versus(None), versus_champion="better")
    assert decision.promote
    assert "the champion gru v1 cannot forecast these bars any more" in decision.reason


def test_force_promotes_and_says_so_only_where_it_made_the_difference() -> None:
    forced = judge(WORSE, force=True)
    assert forced.promote
    assert forced.forced
    assert forced.reason.endswith("promoted by --force")
    assert not judge(BETTER, force=True).forced
