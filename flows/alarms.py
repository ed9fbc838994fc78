"""Tells Prefect which models have lost what they were trusted for, so that a training can follow."""

import time
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from prefect.events import emit_event
from prefect.settings import PREFECT_API_URL

from flows.promotions import MAX_RELATED, RESOURCE, in_batches, run_parameters
from ml.ledger.alarms import Alarm, announced, unannounced
from ml.series import SeriesKey

EVENT = "tickerflow.live.lost"


def announce_lost(
    predictions_dir: Path, keys: Collection[SeriesKey], folders: Mapping[str, str]
) -> list[Alarm]:
    """Emit one event for all alarms of these series that have none yet; return the alarms.

    One for each interval, to be exact, and for a thousand series. Its payload holds, as ``train``, the
    parameters of the training that follows. An alarm is one of a version for a reason, and is announced
    once: a training that helps nothing does not start another. A run that dies just here announces
    again: training twice is better than never. A run without a server, whose temporary one has no
    automations, leaves it to the next that has one.
    """
    if not PREFECT_API_URL.value():
        return []
    wanted, alarms = set(keys), defaultdict[SeriesKey, list[Alarm]](list)
    for alarm in unannounced(predictions_dir):
        if alarm.key in wanted:
            alarms[alarm.key].append(alarm)
    for batch in in_batches(alarms):
        told = [alarm for key in batch for alarm in alarms[key]]
        _emit(batch, told, folders)
        announced(predictions_dir, told, int(time.time()))
    return [alarm for of_series in alarms.values() for alarm in of_series]


def _emit(batch: Sequence[SeriesKey], alarms: Sequence[Alarm], folders: Mapping[str, str]) -> None:
    emit_event(
        EVENT,
        resource={"prefect.resource.id": RESOURCE, "prefect.resource.name": "live score"},
        related=[
            {
                "prefect.resource.id": f"tickerflow.model.{alarm.key.stem}",
                "prefect.resource.role": "model",
                "tickerflow.version": alarm.version,
                "tickerflow.reason": alarm.reason,
            }
            for alarm in alarms[:MAX_RELATED]
        ],
        payload={
            "train": run_parameters(batch, folders),
            "lost": [
                {
                    "series": alarm.key.stem,
                    "version": alarm.version,
                    "reason": alarm.reason,
                    "words": alarm.words,
                }
                for alarm in alarms
            ],
        },
    )
