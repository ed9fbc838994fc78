"""The forecast flow: every promoted model, from the newest bars.

``python -m flows.forecasting`` runs it with the settings' defaults.
"""

from prefect import flow
from prefect.client.schemas.objects import State

from flows.parameters import ForecastParams
from flows.reporting import final_state, publish
from flows.running import run_all
from flows.sharding import make_shards
from flows.watching import Watch
from ml.data.atomic import sweep
from ml.inference.promoted import find_promoted
from ml.outcomes import ForecastOutcome
from tasks.forecast import Promoted, failed_forecast, forecast

_DEFAULTS = ForecastParams()
# A forecast takes a second with its plot: fewer shards are not worth processes.
_MANY = 12


@flow(name="forecast-universe", flow_run_name="forecast {params.title}, {params.n_steps} steps")
def forecast_universe(params: ForecastParams = _DEFAULTS) -> State[None]:
    """Forecast every promoted series that is asked for.

    Args:
        params: Which series, and how far.
    """
    settings = params.settings()
    promoted, problems = find_promoted(settings, params.tickers, params.intervals)
    shards = make_shards([Promoted(key) for key in promoted], settings.run)
    sweep(settings.predictions_dir)
    with Watch(ForecastOutcome, promoted, problems) as watch:
        run_all([forecast], shards, settings, watch, failed_forecast, {"n_steps": params.n_steps}, _MANY)
    summary = watch.summary()
    publish("forecast", summary)
    return final_state(summary, settings.run.max_failed_share)


if __name__ == "__main__":
    forecast_universe()
