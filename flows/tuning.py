"""The tuning flow: a study for each series, or one for a group of them.

``python -m flows.tuning`` runs it with the settings' defaults.
"""

from prefect import flow
from prefect.client.schemas.objects import State

from flows.parameters import TuneParams
from flows.reporting import final_state, publish
from flows.running import run_all
from flows.sharding import Shard
from flows.watching import Watch
from ml.data.discovery import discover
from ml.outcomes import TuneOutcome
from ml.tuning.targets import make_targets
from ml.tuning.tune import failed_tuning
from tasks.tune import tune

_DEFAULTS = TuneParams()


@flow(name="tune-universe", flow_run_name="tune {params.title}")
def tune_universe(params: TuneParams = _DEFAULTS) -> State[None]:
    """Search for a configuration that is better than the defaults; the next training uses it.

    Args:
        params: Which series, together or each by itself, and what is tried.
    """
    settings = params.settings()
    discovery = discover(settings.raw_dir, params.tickers, params.intervals)
    targets = make_targets(discovery.series, settings.tune.group)
    problems = [problem.failure for problem in discovery.problems]
    # A study takes a minute: a task for each.
    shards = [Shard((target,)) for target in targets]

    with Watch(TuneOutcome, [target.key for target in targets], problems) as watch:
        run_all([tune], shards, settings, watch, failed_tuning)

    summary = watch.summary()
    publish("tuning", summary)
    return final_state(summary, settings.run.max_failed_share)


if __name__ == "__main__":
    tune_universe()
