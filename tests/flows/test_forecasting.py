from typing import Any, Literal

import pytest

from flows.forecasting import make_lots
from flows.reporting import MAX_REPORTS, with_plots_chosen
from ml.config import RunConfig, Settings
from ml.series import SeriesKey
from tasks.forecast import Promoted


def made(series: int, **run: Any) -> tuple[RunConfig, list[int]]:
    keys = [SeriesKey.of(f"T{number}", "1d") for number in range(series)]
    settings, lots = make_lots([Promoted(key) for key in keys], Settings(run=RunConfig(**run)))
    assert [item.key for lot in lots for item in lot.items] == keys
    return settings.run, [len(lot.items) for lot in lots]


@pytest.mark.parametrize(
    ("series", "sizes", "runner"),
    [(3, [3], "threads"), (256, [64] * 4, "threads"), (600, [64] * 9 + [24], "processes")],
)
def test_a_universe_is_a_few_task_runs_and_worth_processes_only_where_it_is_large(
    series: int, sizes: list[int], runner: str
) -> None:
    run, lots = made(series, workers=2)
    assert lots == sizes
    assert run.runner == runner
    assert made(series, workers=1)[0].runner == "threads"


def test_the_size_of_a_lot_and_the_runner_can_be_set() -> None:
    run, lots = made(5, shard_size=2, runner="processes")
    assert lots == [2, 2, 1]
    assert run.runner == "processes"


@pytest.mark.parametrize(
    ("asked", "series", "plots"),
    [
        ("auto", MAX_REPORTS, "always"),
        ("auto", MAX_REPORTS + 1, "never"),
        ("always", MAX_REPORTS + 1, "always"),
        ("never", 1, "never"),
    ],
)
def test_pictures_are_drawn_where_a_report_shows_them(
    asked: Literal["auto", "always", "never"], series: int, plots: str
) -> None:
    settings = Settings(run=RunConfig(plots=asked))
    assert with_plots_chosen(settings, series).run.plots == plots
