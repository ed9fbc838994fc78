"""Tells Prefect which models have lost what they were trusted for, so that a training can follow."""

import time
from collections.abc import Collection, Mapping
from pathlib import Path

from prefect.events import emit_event

from flows.promotions import MAX_RELATED, RESOURCE
from ml.ledger.alarms import Alarm, announced, unannounced
from ml.series import SeriesKey

EVENT = "tickerflow.live.lost"


def announce_lost(
    predictions_dir: Path, keys: Collection[SeriesKey], folders: Mapping[str, str]
) -> list[Alarm]:
    """Emit one event for all alarms of these series that have none yet; return the alarms.

    Its payload holds, as ``train``, the parameters of the training that follows. An alarm is one of a
    version for a reason, and is announced once: a training that helps nothing does not start another. A
    run that dies just here announces again: training twice is better than never.
    """
    alarms = [alarm for alarm in unannounced(predictions_dir) if alarm.key in keys]
    if not alarms:
        return []
    lost = {alarm.key for alarm in alarms}
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
            "train": {
                "tickers": sorted({key.ticker for key in lost}),
                "intervals": sorted({str(key.interval) for key in lost}),
                "folders": dict(folders),
            },
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
    announced(predictions_dir, alarms, int(time.time()))
    return alarms
