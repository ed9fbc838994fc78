"""``tickerflow demo``: the sample series, and the table in the end."""

import json
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.table import Table

from apps.options import Call
from apps.report import series_rows
from ml.outcomes import ForecastOutcome, TrainOutcome
from ml.series import SeriesKey
from ml.summary import Summary

SAMPLES = Path(__file__).resolve().parent.parent / "data-pipelines/feature_stores/data/raw"
TICKERS = ("AAPL", "BTCUSD", "GBPUSD", "MSFT", "XOM")
STEPS = 10


def on_samples(call: Call) -> Call:
    """The call, for the samples alone: the user's own files may lie beside them."""
    if "raw_dir" in call.overrides:
        return call
    settings = call.settings.model_copy(update={"raw_dir": SAMPLES})
    return replace(call, settings=settings, tickers=TICKERS)


def print_demo(training: Summary, forecasting: Summary, *, as_json: bool) -> None:
    """A row for each series, then where its files are."""
    if as_json:
        document = {
            "schema": "tickerflow.demo",
            "schema_version": 1,
            "train": series_rows("train", training),
            "forecast": series_rows("forecast", forecasting),
        }
        print(json.dumps(document, indent=1))  # noqa: T201
        return
    trained = {o.key: o for o in training.outcomes if isinstance(o, TrainOutcome)}
    forecasts = sorted(
        (o for o in forecasting.outcomes if isinstance(o, ForecastOutcome)), key=lambda o: o.key
    )
    console = Console(highlight=False, markup=False)
    console.print(_table(trained, forecasts))
    for outcome in forecasts:
        for path in (outcome.csv_path, outcome.plot_path):
            if path:
                console.print(f"{outcome.key!s:<12} {path}", soft_wrap=True)


def _table(trained: dict[SeriesKey, TrainOutcome], forecasts: list[ForecastOutcome]) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in ("series", "model", "skill vs random walk", "decision", f"in {STEPS} bars"):
        table.add_column(name, no_wrap=True, overflow="fold")
    for outcome in forecasts:
        training = trained.get(outcome.key)
        skill = "" if outcome.skill is None else f"{outcome.skill:+.2%}"
        if outcome.skill is not None and not outcome.proven:
            skill += " (no better)" if outcome.skill <= 0 else " (not proven)"
        price = "failed"
        if outcome.forecast is not None and outcome.last_close is not None:
            change = outcome.forecast / outcome.last_close - 1
            price = f"{outcome.forecast:.6g} ({change:+.2%})"
        decision = training.status if training else ""
        table.add_row(str(outcome.key), outcome.model, skill, decision, price)
    return table
