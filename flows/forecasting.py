"""The forecast flow: every promoted model, from the newest bars.

``python -m flows.forecasting`` runs it with the settings' defaults.
"""

from collections.abc import Sequence

from prefect import flow
from prefect.client.schemas.objects import State

from flows.parameters import ForecastParams
from flows.reporting import final_state, publish, with_plots_chosen
from flows.running import run_all
from flows.sharding import Item, Shard, make_shards
from flows.watching import Watch
from ml.config import Settings
from ml.data.atomic import sweep
from ml.inference.promoted import find_promoted
from ml.outcomes import ForecastOutcome
from tasks.forecast import Promoted, failed_forecast, forecast

_DEFAULTS = ForecastParams()
# A forecast takes 20 ms, a third of it waiting for the disk, and a process seconds to start: up to some
# 500 series threads are faster. A lot of a second's work keeps what a task costs to a tenth.
_LOT = 64
_LOTS_FOR_PROCESSES = 9


@flow(name="forecast-universe", flow_run_name="forecast {params.title}, {params.n_steps} steps")
def forecast_universe(params: ForecastParams = _DEFAULTS) -> State[None]:
    """Forecast every promoted series that is asked for.

    Args:
        params: Which series, and how far.
    """
    settings = params.settings()
    promoted, problems = find_promoted(settings, params.tickers, params.intervals)
    settings = with_plots_chosen(settings, len(promoted))
    settings, shards = make_lots([Promoted(key) for key in promoted], settings)
    sweep(settings.predictions_dir)
    with Watch(ForecastOutcome, promoted, problems) as watch:
        steps = {"n_steps": params.n_steps}
        run_all([forecast], shards, settings, watch, failed_forecast, steps)
    summary = watch.summary()
    publish("forecast", summary)
    return final_state(summary, settings.run.max_failed_share)


def make_lots(items: Sequence[Item], settings: Settings) -> tuple[Settings, list[Shard[Item]]]:
    """Cut the series into shards, of 64 unless a size is set, and settle ``runner = auto``."""
    run = settings.run.model_copy(update={"shard_size": settings.run.shard_size or _LOT})
    lots = make_shards(items, run)
    if run.runner == "auto":
        runner = "processes" if len(lots) >= _LOTS_FOR_PROCESSES and run.workers > 1 else "threads"
        run = run.model_copy(update={"runner": runner})
    return settings.model_copy(update={"run": run}), lots


if __name__ == "__main__":
    forecast_universe()
