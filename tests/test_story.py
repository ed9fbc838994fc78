"""The life of one series, played with real flows on a real Prefect server.

Train, promote, forecast as bars arrive, score; then the market turns against the model: its live skill
collapses, an event says so, the champion is demoted to the random walk, the event's training runs, and
the user goes back. Every step stands in the history.
"""

import json
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd
import pytest
import yaml
from numpy.typing import NDArray
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterId
from prefect.client.schemas.objects import State
from prefect.deployments.runner import RunnerDeployment
from prefect.events import DeploymentEventTrigger
from typer.testing import CliRunner

from apps.commands import app
from flows.alarms import EVENT
from flows.forecasting import forecast_universe
from flows.parameters import ForecastParams, ScoreParams, TrainParams
from flows.promotions import EVENT as PROMOTED
from flows.scoring import score_universe
from flows.training import train_universe
from flows.watching import watcher
from ml.artifacts.store import ModelStore
from ml.inference.service import ForecastService
from ml.inference.writing import forecast_series
from ml.ledger.past import live_score
from ml.outcomes import ScoreOutcome
from ml.series import SeriesKey
from tests.flows.watchers import Recorder
from tests.waiting import until

pytestmark = pytest.mark.usefixtures("prefect_server")

COIN = SeriesKey.of("COIN", "1d")
TRAINING = {
    "model": "gru",
    "seq_len": 8,
    "horizon": 2,
    "epochs": 12,
    "hidden_size": 8,
    "features": ["close"],
    "learning_rate": 0.005,
    "chunk": 8,
}
WATCH = {"min_forecasts": 14, "level": 0.05}
BARS = 700


def returns(count: int, seed: int, phi: float = 0.6) -> NDArray[np.float64]:
    """AR(1) log returns: a signal that can be learnt."""
    shocks = np.random.default_rng(seed).normal(0, 0.01, count)
    found = np.zeros(count)
    for at in range(1, count):
        found[at] = phi * found[at - 1] + shocks[at]
    return found


class World:
    """The raw file of one series, and the flows over it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.close = 100 * np.exp(np.cumsum(returns(BARS, seed=3)))
        self.store = ModelStore(root / "models")
        self.service = ForecastService.of(ForecastParams.model_validate(self.params()).settings())
        self.write()

    def write(self) -> None:
        """The raw file as the vendor writes it, up to the last bar."""
        opened = np.concatenate([self.close[:1], self.close[:-1]])
        days = pd.date_range("2020-01-01", periods=len(self.close), freq="D")
        frame = pd.DataFrame(
            {
                "Date": days.strftime("%Y-%m-%d"),
                "Open": opened,
                "High": np.maximum(opened, self.close) * 1.001,
                "Low": np.minimum(opened, self.close) * 0.999,
                "Close": self.close,
                "Volume": 1000.0,
            }
        )
        (self.root / "raw").mkdir(exist_ok=True)
        frame.to_csv(self.root / "raw" / "COIN_1d.csv", index=False)

    def arrive(self, change: float) -> None:
        """One more bar."""
        self.close = np.append(self.close, self.close[-1] * np.exp(change))
        self.write()

    def params(self, **more: Any) -> dict[str, Any]:
        """Of a run in this world's folders."""
        folders = {
            f"{name}_dir": str(self.root / name) for name in ("raw", "store", "models", "predictions")
        }
        return {"folders": folders, "run": {"runner": "threads", "workers": 1, "plots": "never"}, **more}

    def forecast(self) -> float:
        """Forecast from the last bar, without the flow around it; the change that is expected next."""
        outcome = forecast_series(COIN, self.service.settings, 2, self.service)
        assert outcome.failure is None, outcome.failure
        csv = pd.read_csv(outcome.csv_path)
        return float(np.log(csv["forecast"].iloc[0] / self.close[-1]))

    def score(self) -> ScoreOutcome:
        """Run the scoring flow; what it found of the series."""
        recorder = Recorder()
        token = watcher.set(recorder)
        try:
            given = ScoreParams.model_validate(self.params(watch=WATCH))
            state: State[Any] = score_universe(given, return_state=True)
        finally:
            watcher.reset(token)
        assert state.is_completed(), state.message
        (outcome,) = recorder.outcomes
        assert isinstance(outcome, ScoreOutcome)
        assert outcome.failure is None, outcome.failure
        return outcome

    def command(self, *words: str) -> str:
        """What a command prints."""
        folders = [
            f"--{name}-dir={self.root / name}" for name in ("raw", "store", "models", "predictions")
        ]
        result = CliRunner().invoke(app, [*words, *folders], catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.stdout

    def champion(self) -> tuple[str, str]:
        """Version and architecture of what serves."""
        meta = self.store.champion_meta(COIN)
        assert meta is not None
        return meta.version, meta.model

    def verdicts(self) -> list[str]:
        """What the history says happened, oldest first."""
        return [life.event.verdict for life in reversed(self.store.life(COIN)) if life.event is not None]


def events_named(name: str, resource: str, count: int = 1) -> list[dict[str, Any]]:
    """So many events of the server, or more; it takes a while until they can be read."""
    body = {"filter": {"event": {"name": [name]}, "related": {"id": [resource]}}}
    found: list[dict[str, Any]] = []
    with get_client(sync_client=True) as client:

        def are_there() -> bool:
            found[:] = client._client.post("/events/filter", json=body).json()["events"]
            return len(found) >= count

        until(are_there)
    return found


def deployed(name: str) -> UUID:
    """Deploy the training as prefect.yaml does, its automation with it; nobody runs what that starts."""
    path = Path(__file__).resolve().parents[1] / "prefect.yaml"
    deployments = yaml.safe_load(path.read_text(encoding="utf-8"))["deployments"]
    ((trigger,),) = (each["triggers"] for each in deployments if each["name"] == name)
    deployment = train_universe.to_deployment(
        name, triggers=[DeploymentEventTrigger.model_validate(trigger)], enforce_parameter_schema=True
    )
    assert isinstance(deployment, RunnerDeployment)
    identity = deployment.apply()
    assert isinstance(identity, UUID)
    return identity


def started(deployment: UUID) -> list[dict[str, Any]]:
    """The parameters of the runs that an automation has started; it takes a while until it has."""
    of_it = DeploymentFilter(id=DeploymentFilterId(any_=[deployment]))
    found: list[dict[str, Any]] = []
    with get_client(sync_client=True) as client:

        def are_there() -> bool:
            runs = client.read_flow_runs(deployment_filter=of_it)
            found[:] = [run.parameters["params"] for run in runs]
            return bool(found)

        until(are_there)
    return found


def test_a_model_is_trusted_found_wanting_and_replaced_and_all_of_it_is_told(
    tmp_path: Path,
) -> None:
    world, after_collapse = World(tmp_path), deployed("after-collapse")

    # A series with a signal is trained, and what it learns is proven.
    trained: State[Any] = train_universe(
        TrainParams.model_validate(world.params(train=TRAINING)), return_state=True
    )
    assert trained.is_completed(), trained.message
    proven, model = world.champion()
    assert model == "gru"
    meta = world.store.champion_meta(COIN)
    assert meta is not None
    assert meta.decision is not None
    assert meta.decision.proven

    # It forecasts, the first time by the flow; bars arrive that go on as before.
    given = ForecastParams.model_validate(world.params(n_steps=2))
    assert forecast_universe(given, return_state=True).is_completed()
    later = returns(200, seed=11)
    for change in later[100:116].tolist():
        world.arrive(change)
        world.forecast()
    fair = world.score()
    assert (fair.forecasts, fair.late, fair.alarms, fair.demoted) == (17, 0, (), "")
    assert fair.version == proven

    # The market turns against it: whatever it forecasts, the price goes the other way.
    for _ in range(26):
        expected = world.forecast()
        world.arrive(-np.sign(expected) * (0.005 + 2 * abs(expected)))
    lost = world.score()
    assert lost.standing == "worse"
    assert lost.skill is not None
    assert lost.skill < 0
    assert "skill" in lost.alarms
    # By policy it is demoted at once ...
    baseline, model = world.champion()
    assert (lost.demoted, model) == (baseline, "naive")
    # ... and one event says what is lost, and how to train again.
    (event,) = events_named(EVENT, "tickerflow.model.COIN_1d")
    assert {(each["series"], each["version"]) for each in event["payload"]["lost"]} == {
        ("COIN_1d", proven)
    }

    # The baseline forecasts in its place: the event of any promotion says so.
    told_of = [  # the promotion of the first model came before
        each["payload"]["versions"] for each in events_named(PROMOTED, "tickerflow.model.COIN_1d", 2)
    ]
    assert {"COIN_1d": baseline} in told_of

    # Scoring again says the same, and starts nothing again.
    again = world.score()
    assert (again.alarms, again.demoted, again.steps) == ((), "", lost.steps)
    assert len(events_named(EVENT, "tickerflow.model.COIN_1d")) == 1

    # The automation has asked for one training, of this series in these folders. It runs.
    (asked,) = started(after_collapse)
    assert (asked["tickers"], asked["intervals"]) == (["COIN"], ["1d"])
    again_trained = TrainParams.model_validate(
        {**asked, "run": world.params()["run"], "train": TRAINING}
    )
    assert again_trained.folders.raw_dir == tmp_path / "raw"
    assert train_universe(again_trained, return_state=True).is_completed()
    # It learns from a market that was kind for long, and is refused for how it does on the newest bars.
    assert world.verdicts() == ["promoted", "demoted", "rejected"]

    # The user goes back to the first model, by one command.
    world.command("models", "rollback", "COIN", "1d", "--version", proven)
    assert world.champion() == (proven, "gru")

    # Every step is in the history, each with its figures; the score of each version stands beside it.
    told = world.verdicts()
    assert told == ["promoted", "demoted", "rejected", "rolled_back"]
    shown = json.loads(world.command("models", "history", "COIN", "1d", "--json"))["result"]
    assert [row["event"] for row in reversed(shown)] == told
    assert shown[0]["serves"]
    assert shown[0]["version"] == proven
    assert shown[0]["live_skill"] < 0
    scores = {each.version: each for each in live_score(tmp_path / "predictions", COIN).versions}
    assert scores[proven].forecasts == 42
    screen = world.command("models", "history", "COIN", "1d")
    assert "demoted" in screen
    assert "rolled back" in screen


def folders(world: World) -> list[str]:
    """The world's folders as options."""
    return [
        "--models-dir",
        str(world.root / "models"),
        "--predictions-dir",
        str(world.root / "predictions"),
    ]
