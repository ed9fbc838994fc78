"""The commands of ``tickerflow``. Heavy imports wait until a command needs them: --help is quick."""

import importlib
import os
from pathlib import Path
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Annotated, Any

import typer

from apps.champions import models_app
from apps.inspecting import add_inspection, config_app
from apps.options import Call, command
from ml.errors import TickerflowError, UsageError
from ml.importing import without_collector

if TYPE_CHECKING:
    from prefect import Flow
    from prefect.client.schemas.objects import State

    from apps.console import RunDisplay
    from ml.data.discovery import Discovery

# The flow that a command runs, and what it takes; by name, for importing one takes seconds.
_FLOWS = {
    "train": ("flows.training:train_universe", "flows.parameters:TrainParams"),
    "evaluate": ("flows.evaluating:evaluate_universe", "flows.parameters:EvaluateParams"),
    "tune": ("flows.tuning:tune_universe", "flows.parameters:TuneParams"),
    "forecast": ("flows.forecasting:forecast_universe", "flows.parameters:ForecastParams"),
    "score": ("flows.scoring:score_universe", "flows.parameters:ScoreParams"),
}

app = typer.Typer(
    name="tickerflow",
    help="From a folder of OHLCV CSV files to trained, judged and promoted forecasting models.",
    epilog="Exit status: 0 all series done, 1 some failed (the others are done), 2 wrong use; "
    "130 Ctrl-C, 143 SIGTERM: what is finished stays.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


@command(
    app,
    ["ingest", "run"],
    series=True,
    report=True,
    # Nothing is trained, and Prefect has no part in it.
    without=(
        "runner",
        "shard_size",
        "fleet_size",
        "max_failed_share",
        "plots",
        "skip_unchanged",
        "use_tuned",
    ),
)
def ingest(call: Call) -> int:
    """Read, normalise and validate the raw CSVs; writes parquet files of bars."""
    from apps.ingesting import ingest_all
    from apps.runs import Run
    from ml.data.discovery import discover

    found = discover(call.settings.raw_dir, call.tickers, call.intervals)
    run = Run(call, "ingest", "reading")
    with run.showing() as display:
        display.found([raw.key for raw in found.series], [problem.failure for problem in found.problems])
        for outcome in ingest_all(found.series, call.settings):
            display.finished(outcome)
    return run.finish()


@command(
    app,
    ["train", "promote", "watch", "run", "ingest"],
    series=True,
    report=True,
    without=("min_forecasts", "demote"),
)
def train(call: Call) -> int:
    """Ingest, train, evaluate and promote, under Prefect."""
    from apps.runs import Run

    found = _check_training(call)
    run = Run(call, "train", "starting Prefect")
    with run.showing() as display:
        display.found([raw.key for raw in found.series], [problem.failure for problem in found.problems])
        _run_universe(call, display, "train", len(found.series))
    return run.finish()


@command(
    app,
    ["evaluate", "train", "run", "ingest"],
    series=True,
    report=True,
    without=(
        "mode",
        "model",
        "features",
        "models",
        "feature_sets",
        "skip_unchanged",
        "plots",
        "use_tuned",
    ),
)
def evaluate(
    call: Call,
    models: Annotated[
        list[str],
        typer.Option("--model", help="Architectures, separated by commas or repeated; none means all"),
    ] = [],  # noqa: B006  # typer makes a list of its own
    feature_sets: Annotated[
        list[str],
        typer.Option(
            "--feature-set",
            metavar="NAME=FEATURE,...",
            help="A feature set, repeatable; by default close=close and default=, the default features",
        ),
    ] = [],  # noqa: B006
    page: Annotated[
        Path | None,
        typer.Option("--page", help="Write the leaderboard as markdown to this file, a PNG beside it"),
    ] = None,
) -> int:
    """Compare architectures and feature sets walk-forward, side by side; promotes nothing."""
    from apps.evaluating import check_evaluation, show_leaderboard, with_contenders
    from apps.runs import Run

    call = with_contenders(call, models, feature_sets)
    found = check_evaluation(call, page)
    run = Run(call, "evaluate", "starting Prefect")
    with run.showing() as display:
        display.found([raw.key for raw in found.series], [problem.failure for problem in found.problems])
        _run_universe(call, display, "evaluate", len(found.series))
    try:
        run.extra["leaderboard"] = show_leaderboard(call, run.display.outcomes, page)
    except TickerflowError:
        run.finish()  # the report of what was done, all the same
        raise
    return run.finish()


@command(
    app,
    ["tune", "train", "run", "ingest"],
    series=True,
    report=True,
    without=("mode", "skip_unchanged", "use_tuned", "shard_size", "fleet_size"),
)
def tune(call: Call) -> int:
    """Search for a configuration that is better than the defaults, for each series or for a group."""
    from apps.runs import Run
    from apps.tuning import check_tuning, print_tuning

    found, targets = check_tuning(call)
    run = Run(call, "tune", "starting Prefect")
    with run.showing() as display:
        display.found(targets, [problem.failure for problem in found.problems])
        _run_universe(call, display, "tune", len(targets))
    print_tuning(run.summary, to_stderr=call.json)
    return run.finish()


@command(
    app,
    ["watch", "ingest", "run"],
    series=True,
    report=True,
    without=("level", "min_forecasts", "demote", "skip_unchanged", "use_tuned"),
)
def forecast(
    call: Call,
    steps: Annotated[int, typer.Option("--steps", min=1, max=500, help="Bars to forecast")] = 10,
) -> int:
    """Forecast every promoted series: a CSV, a JSON and a plot for each."""
    from apps.runs import Run
    from ml.inference.promoted import find_promoted

    found = find_promoted(call.settings, call.tickers, call.intervals)
    run = Run(call, "forecast", "starting Prefect")
    with run.showing() as display:
        display.found(*found)
        _run_universe(call, display, "forecast", n_steps=steps)
    return run.finish()


@command(
    app,
    ["watch", "ingest", "run"],
    series=True,
    report=True,
    without=("max_age_days", "max_age_bars", "skip_unchanged", "plots", "use_tuned"),
)
def score(call: Call) -> int:
    """Judge past forecasts against the bars that have come since; demotes what has lost its skill."""
    from apps.runs import Run
    from apps.scoring import print_scores
    from ml.ledger.finding import find_forecast

    found = find_forecast(call.settings, call.tickers, call.intervals)
    run = Run(call, "score", "starting Prefect")
    with run.showing() as display:
        display.found(*found)
        _run_universe(call, display, "score")
    if not call.json:
        print_scores(run.display.outcomes)
    return run.finish()


@command(app, ["train", "promote", "run"])
def demo(call: Call) -> int:
    """Train and forecast the sample series that ship with Tickerflow."""
    from apps.demo import STEPS, on_samples, print_demo
    from apps.runs import Run

    call = on_samples(call)
    found = _check_training(call)
    training, forecasting = Run(call, "train", "starting Prefect"), Run(call, "forecast", "forecasting")
    with training.showing() as display:
        display.say(f"[1/2] training the series of {call.settings.raw_dir}")
        display.found([raw.key for raw in found.series], [problem.failure for problem in found.problems])
        _run_universe(call, display, "train", len(found.series))
    if training.interrupted is not None:
        return training.finish()
    with forecasting.showing() as display:
        display.say(f"[2/2] forecasting {STEPS} bars")
        _run_universe(call, display, "forecast", n_steps=STEPS)
    print_demo(training.summary, forecasting.summary, as_json=call.json)
    display.say(f"training:    {training.summary.line()}")
    display.say(f"forecasting: {forecasting.summary.line()}")
    display.say("next: tickerflow models show AAPL, or put your own CSVs beside the samples")
    return max(training.status, forecasting.status)


@command(app, ["up", "api"])
def up(call: Call) -> int:
    """Start everything on this machine: Prefect, a worker, the HTTP service and the dashboard."""
    from apps.up.command import start_all

    return start_all(call)


app.add_typer(models_app, name="models")
app.add_typer(config_app, name="config")
add_inspection(app)


def _run_universe(
    call: Call, display: "RunDisplay", command: str, n_series: int = 1, **more: Any
) -> None:
    """Run the flow of a command over the series that were called for."""
    _start_prefect(call, display, n_series)
    flow, parameters = map(resolve_name, _FLOWS[command])
    _run_flow(flow, parameters.of(call.settings, call.tickers, call.intervals, **more), display)


def _check_training(call: Call) -> "Discovery":
    """Say what is wrong with the call at once, not after Prefect has started; return what is there."""
    from ml.config import check_over
    from ml.data.discovery import discover
    from ml.features.indicators import feature_columns

    found = discover(call.settings.raw_dir, call.tickers, call.intervals)
    train = call.settings.train
    if train.features is not None:
        feature_columns(train.features)
    check_over(train, call.settings.promote)
    if train.device == "cuda":
        from ml.training.device import choose_device

        choose_device("cuda")
    return found


def _start_prefect(call: Call, display: "RunDisplay", n_series: int = 1) -> None:
    """Look for Prefect's API, or start its temporary server, and import what trains in the meantime."""
    if not call.debug:  # the display says what Prefect's console log would
        os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")
    # Sets the defaults of Prefect's settings; what the worker processes need is imported there.
    from flows.workshop import start_workshop, uses_processes

    if uses_processes(call.settings.run, n_series):
        start_workshop()
    problem = _serve_prefect()
    if problem:
        raise UsageError(
            f"expected Prefect's API to answer: {problem}",
            hint="start it (prefect server start), or unset PREFECT_API_URL for a temporary one",
        )
    display.status("running")


def _serve_prefect() -> str:
    """Make sure that Prefect's API answers; why it does not, empty where it does."""
    with without_collector():
        from prefect.settings import get_current_settings

    settings = get_current_settings()
    if settings.api.url is not None:
        from apps.doctor import server_problem

        _import_flows()
        return server_problem()
    if not settings.server.ephemeral.enabled:
        return "PREFECT_API_URL is not set, and temporary servers are switched off"
    from apps.serving import TemporaryServer, name_api

    server = TemporaryServer()
    name_api(server.api_url)
    _import_flows()
    return server.problem(settings.server.ephemeral.startup_timeout_seconds)


def _import_flows() -> None:
    with without_collector():
        importlib.import_module("flows.training")


def _run_flow(flow: "Flow[..., State[None]]", params: Any, display: "RunDisplay") -> None:
    """Run a flow in this process; the display is told what happens in it."""
    from prefect.exceptions import Abort, FailedRun
    from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

    from flows.watching import watcher

    token = watcher.set(display)
    try:
        # A heartbeat is for runs that somebody else watches; it costs a second at the end.
        with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
            state: State[None] = flow(params, return_state=True)
    except Abort as abort:
        display.say(f"the run {abort}, in Prefect")
        raise KeyboardInterrupt from abort
    finally:
        watcher.reset(token)
    if not state.is_failed():
        return
    error = state.result(raise_on_failure=False)
    if not display.is_complete:
        raise error if isinstance(error, Exception) else RuntimeError(state.message)
    # A FailedRun only says that too many series failed, which the display has told.
    if isinstance(error, Exception) and not isinstance(error, FailedRun):
        display.failed_afterwards(error)
