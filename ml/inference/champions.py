"""Promoted models, kept in memory until another one is promoted."""

import threading
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

from ml.artifacts.forecaster import forecaster_of
from ml.artifacts.meta import Meta
from ml.artifacts.store import ModelStore
from ml.errors import NotPromotedError
from ml.forecasting.forecaster import Forecaster
from ml.inference.turns import Turns
from ml.series import SeriesKey

_KEPT_MODELS = 256


@dataclass(frozen=True, eq=False, slots=True)
class Champion:
    """A model that is ready to forecast, and where it comes from."""

    meta: Meta
    forecaster: Forecaster


class Champions:
    """Loads what is promoted; safe to use from several threads.

    meta.json is read and checked on every call, and its sha256 compared: times and sizes of files miss a
    swap (a version copied back keeps both), and it is small.
    """

    def __init__(self, models_dir: Path) -> None:
        self._store = ModelStore(models_dir)
        self._kept: OrderedDict[SeriesKey, Champion] = OrderedDict()
        self._lock = threading.Lock()
        self._turns = Turns()

    def load(self, key: SeriesKey) -> Champion:
        """What serves a series now.

        Raises:
            NotPromotedError: nothing does.
            ArtifactError: it is damaged, tampered with, or of a newer format.
        """
        kept = self._current(key)
        if kept is not None:
            return kept
        with self._turns.of(key):
            kept = self._current(key)  # another thread may have been faster
            if kept is not None:
                return kept
            champion = self._load(key)
            with self._lock:
                self._kept[key] = champion
                self._kept.move_to_end(key)
                while len(self._kept) > _KEPT_MODELS:
                    self._kept.popitem(last=False)
            return champion

    def _current(self, key: SeriesKey) -> Champion | None:
        """What is kept, if it is what serves now."""
        with self._lock:
            kept = self._kept.get(key)
        if kept is None:
            return None
        current = self._store.champion_meta(key)
        if current is None or kept.meta.digests != current.digests:
            return None
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
        return kept

    def _load(self, key: SeriesKey) -> Champion:
        try:
            bundle = self._store.champion(key)
        except NotPromotedError:
            with self._lock:
                self._kept.pop(key, None)
            raise
        return Champion(bundle.meta, forecaster_of(bundle))
