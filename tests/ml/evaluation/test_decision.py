from dataclasses import replace

from ml.config import PromoteConfig
from ml.evaluation.decision import Comparison, decide

BETTER = Comparison(name="lstm", windows=200, steps=10, mae=0.98, mae_naive=1.0)
WORSE = replace(BETTER, mae=1.02)
RULE = PromoteConfig.model_validate({})


def with_champion(comparison: Comparison, mae_champion: float) -> Comparison:
    return replace(
        comparison, champion="gru v1", mae_champion=mae_champion, mae_challenger=comparison.mae
    )


def test_better_than_the_random_walk_is_promoted_with_the_figures() -> None:
    decision = decide(BETTER, RULE)
    assert decision.promote
    assert not decision.forced
    assert decision.reason == (
        "lstm is 2.00% better than the random walk over 10 steps (MAE 0.98 against 1, 200 windows)"
    )


def test_worse_than_the_random_walk_is_refused() -> None:
    decision = decide(WORSE, RULE)
    assert not decision.promote
    assert "2.00% worse than the random walk" in decision.reason


def test_as_good_as_the_random_walk_is_promoted() -> None:
    assert decide(replace(BETTER, mae=1.0), RULE).promote


def test_worse_than_the_champion_is_refused() -> None:
    decision = decide(with_champion(BETTER, 0.97), RULE)
    assert not decision.promote
    assert "worse than the champion gru v1" in decision.reason


def test_better_than_the_champion_is_promoted() -> None:
    assert decide(with_champion(BETTER, 0.99), RULE).promote


def test_a_champion_that_cannot_forecast_any_more_does_not_stop_a_challenger() -> None:
    decision = decide(replace(BETTER, champion="gru v1"), RULE)
    assert decision.promote
    assert "cannot forecast these bars any more" in decision.reason


def test_the_rule_is_configuration() -> None:
    assert not decide(BETTER, PromoteConfig.model_validate({"min_skill": 0.03})).promote
    assert decide(with_champion(BETTER, 0.97), PromoteConfig.model_validate({"tolerance": 0.05})).promote


def test_force_promotes_and_says_so_only_where_it_made_the_difference() -> None:
    force = PromoteConfig.model_validate({"force": True})
    assert decide(WORSE, force).promote
    assert decide(WORSE, force).forced
    assert "--force" in decide(WORSE, force).reason
    assert not decide(BETTER, force).forced
