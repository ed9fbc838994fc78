"""The training flow: discover, shard, then ingest, validate, train and promote each shard.

``python -m flows.training`` runs it with the settings' defaults.
"""

from prefect import flow
from prefect.client.schemas.objects import State

from flows.parameters import TrainParams
from flows.promotions import announce, champion_versions
from flows.reporting import final_state, publish, with_plots_chosen
from flows.running import run_all
from flows.sharding import fleet_shard, make_shards
from flows.watching import Watch
from ml.artifacts.expiry import expired_series
from ml.data.discovery import discover
from ml.evaluation.promotion import failed
from ml.outcomes import TrainOutcome
from tasks.ingest import ingest
from tasks.promote import promote
from tasks.train import train
from tasks.validate import validate

_DEFAULTS = TrainParams()


@flow(name="train-universe", flow_run_name="train {params.title} with {params.train.model}")
def train_universe(params: TrainParams = _DEFAULTS) -> State[None]:
    """Train every series that is asked for, and promote what earns it.

    Args:
        params: Which series, and how to train them.
    """
    params.check_names()
    settings = params.settings()
    discovery = discover(settings.raw_dir, params.tickers, params.intervals)
    settings = with_plots_chosen(settings, len(discovery.series))
    keys = [raw.key for raw in discovery.series]
    old = expired_series(keys, settings)
    series = sorted(discovery.series, key=lambda raw: raw.key not in old)  # otherwise as they were
    shards = make_shards(series, settings.run, fleet_shard(settings.train))
    problems = [problem.failure for problem in discovery.problems]

    before = champion_versions(settings.models_dir, keys)

    with Watch(TrainOutcome, keys, problems) as watch:
        steps = (ingest, validate, train, promote)
        run_all(steps, shards, settings, watch, failed)

    summary = watch.summary()
    publish("training", summary)
    after = champion_versions(settings.models_dir, keys)
    announce(before, after, params.folders.model_dump(mode="json"))
    return final_state(summary, settings.run.max_failed_share)


if __name__ == "__main__":
    train_universe()
