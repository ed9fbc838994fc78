"""The store of promoted models: the only writer of saved_models/."""

import difflib
import getpass
import shutil
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ml.artifacts import commit, history, reading
from ml.artifacts.bundle import Bundle, Pair, ShapesOf, decode, encode
from ml.artifacts.events import Event, read_events
from ml.artifacts.files import writing
from ml.artifacts.history import LifeEvent, VersionRecord
from ml.artifacts.layout import Layout
from ml.artifacts.lock import SeriesLocks
from ml.artifacts.meta import Decision, Meta, dump_meta, parse_meta
from ml.artifacts.plain import dump_json
from ml.artifacts.weights_io import network_shapes
from ml.errors import (
    ArtifactError,
    ArtifactFormatError,
    BusySeriesError,
    NotPromotedError,
    UnreadableArtifactError,
)
from ml.series import SeriesKey
from models import architectures

__all__ = ["Bundle", "LifeEvent", "ModelStore", "VersionRecord"]


class ModelStore:
    """Challengers, champions and their history in one folder.

    Any number of processes may read and write at once: a reader gets one complete version, and promoters
    of one series take turns.

    Args:
        models_dir: saved_models; made when something is written.
        shapes_of: names and shapes of the weights that a spec must have.
        known: names of the architectures that ``shapes_of`` knows; by default those of `models`.
    """

    def __init__(
        self,
        models_dir: Path,
        shapes_of: ShapesOf = network_shapes,
        known: tuple[str, ...] | None = None,
    ) -> None:
        self._layout = Layout(Path(models_dir), tuple(architectures()) if known is None else known)
        self._locks = SeriesLocks(self._layout.locks)
        self._shapes_of = shapes_of

    def lock(self, key: SeriesKey, timeout_seconds: float) -> AbstractContextManager[None]:
        """Hold the series for a block; reentrant. Raises `BusySeriesError` that says who holds it."""
        return self._locks.hold(key, timeout_seconds)

    def stage(self, bundle: Bundle, evaluation: Mapping[str, Any]) -> Path:
        """Write a challenger's files beside what serves, and return their folder.

        Raises:
            ArtifactError: the bundle could not be loaded again (a NaN weight, a foreign scaler).
            ArtifactWriteError: the disk is full, or no permission.
        """
        meta, pair = encode(bundle, self._shapes_of)
        self._layout.sweep(meta.key)
        return commit.stage(self._layout, meta, pair, dump_json(dict(evaluation), str(meta.key)))

    def load_staged(self, path: Path) -> tuple[Bundle, dict[str, Any]]:
        """What `stage` wrote; raises `ArtifactError`."""
        key = SeriesKey.from_stem(path.parent.name)
        try:
            trio = reading.only_trio(path, key)
            meta = reading.read_meta(self._layout, trio, key)
            pair = reading.read_pair(self._layout, trio, meta)
            evaluation = history.read_evaluation(self._layout, path)
        except FileNotFoundError as error:
            raise ArtifactError(
                "expected a staged challenger, found nothing",
                hint="train again: staged models are kept for a day",
                where=str(path),
            ) from error
        bundle = decode(meta, pair, self._shapes_of, str(path / trio.base))
        return replace(bundle, pair=pair), evaluation

    def discard(self, path: Path) -> None:
        """Remove a staged challenger; one that is gone already is fine."""
        staging = self._layout.root / ".staging"
        if path.resolve().parent.parent != staging.resolve():
            raise ArtifactError(f"expected a folder of {staging}", where=str(path))
        with writing(path):
            shutil.rmtree(path, ignore_errors=not path.exists())

    def champion_meta(self, key: SeriesKey) -> Meta | None:
        """What serves a series, from meta.json alone; None where nothing does.

        Raises `ArtifactError` when it is damaged, `ArtifactFormatError` when it is of a newer format.
        """
        return reading.read_champion_meta(self._layout, key)

    def replaceable(self, key: SeriesKey) -> Meta | None:
        """What a promotion would replace: None for no champion, and for one whose meta.json is damaged.

        One of a newer format, or one that cannot be read now, may be sound, and is not replaced.
        """
        try:
            return self.champion_meta(key)
        except (ArtifactFormatError, UnreadableArtifactError):
            raise
        except ArtifactError:
            return None

    def champion(self, key: SeriesKey) -> Bundle:
        """Load what serves a series: one complete version, verified.

        Raises:
            NotPromotedError: nothing is promoted.
            ArtifactError: it is damaged or tampered with.
        """
        found = reading.read_champion(self._layout, key)
        if found is None:
            near = _near(key, self.series())
            train = f"train one: tickerflow train --ticker {key.ticker} --interval {key.interval}"
            raise NotPromotedError(
                f"expected a promoted model of {key}, found none in {self._layout.root}",
                hint=f"there is {near}; or {train}" if near else train,
                where=str(key),
            )
        meta, pair = found
        return decode(meta, pair, self._shapes_of, str(self._layout.root / f"{meta.model}_{key.stem}"))

    def serves(self, key: SeriesKey) -> bool:
        """Whether the series has a champion, of a network that is known here, and undamaged.

        Its bytes are verified and not decoded: they were, before they were promoted.
        """
        try:
            found = reading.read_champion(self._layout, key)
            return found is not None and self._shapes_of(found[0]) is not None
        except ArtifactError:
            return False

    def promote(
        self,
        bundle: Bundle,
        evaluation: Mapping[str, Any],
        *,
        expected_champion: str | None,
        by: str = "",
    ) -> Meta:
        """Make a bundle the champion, if the champion still is the one that it was judged against.

        A demotion is the promotion of a baseline whose decision says ``demoted``. Hold `lock` from the
        judging on. A champion whose meta.json is damaged counts as none. Promoting
        what is the champion already changes nothing.

        Args:
            bundle: its meta needs a decision.
            evaluation: kept as evaluation.json in the version's folder.
            expected_champion: version of the champion that was judged against; None for none.
            by: who promotes, for the history; by default the user of this process.

        Returns:
            The meta as committed: with version, parent and generation.

        Raises:
            BusySeriesError: the champion is another by now, or another process holds the series.
            ArtifactWriteError: nothing was promoted; the same call can succeed later.
            ArtifactError: the bundle could not be loaded again.
        """
        key = bundle.meta.key
        if bundle.meta.decision is None:
            raise ArtifactError("expected a decision in the meta of what is promoted", where=str(key))
        meta, pair = encode(bundle, self._shapes_of)
        content = dump_json(dict(evaluation), str(key))
        with self.lock(key, 0):
            current = self.replaceable(key)
            found = current.version if current else None
            if current is not None and found == meta.version and current.digests.pth == meta.digests.pth:
                return (
                    current  # a second try, after the first died before it could say that it succeeded
                )
            if found != expected_champion:
                raise BusySeriesError(
                    f"expected the champion {expected_champion or 'none'}, found {found or 'none'}: "
                    "another promotion came in between",
                    hint="run again: the challenger has to be judged against the new champion",
                    where=str(key),
                )
            return self._commit(meta.model_copy(update={"parent": found}), pair, content, current, by)

    def record_rejected(self, meta: Meta, evaluation: Mapping[str, Any]) -> Path:
        """Keep the record of a staged challenger that lost; the last 20 of a series stay.

        Raises `ArtifactWriteError`; `ArtifactError` for a meta that was never staged.
        """
        if not meta.version or meta.sha256 is None:
            raise ArtifactError("expected the meta of a staged challenger", where=str(meta.key))
        return history.record_rejected(self._layout, meta, dict(evaluation))

    def history(self, key: SeriesKey) -> tuple[VersionRecord, ...]:
        """Versions of a series, promoted and rejected, newest first."""
        return history.read_history(self._layout, key)

    def life(self, key: SeriesKey, last: int | None = None) -> tuple[LifeEvent, ...]:
        """What happened to a series: promotions, rejections, rollbacks, demotions; newest first.

        With ``last`` only so many, for which only so many files are read.
        """
        return history.read_life(self._layout, key, last)

    def version_meta(self, key: SeriesKey, version: str) -> Meta | None:
        """What is known of a version that was promoted; None where it is gone or damaged."""
        try:
            return reading.read_version(self._layout, key, version)
        except (ArtifactError, FileNotFoundError, NotADirectoryError):
            return None

    def find_fit(self, key: SeriesKey, fit_id: str) -> Meta | None:
        """The newest version, promoted or rejected, of the same bars and configuration."""
        return history.find_fit(self._layout, key, fit_id)

    def load_version(self, key: SeriesKey, version: str) -> Bundle:
        """Load a version that was promoted; raises `NotPromotedError`, `ArtifactError`."""
        meta, pair = self._version(key, version)
        return decode(meta, pair, self._shapes_of, str(self._layout.versions(key) / version))

    def evaluation(self, record: VersionRecord) -> dict[str, Any]:
        """The evaluation of a version that was promoted."""
        return history.read_evaluation(self._layout, record.path)

    def rollback(self, key: SeriesKey, version: str | None = None, *, by: str = "") -> Meta:
        """Make an earlier version the champion again, by default the one before the champion.

        The version keeps its name; the generation is new, and the decision says who went back and when.

        Raises:
            NotPromotedError: there is no such version, or no earlier one.
            BusySeriesError: another process holds the series.
            ArtifactError: the version is damaged.
            ArtifactWriteError: nothing changed.
        """
        with self.lock(key, 0):
            current = self.replaceable(key)
            meta, pair = self._version(key, self._previous(key, current) if version is None else version)
            evaluation = history.read_evaluation(self._layout, self._layout.versions(key) / meta.version)
            gone = current.version if current else "a damaged version"
            decision = Decision(
                verdict="rolled_back",
                reason=f"rolled back from {gone} to {meta.version} by {by or _user()} "
                f"at {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC",
                skill=meta.decision.skill if meta.decision else None,
                proven=meta.decision.proven if meta.decision else False,
                verdicts=meta.decision.verdicts if meta.decision else {},
                figures={
                    "from": gone,
                    "reason_of_promotion": meta.decision.reason if meta.decision else "",
                },
            )
            restored = meta.model_copy(update={"decision": decision})
            return self._commit(restored, pair, dump_json(evaluation, str(key)), current, by)

    def series(self) -> tuple[SeriesKey, ...]:
        """All series that have a champion, damaged ones too."""
        return tuple(self._layout.series())

    def _commit(self, meta: Meta, pair: Pair, evaluation: bytes, current: Meta | None, by: str) -> Meta:
        committed = meta.model_copy(
            update={
                "generation": self._last_generation(meta.key, current) + 1,
                "promoted_at": datetime.now(UTC),
            }
        )
        # What is returned, and committed, is what a reader will get.
        committed = parse_meta(dump_meta(committed), str(meta.key))
        assert committed.promoted_at is not None
        before = current.version if current else ""
        event = Event.of(committed, committed.promoted_at, before, by or _user())
        commit.commit(self._layout, committed, pair, evaluation, event)
        return committed

    def _last_generation(self, key: SeriesKey, current: Meta | None) -> int:
        if current is not None:
            return current.generation
        metas = (record.meta for record in self.history(key))
        told = read_events(self._layout, key, 2**53)  # of rollbacks, no version's meta tells
        return max([0, *told, *(meta.generation for meta in metas if meta is not None)])

    def _previous(self, key: SeriesKey, current: Meta | None) -> str:
        if current is not None and not self.serves(key) and self._intact(key, current.version):
            return current.version  # what serves is damaged, and its version is not
        if current is not None and current.parent is not None:
            return current.parent
        promoted = [record.version for record in self.history(key) if record.status == "promoted"]
        if current is None and promoted:
            return promoted[0]
        raise NotPromotedError(
            f"expected an earlier version of {key}, found none",
            hint="`tickerflow models history` lists the versions; train to make a new one",
            where=str(key),
        )

    def _intact(self, key: SeriesKey, version: str) -> bool:
        try:
            self.load_version(key, version)
        except (ArtifactError, NotPromotedError):
            return False
        return True

    def _version(self, key: SeriesKey, version: str) -> tuple[Meta, Pair]:
        try:
            if version not in self._layout.version_names(key):
                raise FileNotFoundError(version)
            meta = reading.read_version(self._layout, key, version)
            return meta, reading.read_pair(
                self._layout, self._layout.version(meta.model, key, version), meta
            )
        except FileNotFoundError as error:
            raise NotPromotedError(
                f"expected a complete version {version} of {key}, found none",
                hint="`tickerflow models history` lists the versions",
                where=str(key),
            ) from error


def _near(key: SeriesKey, known: Sequence[SeriesKey]) -> str:
    """The promoted series whose names are like this one's: other intervals first, then other tickers."""
    names = {str(other).casefold(): str(other) for other in known}
    same = [str(other) for other in known if other.ticker == key.ticker]
    close = difflib.get_close_matches(str(key).casefold(), names, cutoff=0.7)
    return ", ".join(dict.fromkeys([*same, *(names[name] for name in close)]))


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container without a user database
        return "unknown"
