"""Writing a version: immutable files first, one small meta.json last."""

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ml.artifacts.bundle import Pair
from ml.artifacts.files import make_folder, write_new, writing
from ml.artifacts.layout import EVALUATION, Layout, Trio, spelled_otherwise
from ml.artifacts.meta import Meta, dump_meta
from ml.artifacts.reading import read_pair, read_version
from ml.data.atomic import sync_folder
from ml.errors import ArtifactError
from ml.series import SeriesKey


def stage(layout: Layout, meta: Meta, pair: Pair, evaluation: bytes) -> Path:
    """Write a challenger's folder, whole or not at all; raises `ArtifactWriteError`."""
    folder = layout.staging(meta.key) / meta.version
    with writing(folder), _scratch(layout, meta.key) as scratch:
        _write_folder(scratch / "staged", meta, pair, evaluation)
        if folder.exists():  # the same bundle, staged a second time
            shutil.rmtree(folder)
        (scratch / "staged").rename(folder)
        sync_folder(folder.parent)
    return folder


def commit(layout: Layout, meta: Meta, pair: Pair, evaluation: bytes) -> None:
    """Make a version the champion. Whenever the process dies, there is the old champion or the new one.

    The version's folder is written first and renamed into place, then the two binary files that serve
    are replaced, then meta.json, which is the commit.

    Raises:
        ArtifactWriteError: nothing is promoted, and no temporary file is left.
        ArtifactError: another series, or another version, has these names.
    """
    key = meta.key
    _refuse_other_spelling(layout, key)
    target = layout.top(meta.model, key)
    with writing(target.meta), _scratch(layout, key) as scratch:
        fresh = Trio(scratch, target.base)
        write_new(fresh.pth, pair.pth)
        write_new(fresh.scaler, pair.scaler)
        write_new(fresh.meta, dump_meta(meta))
        folder = layout.versions(key) / meta.version
        is_new = not folder.exists()
        try:
            _keep_version(layout, meta, pair, evaluation, scratch / "version")
            fresh.pth.replace(target.pth)
        except OSError:
            if is_new:  # from the first replaced file on, it is what that file is known by
                shutil.rmtree(folder, ignore_errors=True)
            raise
        fresh.scaler.replace(target.scaler)
        fresh.meta.replace(target.meta)
        sync_folder(layout.root)
    _remove_other_architectures(layout, meta)


def _keep_version(layout: Layout, meta: Meta, pair: Pair, evaluation: bytes, scratch: Path) -> None:
    """Put the version's folder in place; one that is there is never rewritten, and must be the same."""
    folder = layout.versions(meta.key) / meta.version
    if folder.exists():
        known = read_version(layout, meta.key, meta.version)
        if known.digests.model_copy(update={"meta": ""}) != pair.digests:
            raise ArtifactError(
                f"expected version {meta.version} to be what is promoted, found other files",
                hint="train again, which makes a new version",
                where=str(folder),
            )
        read_pair(layout, layout.version(meta.model, meta.key, meta.version), meta)
        return
    make_folder(folder.parent)
    _write_folder(scratch, meta, pair, evaluation)
    scratch.rename(folder)
    sync_folder(folder.parent)


def _write_folder(folder: Path, meta: Meta, pair: Pair, evaluation: bytes) -> None:
    trio = Trio(folder, f"{meta.model}_{meta.key.stem}")
    folder.mkdir()
    write_new(trio.pth, pair.pth)
    write_new(trio.scaler, pair.scaler)
    write_new(folder / EVALUATION, evaluation)
    write_new(trio.meta, dump_meta(meta))
    sync_folder(folder)


@contextmanager
def _scratch(layout: Layout, key: SeriesKey) -> Iterator[Path]:
    """A new folder on the same file system, gone when the block ends."""
    make_folder(layout.staging(key))
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


def _remove_other_architectures(layout: Layout, meta: Meta) -> None:
    """One champion a series: what served before is in its version's folder."""
    for trio in layout.top_metas(meta.key):
        if trio.base != f"{meta.model}_{meta.key.stem}":
            with suppress(OSError):  # the higher generation wins anyway
                trio.meta.unlink()
                trio.pth.unlink(missing_ok=True)
                trio.scaler.unlink(missing_ok=True)
