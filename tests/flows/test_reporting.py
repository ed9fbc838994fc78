import pytest

from flows.reporting import MAX_ROWS, final_state, report, table_row, table_rows
from ml.errors import BadSeriesError
from ml.outcomes import Failure, ForecastOutcome, TrainOutcome
from ml.summary import Summary


def test_a_table_of_thousands_is_cut_short_and_what_failed_stays_in_it() -> None:
    failure = Failure.of(BadSeriesError("40% bad"))
    outcomes = [
        ForecastOutcome(ticker=f"T{number:05d}", interval="1d", status="ok") for number in range(5000)
    ]
    outcomes[4321] = ForecastOutcome(ticker="T04321", interval="1d", status="failed", failure=failure)
    shown = table_rows(outcomes)
    assert len(shown) == MAX_ROWS
    assert shown[-1].ticker == "T04321"
    assert table_rows(outcomes[:3]) == outcomes[:3]


def proven(p_value: float | None, p_adjusted: float | None, **fields: object) -> TrainOutcome:
    return TrainOutcome.model_validate(
        {
            "ticker": "AAPL",
            "interval": "1d",
            "status": "promoted",
            "reason": "lstm is better than the random walk",
            "grade": "PASS",
            "model": "lstm",
            "version": "v1",
            "verdict": "better",
            "p_value": p_value,
            "p_adjusted": p_adjusted,
            "proven": True,
            **fields,
        }
    )


@pytest.mark.parametrize(("adjusted", "said"), [(0.04, "yes"), (0.2, "by itself")])
def test_the_table_tells_proof_of_one_from_proof_among_all(adjusted: float, said: str) -> None:
    row = table_row(proven(0.01, adjusted))
    assert (row["verdict"], row["p"], row["p adjusted"]) == ("better", "0.01", f"{adjusted}")
    assert row["proven"] == said


def test_a_report_says_what_may_be_believed() -> None:
    text = report(proven(0.01, 0.04))
    assert "**better** (p = 0.01, 0.04 among all series of the run), proven better." in text
    undecided = proven(0.3, None, verdict="undecided", proven=False)
    assert "**undecided** (p = 0.3), not proven better." in report(undecided)
    few = proven(None, None, verdict="undecided", proven=False)
    assert "**undecided**, too few windows to test." in report(few)
    assert "was not judged against the random walk" in report(few.model_copy(update={"verdict": ""}))


def test_the_final_message_says_how_much_is_proven() -> None:
    state = final_state(Summary.of([proven(0.01, None)], (), 2.0), 0.5)
    assert (
        str(state.message)
        .splitlines()[1]
        .startswith("Proven better than the random walk: 1 of 1 series tested, 1 after the correction")
    )
