"""Writing a version: immutable files first, one small meta.json last."""

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ml.artifacts.bundle import Pair
from ml.artifacts.events import Event, dump_event, event_path
from ml.artifacts.files import make_folder, sync_file, write_new, writing
from ml.artifacts.layout import EVALUATION, Layout, Trio, spelled_otherwise
from ml.artifacts.meta import Meta, dump_meta
from ml.artifacts.reading import read_pair, read_version
from ml.data.atomic import sync_folder
from ml.errors import ArtifactError
from ml.series import SeriesKey


def stage(layout: Layout, meta: Meta, pair: Pair, evaluation: bytes) -> Path:
    """Write a challenger's folder, whole or not at all; raises `ArtifactWriteError`.

    It is not flushed to the disk: what a power failure makes of it does not match its sha256, and the
    series is trained again.
    """
    folder = layout.staging(meta.key) / meta.version
    with writing(folder), _scratch(layout, meta.key) as scratch:
        _write_files(scratch, meta, dump_meta(meta), pair, evaluation)
        if folder.exists():  # the same bundle, staged a second time
            shutil.rmtree(folder)
        scratch.rename(folder)
    return folder


def commit(layout: Layout, meta: Meta, pair: Pair, evaluation: bytes, event: Event) -> None:
    """Make a version the champion. Whenever the process dies, there is the old champion or the new one.

    All is written and flushed under other names. Then the event and the version's folder are renamed
    into place, then the two binary files that serve are replaced, then meta.json, which is the commit.

    Raises:
        ArtifactWriteError: nothing is promoted, and no temporary file is left.
        ArtifactError: another series, or another version, has these names.
    """
    key = meta.key
    _refuse_other_spelling(layout, key)
    target, served = layout.top(meta.model, key), layout.top_metas(key)
    document = dump_meta(meta)
    folder = layout.versions(key) / meta.version
    told = event_path(layout, key, event.generation)
    with writing(target.meta), _scratch(layout, key) as scratch:
        is_new = not folder.exists()
        fresh, version = Trio(scratch, target.base), scratch / "version"
        written = _write_files(scratch, meta, document, pair)
        write_new(scratch / told.name, dump_event(event))
        written.append(scratch / told.name)
        if is_new:
            version.mkdir()
            written += _write_files(version, meta, document, pair, evaluation)
        else:
            _check_same(layout, meta, pair)
        # Each flush waits for the disk: once all is written, the first ones take most along.
        for path in written:
            sync_file(path)
        try:
            if is_new:
                sync_folder(version)
                make_folder(folder.parent)
                version.rename(folder)
                sync_folder(folder.parent)
            make_folder(told.parent)
            (scratch / told.name).replace(told)
            sync_folder(told.parent)
            fresh.pth.replace(target.pth)
        except OSError:
            if is_new:  # from the first replaced file on, it is what that file is known by
                shutil.rmtree(folder, ignore_errors=True)
            with suppress(OSError):  # of a generation that does not come, it tells nothing anyway
                told.unlink()
            raise
        fresh.scaler.replace(target.scaler)
        fresh.meta.replace(target.meta)
        sync_folder(layout.root)
    _remove_other_architectures(served, target)


def _check_same(layout: Layout, meta: Meta, pair: Pair) -> None:
    """A version that is there is never rewritten: it must be the same, and sound."""
    known = read_version(layout, meta.key, meta.version)
    if known.digests.model_copy(update={"meta": ""}) != pair.digests:
        raise ArtifactError(
            f"expected version {meta.version} to be what is promoted, found other files",
            hint="train again, which makes a new version",
            where=str(layout.versions(meta.key) / meta.version),
        )
    read_pair(layout, layout.version(meta.model, meta.key, meta.version), meta)


def _write_files(
    folder: Path, meta: Meta, document: bytes, pair: Pair, evaluation: bytes | None = None
) -> list[Path]:
    """Write a version's files, and return their paths."""
    trio = Trio(folder, f"{meta.model}_{meta.key.stem}")
    files = {trio.pth: pair.pth, trio.scaler: pair.scaler, trio.meta: document}
    if evaluation is not None:
        files[folder / EVALUATION] = evaluation
    for path, content in files.items():
        write_new(path, content)
    return list(files)


@contextmanager
def _scratch(layout: Layout, key: SeriesKey) -> Iterator[Path]:
    """A new folder on the same file system, gone when the block ends, unless it was renamed."""
    layout.staging(key).mkdir(parents=True, exist_ok=True)
    folder = layout.staging(key) / f"tmp-{secrets.token_hex(8)}"
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _refuse_other_spelling(layout: Layout, key: SeriesKey) -> None:
    other = spelled_otherwise(layout.versions(key))
    if other:
        raise ArtifactError(
            f"expected {key} to have a name of its own, but this file system also calls {other} by it",
            hint="tickers that differ in upper and lower case only need another --models-dir here",
            where=str(layout.versions(key)),
        )


def _remove_other_architectures(served: list[Trio], target: Trio) -> None:
    """One champion a series: what served before is in its version's folder."""
    for trio in served:
        if trio != target:
            with suppress(OSError):  # the higher generation wins anyway
                trio.meta.unlink()
                trio.pth.unlink(missing_ok=True)
                trio.scaler.unlink(missing_ok=True)
