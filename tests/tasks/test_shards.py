from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from prefect import flow

from ml.errors import ArtifactWriteError, BadSeriesError, BusySeriesError, TooFewBarsError
from ml.outcomes import Failure, ForecastOutcome, IngestOutcome
from ml.series import SeriesKey
from tasks.forecast import failed_forecast
from tasks.journal import Journal
from tasks.shards import can_pass, over_shard, shard_task


@dataclass(frozen=True)
class Item:
    key: SeriesKey


SHARD = [Item(SeriesKey.of(ticker, "1d")) for ticker in ("A", "B", "C")]


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "journal.jsonl")


def done(item: Item) -> ForecastOutcome:
    return ForecastOutcome(ticker=item.key.ticker, interval="1d", status="ok")


def statuses(outcomes: list[ForecastOutcome]) -> list[str]:
    return [outcome.failure.code if outcome.failure else outcome.status for outcome in outcomes]


def in_a_flow(act: Callable[[], list[ForecastOutcome]]) -> list[ForecastOutcome]:
    @flow
    def around() -> list[ForecastOutcome]:
        return act()

    return around()


def test_an_expected_failure_is_the_outcome_of_its_series_alone(journal: Journal) -> None:
    def step(item: Item) -> ForecastOutcome:
        if item.key.ticker == "B":
            raise TooFewBarsError("expected 100 bars, found 3")
        return done(item)

    assert statuses(over_shard(SHARD, step, failed_forecast, journal)) == ["ok", "TF021", "ok"]


def test_a_lasting_oserror_is_no_reason_to_try_again(journal: Journal) -> None:
    def step(item: Item) -> ForecastOutcome:
        raise FileNotFoundError("gone") if item.key.ticker == "B" else OSError("busy")

    outcomes = over_shard(SHARD, step, failed_forecast, journal)
    assert statuses(outcomes) == ["TF030", "TF000", "TF030"]
    assert [can_pass(outcome.failure) for outcome in outcomes if outcome.failure] == [True, False, True]


def test_a_stopped_run_ends_with_the_series_that_is_done(journal: Journal) -> None:
    def step(item: Item) -> ForecastOutcome:
        if item.key.ticker == "B":
            journal.stop()
            journal.check()
        return done(item)

    outcomes = over_shard(SHARD, step, failed_forecast, journal)
    assert [outcome.ticker for outcome in outcomes] == ["A"]


def test_bad_data_cannot_pass_and_a_busy_series_can() -> None:
    assert can_pass(Failure.of(BusySeriesError("held")))
    assert can_pass(Failure.of(ArtifactWriteError("disk full")))
    assert not can_pass(Failure.of(BadSeriesError("40% bad")))


@pytest.mark.usefixtures("prefect_server")
def test_a_defect_in_one_series_is_logged_and_takes_nothing_with_it(
    journal: Journal, caplog: pytest.LogCaptureFixture
) -> None:
    @shard_task
    def odd(shard: list[Item], journal: Journal, label: str) -> list[ForecastOutcome]:
        def step(item: Item) -> ForecastOutcome:
            return done(item) if item.key.ticker != "B" else 1 / 0  # type: ignore[return-value]

        return over_shard(shard, step, failed_forecast, journal)

    outcomes = in_a_flow(lambda: odd(SHARD, journal, "A and 2 more"))
    assert statuses(outcomes) == ["ok", "TF000", "ok"]
    assert "ZeroDivisionError" in str(outcomes[1].failure)
    assert any(record.exc_info and "B 1d" in record.getMessage() for record in caplog.records)


@pytest.mark.usefixtures("prefect_server")
def test_what_can_pass_is_tried_again_and_what_is_done_is_not(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []

    @shard_task
    def flaky(shard: list[Item], journal: Journal, label: str) -> list[ForecastOutcome]:
        def step(item: Item) -> ForecastOutcome:
            calls.append(item.key.ticker)
            if item.key.ticker == "A":
                raise TooFewBarsError("never enough")
            if item.key.ticker == "B" and calls.count("B") < 3:
                raise BusySeriesError("held by another process")
            return done(item)

        return over_shard(shard, step, failed_forecast, journal)

    quick = flaky.with_options(retry_delay_seconds=0.01)
    assert statuses(in_a_flow(lambda: quick(SHARD, journal, "x"))) == ["TF021", "ok", "ok"]
    assert calls == ["A", "B", "C", "B", "B"]


@pytest.mark.usefixtures("prefect_server")
def test_a_failure_that_an_earlier_step_handed_on_is_not_tried_again(journal: Journal) -> None:
    calls = []
    failure = Failure.of(BusySeriesError("held"))
    rejected = IngestOutcome(ticker="A", interval="1d", status="rejected", failure=failure)

    @shard_task
    def hand_on(shard: list[IngestOutcome], journal: Journal, label: str) -> list[ForecastOutcome]:
        def step(item: IngestOutcome) -> ForecastOutcome:
            calls.append(item.ticker)
            assert item.failure is not None
            return failed_forecast(item.key, item.failure)

        return over_shard(shard, step, failed_forecast, journal)

    assert statuses(in_a_flow(lambda: hand_on([rejected], journal, "x"))) == ["TF051"]
    assert calls == ["A"]
