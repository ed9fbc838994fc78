from flows.reporting import MAX_ROWS, table_rows
from ml.errors import BadSeriesError
from ml.outcomes import Failure, ForecastOutcome


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
