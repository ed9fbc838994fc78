"""The evaluation flow: ingest and validate each shard, then evaluate it walk-forward.

``python -m flows.evaluating`` runs it with the settings' defaults.
"""

from prefect import flow
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.client.schemas.objects import State

from flows.parameters import EvaluateParams
from flows.reporting import final_state, image
from flows.running import run_all
from flows.sharding import make_shards
from flows.watching import Watch
from ml.backtesting.contenders import contenders
from ml.backtesting.evaluation import failed_evaluation
from ml.backtesting.page import page
from ml.backtesting.report import Report, conclude
from ml.backtesting.store import EvaluationStore
from ml.config import Settings
from ml.data.discovery import discover
from ml.outcomes import EvaluateOutcome
from ml.summary import Summary
from ml.training.engine import is_fleet
from tasks.evaluate import evaluate
from tasks.ingest import ingest
from tasks.validate import validate

_DEFAULTS = EvaluateParams()
# With four folds of each a fleet of 32, and few enough that the workers end at about the same time.
_FLEET_SHARD = 8


@flow(name="evaluate-universe", flow_run_name="evaluate {params.title}")
def evaluate_universe(params: EvaluateParams = _DEFAULTS) -> State[None]:
    """Compare architectures and feature sets on every series that is asked for; nothing is promoted.

    Args:
        params: Which series, which contenders, and on which stretches.
    """
    settings = params.settings()
    roster = contenders(settings.evaluate, settings.train)
    EvaluationStore(settings.evaluate.output).open()
    discovery = discover(settings.raw_dir, params.tickers, params.intervals)
    trains_together = any(is_fleet(contender.config) for contender in roster)
    shards = make_shards(discovery.series, settings.run, _FLEET_SHARD if trains_together else 0)
    keys = [raw.key for raw in discovery.series]
    problems = [problem.failure for problem in discovery.problems]

    with Watch(EvaluateOutcome, keys, problems) as watch:
        run_all((ingest, validate, evaluate), shards, settings, watch, failed_evaluation)

    summary = watch.summary()
    _publish(summary, settings)
    return final_state(summary, settings.run.max_failed_share)


def _publish(summary: Summary, settings: Settings) -> None:
    """Write the leaderboard, and show it as artifacts."""
    done = [outcome.key for outcome in summary.outcomes if outcome.status == "ok"]
    report = conclude(settings, done)
    if report is None or not report.board.series:
        return
    create_table_artifact(report.board.rows(), key="evaluation-leaderboard", description=summary.line())
    create_markdown_artifact(
        _with_picture(report, settings), key="evaluation", description=summary.line()
    )


def _with_picture(report: Report, settings: Settings) -> str:
    text = page(report.board, report.figures, settings)
    return f"{text}\n{image(report.picture)}\n" if report.picture else text


if __name__ == "__main__":
    evaluate_universe()
