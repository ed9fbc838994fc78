import json

import numpy as np
import pytest
from numpy.typing import NDArray

from ml.config import PromoteConfig
from ml.evaluation.verdict import Comparison, compare

Floats = NDArray[np.float64]
RULE = PromoteConfig.model_validate({})


def losses(n: int = 400, steps: int = 10, seed: int = 0) -> Floats:
    """Absolute errors of a random walk's windows, relative to the anchor, ``(n, steps)``."""
    walk = np.cumsum(np.random.default_rng(seed).normal(0, 0.01, n + steps))
    return np.abs(np.stack([walk[k : n + k] - walk[:n] for k in range(1, steps + 1)], axis=1))


def noise(n: int = 400, steps: int = 10, scale: float = 0.001) -> Floats:
    return np.random.default_rng(9).normal(0, scale, (n, steps))


def test_smaller_errors_are_better_with_figures() -> None:
    reference = losses()
    found = compare(0.9 * reference, reference, RULE)
    assert found.standing == "better"
    assert found.p_better < 0.001
    assert found.p == found.p_better
    assert found.skill == pytest.approx(0.1)
    assert found.low is not None
    assert found.high is not None
    assert 0 < found.low < 0.1 < found.high
    assert found.words.startswith("better: error 10.00% smaller, p")
    assert "p < 0.001" in found.words
    assert "effect +" in found.words
    assert found.words.endswith("400 windows of 10 steps")


def test_larger_errors_are_worse() -> None:
    reference = losses()
    found = compare(1.1 * reference, reference, RULE)
    assert found.standing == "worse"
    assert found.p == found.p_worse < 0.001
    assert found.words.startswith("worse: error 10.00% larger, p")
    assert found.effect < 0


def test_as_good_within_the_margin_is_not_worse() -> None:
    reference = losses()
    found = compare(reference + noise(scale=1e-5), reference, RULE)
    assert found.standing == "not_worse"
    assert found.low is not None
    assert -0.01 < found.low < 0
    assert found.words.startswith("not worse: error ")


def test_what_the_windows_cannot_tell_is_undecided() -> None:
    reference = losses()
    found = compare(np.abs(reference + noise(scale=0.05)) * 0.63, reference, RULE)
    rule = PromoteConfig.model_validate({"level": 1e-9, "margin": 0.0})
    assert compare(reference + noise(), reference, rule).standing == "undecided"
    assert found.standing in ("better", "worse")  # the same windows do tell a large difference


def test_the_same_forecasts_are_exactly_as_good() -> None:
    reference = losses()
    found = compare(reference * (1 + 1e-8), reference, RULE)
    assert found.standing == "not_worse"
    assert (found.skill, found.p_better, found.p_worse, found.effect) == (0.0, 1.0, 1.0, 0.0)
    assert found.words == "not worse: the same errors, 400 windows of 10 steps"
    assert found.relation == "exactly as good as"


@pytest.mark.parametrize("windows", [0, 1, 9, 59])
def test_few_windows_are_undecided_and_say_how_many(windows: int) -> None:
    reference = losses()[:windows]
    found = compare(0.5 * reference, reference, RULE)
    assert found.standing == "undecided"
    assert (found.p_better, found.p_worse, found.low, found.high) == (1.0, 1.0, None, None)
    assert f"{windows} windows of 10 steps are too few to tell" in found.words


def test_a_step_needs_fewer_windows_than_the_horizon() -> None:
    reference = losses()[:40]
    found = compare(0.5 * reference, reference, RULE)
    assert found.standing == "undecided"
    assert found.by_step[1].standing == "better"
    assert found.by_step[10].standing == "undecided"


def test_named_steps_have_a_verdict_of_their_own_and_do_not_decide() -> None:
    reference = losses()
    loss = reference.copy()
    loss[:, 0] *= 0.8
    loss[:, 1:] *= 1.2
    found = compare(loss, reference, RULE)
    assert list(found.by_step) == [1, 5, 10]
    assert found.by_step[1].standing == "better"
    assert found.by_step[1].skill == pytest.approx(0.2)
    assert found.by_step[5].standing == "worse"
    assert found.standing == "worse"


def test_the_policy_names_the_steps_that_decide() -> None:
    reference = losses()
    loss = reference.copy()
    loss[:, 0] *= 0.8
    loss[:, 1:] *= 1.2
    rule = PromoteConfig.model_validate({"over": (1,)})
    found = compare(loss, reference, rule)
    assert found.standing == "better"
    assert found.words.endswith("400 windows at step 1")


def test_steps_beyond_the_horizon_play_no_part() -> None:
    reference = losses(steps=4)
    rule = PromoteConfig.model_validate({"steps": (1, 5), "over": (5,)})
    found = compare(0.9 * reference, reference, rule)
    assert list(found.by_step) == [1]
    assert found.skill == pytest.approx(0.1)


def test_windows_far_apart_do_not_overlap() -> None:
    reference = losses(n=600)
    loss = reference + noise(600, scale=0.004) - 0.0004
    apart = compare(loss[::10], reference[::10], RULE, spacing=10)
    assert apart.windows == 60
    assert apart.low is not None
    thirty = compare(loss[::20], reference[::20], RULE, spacing=20)
    assert thirty.low is not None  # 30 windows without overlap are enough, 30 with it are not
    assert compare(loss[:30], reference[:30], RULE).low is None


def test_prices_that_do_not_move_are_no_division_by_zero() -> None:
    still = np.zeros((100, 10))
    assert compare(still, still, RULE).relation == "exactly as good as"
    found = compare(still + 0.1, still, RULE)
    assert found.standing == "worse"
    assert found.skill == -1.0


def test_it_is_json_and_comes_back() -> None:
    found = compare(0.9 * losses(), losses(), RULE)
    text = json.dumps(found.figures(), allow_nan=False)
    assert Comparison.model_validate_json(text) == found
