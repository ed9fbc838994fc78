"""The scoring flow: every past forecast, against the bars that have come since.

``python -m flows.scoring`` runs it with the settings' defaults.
"""

from prefect import flow
from prefect.client.schemas.objects import State

from flows.alarms import announce_lost
from flows.forecasting import make_lots
from flows.parameters import ScoreParams
from flows.promotions import announce
from flows.reporting import final_state, publish
from flows.running import run_all
from flows.watching import Watch
from ml.ledger.finding import find_forecast
from ml.outcomes import ScoreOutcome
from tasks.score import Forecast, failed_score, score

_DEFAULTS = ScoreParams()


@flow(name="score-universe", flow_run_name="score {params.title}")
def score_universe(params: ScoreParams = _DEFAULTS) -> State[None]:
    """Judge every series that was ever forecast, and say which models have lost their skill.

    Args:
        params: Which series, and when a champion is found wanting.
    """
    settings = params.settings()
    keys, problems = find_forecast(settings, params.tickers, params.intervals)
    settings, shards = make_lots([Forecast(key) for key in keys], settings)
    with Watch(ScoreOutcome, keys, problems) as watch:
        run_all([score], shards, settings, watch, failed_score)
    summary = watch.summary()
    publish("score", summary)
    folders = params.folders.model_dump(mode="json")
    scored = [outcome for outcome in summary.outcomes if isinstance(outcome, ScoreOutcome)]
    # A baseline that took over is forecast with at once, as after any promotion.
    announce({}, {outcome.key: outcome.demoted for outcome in scored if outcome.demoted}, folders)
    announce_lost(settings.predictions_dir, keys, folders)
    return final_state(summary, settings.run.max_failed_share)


if __name__ == "__main__":
    score_universe()
