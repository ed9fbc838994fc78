"""Asks Prefect for a run: of the deployment that trains, or of the one that forecasts."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import FlowRun

from apps.up.noticed import Asked, Job
from ml.config import Settings

_DEPLOYMENTS: Final[Mapping[Job, str]] = {
    "train": "train-universe/ad-hoc",
    "forecast": "forecast-universe/at-the-close",
}
_NAMED = 4


@dataclass(frozen=True, slots=True)
class Wish:
    """What the series of one interval are due; ``asked`` is by ticker."""

    job: Job
    interval: str
    asked: Mapping[str, Asked]

    def words(self) -> str:
        """Which series, and why."""
        names = ", ".join(list(self.asked)[:_NAMED]) + (" ..." if len(self.asked) > _NAMED else "")
        why = "without a model" if self.job == "train" else "new bars"
        return f"{names} {self.interval}, {why}"

    @property
    def name(self) -> str:
        """Of the run."""
        names = ", ".join(list(self.asked)[:_NAMED]) + (" ..." if len(self.asked) > _NAMED else "")
        return f"{self.job} {names} {self.interval}, noticed"

    @property
    def key(self) -> str:
        """The same for the same content after the same run: one who died after asking gets that run."""
        content = {
            ticker: [asked.run, *((file.name, file.sha256) for file in asked.sources)]
            for ticker, asked in self.asked.items()
        }
        told = json.dumps([self.job, self.interval, content], sort_keys=True)
        return f"noticed-{hashlib.sha256(told.encode()).hexdigest()[:32]}"


def ask(client: SyncPrefectClient, wish: Wish, settings: Settings) -> FlowRun:
    """Create the run, or return the one that was created for the same.

    Raises:
        ObjectNotFound: the deployment is not there yet.
        httpx.HTTPError, PrefectHTTPStatusError: Prefect's server is away, or does not take it.
    """
    deployment = client.read_deployment_by_name(_DEPLOYMENTS[wish.job])
    folders = ("raw_dir", "store_dir", "models_dir", "predictions_dir")
    return client.create_flow_run_from_deployment(
        deployment.id,
        parameters={
            "params": {
                "tickers": list(wish.asked),
                "intervals": [wish.interval],
                "folders": {name: str(getattr(settings, name).absolute()) for name in folders},
            }
        },
        name=wish.name,
        idempotency_key=wish.key,
    )
