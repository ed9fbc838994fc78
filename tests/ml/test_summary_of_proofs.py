"""What a run of many series says about proof: each p-value beside the one corrected for their number."""

import pytest
from scipy.stats import false_discovery_control

from ml.outcomes import ForecastOutcome, TrainOutcome
from ml.summary import Summary, adjusted


def trained(ticker: str, p_value: float | None, level: float = 0.05) -> TrainOutcome:
    proven = p_value is not None and p_value <= level
    return TrainOutcome(
        ticker=ticker,
        interval="1d",
        status="promoted",
        reason="made up",
        grade="PASS" if proven else "WARN",
        verdict="better" if proven else "undecided",
        p_value=p_value,
        level=level,
        proven=proven,
    )


P_VALUES = (0.001, 0.03, 0.04, 0.2, 0.6, 0.9)


def test_p_values_are_adjusted_over_all_series_of_the_run() -> None:
    outcomes = [trained(f"T{number}", p) for number, p in enumerate(P_VALUES)]
    found = [outcome.p_adjusted for outcome in adjusted(outcomes) if isinstance(outcome, TrainOutcome)]
    assert found == pytest.approx(false_discovery_control(P_VALUES).tolist())


def test_of_many_positives_by_chance_few_stay_proven() -> None:
    summary = Summary.of([trained(f"T{n}", p) for n, p in enumerate(P_VALUES)], (), 1.0)
    assert summary.proofs == {"tested": 6, "proven": 3, "proven_among_all": 1}
    assert summary.proof() == (
        "Proven better than the random walk: 3 of 6 series tested, 1 after the correction for their "
        "number (Benjamini-Hochberg)"
    )


def test_a_series_with_too_few_windows_was_not_tested_and_does_not_count() -> None:
    summary = Summary.of([trained("A", 0.04), trained("B", None)], (), 1.0)
    assert summary.proofs == {"tested": 1, "proven": 1, "proven_among_all": 1}
    untested = [outcome for outcome in summary.outcomes if outcome.ticker == "B"]
    assert [outcome.p_adjusted for outcome in untested if isinstance(outcome, TrainOutcome)] == [None]


def test_each_series_keeps_to_its_own_level() -> None:
    summary = Summary.of([trained("A", 0.02, level=0.01), trained("B", 0.02, level=0.05)], (), 1.0)
    assert summary.proofs == {"tested": 2, "proven": 1, "proven_among_all": 1}


def test_a_run_without_trainings_says_nothing_about_proof() -> None:
    forecast = ForecastOutcome(ticker="A", interval="1d", status="ok")
    assert Summary.of([forecast], (), 1.0).proof() == ""
    assert Summary.of([], (), 1.0).proof() == ""
