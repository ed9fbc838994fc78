"""Tells Prefect what was promoted, so that forecasts can follow (prefect.yaml, triggers)."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from prefect.events import emit_event

from ml.artifacts.store import ModelStore
from ml.errors import ArtifactError
from ml.series import SeriesKey

EVENT = "tickerflow.models.promoted"
RESOURCE = "tickerflow.universe"
# Prefect refuses an event with more related resources.
MAX_RELATED = 100


def champion_versions(models_dir: Path, keys: Iterable[SeriesKey]) -> dict[SeriesKey, str]:
    """The version that serves each series; a series without one, or with a damaged one, is left out."""
    store = ModelStore(models_dir)
    versions = {}
    for key in keys:
        try:
            meta = store.champion_meta(key)
        except ArtifactError:  # its training says so
            continue
        if meta is not None:
            versions[key] = meta.version
    return versions


def announce(
    before: Mapping[SeriesKey, str], after: Mapping[SeriesKey, str], folders: Mapping[str, str]
) -> None:
    """Emit one event for all promotions of a run, baselines too: one forecast run follows, not hundreds.

    Its payload holds, as ``forecast``, the parameters of that run.
    """
    promoted = {key: version for key, version in after.items() if before.get(key) != version}
    if not promoted:
        return
    emit_event(
        EVENT,
        resource={"prefect.resource.id": RESOURCE, "prefect.resource.name": "promoted models"},
        related=[
            {
                "prefect.resource.id": f"tickerflow.model.{key.stem}",
                "prefect.resource.role": "model",
                "tickerflow.version": version,
            }
            for key, version in list(promoted.items())[:MAX_RELATED]
        ],
        payload={
            "forecast": {
                "tickers": sorted({key.ticker for key in promoted}),
                "intervals": sorted({str(key.interval) for key in promoted}),
                "folders": dict(folders),
            },
            "versions": {key.stem: version for key, version in promoted.items()},
        },
    )
