"""Tells Prefect what was promoted, so that forecasts can follow (prefect.yaml, triggers)."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

from prefect.events import emit_event

from ml.artifacts.store import ModelStore
from ml.errors import ArtifactError
from ml.series import SeriesKey

EVENT = "tickerflow.models.promoted"
RESOURCE = "tickerflow.universe"
# Prefect refuses an event with more than 100 related resources, and adds those of the run: deployment,
# work pool, each tag.
MAX_RELATED = 80
# It refuses one of more than 1.5 MB as well; with the words of two alarms each, these are half of that.
_MAX_SERIES = 1000


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


def in_batches(keys: Iterable[SeriesKey]) -> Iterator[list[SeriesKey]]:
    """Series for one event each: of one interval, and not too many.

    A run is asked for tickers and intervals, and takes each with each: of AAPL 1d and MSFT 1h it would
    make four series.
    """
    in_order = sorted(set(keys), key=lambda key: (str(key.interval), key.ticker))
    for _, of_interval in groupby(in_order, key=lambda key: key.interval):
        batch = list(of_interval)
        for start in range(0, len(batch), _MAX_SERIES):
            yield batch[start : start + _MAX_SERIES]


def run_parameters(batch: Iterable[SeriesKey], folders: Mapping[str, str]) -> dict[str, Any]:
    """Parameters of a run over just these series of one interval."""
    keys = list(batch)
    return {
        "tickers": [key.ticker for key in keys],
        "intervals": sorted({str(key.interval) for key in keys}),
        "folders": dict(folders),
    }


def announce(
    before: Mapping[SeriesKey, str], after: Mapping[SeriesKey, str], folders: Mapping[str, str]
) -> None:
    """Emit one event for all promotions of a run, baselines too: one forecast run follows, not hundreds.

    One for each interval, to be exact, and for a thousand series. Its payload holds, as ``forecast``,
    the parameters of the run that follows.
    """
    promoted = {key: version for key, version in after.items() if before.get(key) != version}
    for batch in in_batches(promoted):
        emit_event(
            EVENT,
            resource={"prefect.resource.id": RESOURCE, "prefect.resource.name": "promoted models"},
            related=[
                {
                    "prefect.resource.id": f"tickerflow.model.{key.stem}",
                    "prefect.resource.role": "model",
                    "tickerflow.version": promoted[key],
                }
                for key in batch[:MAX_RELATED]
            ],
            payload={
                "forecast": run_parameters(batch, folders),
                "versions": {key.stem: promoted[key] for key in batch},
            },
        )
