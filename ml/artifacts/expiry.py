"""When a model has become too old to be trusted unseen: by its age, or by the bars since."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd

from ml.artifacts.meta import Meta
from ml.artifacts.store import ModelStore
from ml.config import Settings, WatchConfig
from ml.data.store import read_outcome
from ml.errors import ArtifactError, StoreError
from ml.series import SeriesKey


def expired(meta: Meta, bars_since: int, now: datetime, watch: WatchConfig) -> str:
    """Why a model is expired, in words; empty where it is not.

    Args:
        meta: the model's.
        bars_since: bars that came after the last one it was trained and judged with.
        now: aware of its zone.
        watch: how old it may be.
    """
    reasons = []
    age = now - meta.created_at
    if watch.max_age_days and age > timedelta(days=watch.max_age_days):
        reasons.append(f"trained {age.days} days ago, {watch.max_age_days:g} are allowed")
    if watch.max_age_bars and bars_since > watch.max_age_bars:
        reasons.append(f"{bars_since} bars since its training, {watch.max_age_bars} are allowed")
    return "expired: " + " and ".join(reasons) if reasons else ""


def bars_since(meta: Meta, stamps: pd.Series) -> int:
    """Bars, of the series' stamps in ascending order, that came after a model's last one."""
    return int(len(stamps) - stamps.searchsorted(pd.Timestamp(meta.data.last), side="right"))


def expired_series(keys: Iterable[SeriesKey], settings: Settings) -> set[SeriesKey]:
    """Those of the series whose model is expired.

    Bars are those of the last ingest, by their number: what lies in new files is not read for this.
    """
    watch = settings.watch
    if not watch.max_age_days and not watch.max_age_bars:
        return set()
    store, now = ModelStore(settings.models_dir), datetime.now(UTC)
    return {key for key in keys if _is_expired(key, store, settings.store_dir, now, watch)}


def _is_expired(
    key: SeriesKey, store: ModelStore, store_dir: Path, now: datetime, watch: WatchConfig
) -> bool:
    try:
        meta = store.champion_meta(key)
        ingested = read_outcome(store_dir, key) if watch.max_age_bars else None
    except (ArtifactError, StoreError):
        return False  # its training says what is wrong
    if meta is None:
        return False
    since = 0 if ingested is None else ingested.rows - meta.data.rows
    return bool(expired(meta, since, now, watch))
