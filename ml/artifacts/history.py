"""What was promoted, and what lost."""

import contextlib
import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from ml.artifacts.events import Event, read_events
from ml.artifacts.files import make_folder, read_bytes, writing
from ml.artifacts.layout import EVALUATION, Layout
from ml.artifacts.meta import Meta, dump_meta, parse_meta
from ml.artifacts.plain import dump_json, parse_json
from ml.artifacts.reading import only_trio, read_champion_meta, read_version
from ml.data.atomic import write_bytes
from ml.errors import ArtifactError
from ml.outcomes import Failure
from ml.series import SeriesKey

MAX_EVALUATION_BYTES = 2**26
_REJECTED_KEPT = 20
_FITS_LOOKED_AT = 20

Status = Literal["champion", "promoted", "rejected", "damaged"]


@dataclass(frozen=True)
class VersionRecord:
    """One version of a series.

    Attributes:
        version: its name.
        status: ``champion`` serves now, ``promoted`` did once, ``rejected`` never did.
        meta: None where it is damaged.
        path: its folder, or the file of its rejection.
        problem: why it is damaged.
    """

    version: str
    status: Status
    meta: Meta | None
    path: Path
    problem: Failure | None = None


def read_history(layout: Layout, key: SeriesKey) -> tuple[VersionRecord, ...]:
    """All versions, newest first; a damaged one is a record too."""
    promoted = _promoted(layout, key, layout.version_names(key))
    rejected = _rejected(layout, key, layout.rejected_names(key))
    return tuple(heapq.merge(promoted, rejected, key=lambda record: record.version, reverse=True))


@dataclass(frozen=True)
class LifeEvent:
    """One thing that happened to a series.

    Attributes:
        version: which it is about; for the event of a generation whose file is damaged, empty.
        event: what happened; None where what tells of it is damaged.
        serves: whether this is the event by which the champion of now serves.
        problem: why it is damaged.
    """

    version: str
    event: Event | None
    serves: bool = False
    problem: Failure | None = None


def read_life(layout: Layout, key: SeriesKey, last: int | None = None) -> tuple[LifeEvent, ...]:
    """All that happened, newest first: the events of all generations, and the rejections.

    A generation without an event, of a store from before there were any, is told by its version's meta.

    Args:
        layout: of the store.
        key: the series.
        last: only so many, and only their files are read: a series has a version for each night.
    """
    records = [
        *_promoted(layout, key, layout.version_names(key)[:last]),
        *_rejected(layout, key, layout.rejected_names(key)[:last]),
    ]
    champion = _champion(layout, key)
    until = champion.generation if champion is not None else 2**53
    told = read_events(layout, key, until, 0 if champion is None or last is None else until - last)
    dated = [(_at(event), _life(number, event, champion)) for number, event in told.items()]
    for record in records:
        meta = record.meta
        if record.problem is not None:
            dated.append(
                (_named(record.version), LifeEvent(record.version, None, False, record.problem))
            )
        elif meta is not None and meta.decision is not None:
            at = meta.promoted_at or meta.created_at
            if record.status == "rejected" or meta.generation not in told:
                event = Event.of(meta, at, meta.parent or "")
                dated.append((at, LifeEvent(record.version, event, record.status == "champion")))
    return tuple(life for _, life in sorted(dated, key=lambda pair: pair[0], reverse=True)[:last])


def _life(generation: int, event: Event | Failure, champion: Meta | None) -> LifeEvent:
    if isinstance(event, Failure):
        return LifeEvent("", None, False, event)
    return LifeEvent(event.version, event, champion is not None and generation == champion.generation)


def _at(event: Event | Failure) -> datetime:
    return datetime.fromtimestamp(0, UTC) if isinstance(event, Failure) else event.at


def _named(version: str) -> datetime:
    return datetime.strptime(version[:16], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)


def find_fit(layout: Layout, key: SeriesKey, fit_id: str) -> Meta | None:
    """The newest version, promoted or rejected, that was trained as ``fit_id``.

    Only the last ones are looked at: a series has a version for each night, and old bars do not return.
    And only one that has these digits somewhere is parsed: on most nights there is none.
    """
    named = [(version, False) for version in layout.version_names(key)[:_FITS_LOOKED_AT]]
    named += [(version, True) for version in layout.rejected_names(key)[:_FITS_LOOKED_AT]]
    for version, is_rejected in sorted(named, reverse=True)[:_FITS_LOOKED_AT]:
        records = (_rejected if is_rejected else _promoted)(layout, key, [version])
        if _mentions(layout, key, version, fit_id, is_rejected=is_rejected):
            for record in records:
                if record.meta is not None and record.meta.training.fit_id == fit_id:
                    return record.meta
    return None


def _mentions(layout: Layout, key: SeriesKey, version: str, fit_id: str, *, is_rejected: bool) -> bool:
    """Whether a version's file holds these digits, wherever; one that cannot be read does not."""
    try:
        if is_rejected:
            path = layout.rejected(key) / f"{version}.json"
        else:
            path = only_trio(layout.versions(key) / version, key).meta
        return fit_id.encode() in read_bytes(path, layout.root, MAX_EVALUATION_BYTES)
    except (FileNotFoundError, NotADirectoryError, ArtifactError):
        return False


def record_rejected(layout: Layout, meta: Meta, evaluation: dict[str, object]) -> Path:
    """Keep the record of what lost; only the last 20 of a series stay."""
    folder = layout.rejected(meta.key)
    path = folder / f"{meta.version}.json"
    record = {"meta": dump_meta(meta).decode(), "evaluation": evaluation}
    with writing(path):
        make_folder(folder)
        write_bytes(path, dump_json(record, str(path)))
        for version in layout.rejected_names(meta.key)[_REJECTED_KEPT:]:
            (folder / f"{version}.json").unlink(missing_ok=True)
    return path


def read_evaluation(layout: Layout, path: Path) -> dict[str, object]:
    """evaluation.json of a version's folder; raises `FileNotFoundError`, `ArtifactError`."""
    file = path / EVALUATION
    return parse_json(read_bytes(file, layout.root, MAX_EVALUATION_BYTES), str(file))


def _promoted(layout: Layout, key: SeriesKey, versions: Sequence[str]) -> Iterator[VersionRecord]:
    champion = _champion(layout, key)
    for version in versions:
        path = layout.versions(key) / version
        try:
            meta = read_version(layout, key, version)
        except FileNotFoundError:
            continue
        except ArtifactError as error:
            yield VersionRecord(version, "damaged", None, path, Failure.of(error))
            continue
        if champion is not None and version == champion.version:
            yield VersionRecord(version, "champion", champion, path)
        elif champion is None or meta.generation < champion.generation:
            yield VersionRecord(version, "promoted", meta, path)
        # else: a promotion that is under way, or died before its commit


def _champion(layout: Layout, key: SeriesKey) -> Meta | None:
    with contextlib.suppress(ArtifactError):  # history is what one looks at when the champion is damaged
        return read_champion_meta(layout, key)
    return None


def _rejected(layout: Layout, key: SeriesKey, versions: Sequence[str]) -> Iterator[VersionRecord]:
    for version in versions:
        path = layout.rejected(key) / f"{version}.json"
        try:
            record = parse_json(read_bytes(path, layout.root, MAX_EVALUATION_BYTES), str(path))
            meta = parse_meta(str(record.get("meta")).encode(), str(path))
        except FileNotFoundError:
            continue
        except ArtifactError as error:
            yield VersionRecord(version, "damaged", None, path, Failure.of(error))
            continue
        if meta.key == key and meta.version == version:
            yield VersionRecord(version, "rejected", meta, path)
