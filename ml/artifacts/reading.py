"""Finding what serves a series, and never a mix of two versions.

meta.json is the commit. The files beside it are replaced just before it, so a promotion that is under
way, or died, leaves files of one version beside the meta.json of another. Their sha256 shows it, and the
immutable folder of the version that meta.json names has the right ones.
"""

from collections.abc import Iterator
from pathlib import Path

from ml.artifacts.bundle import Pair, sha256
from ml.artifacts.files import read_bytes
from ml.artifacts.layout import Layout, Trio
from ml.artifacts.meta import MAX_META_BYTES, Meta, parse_meta
from ml.artifacts.scaler_io import MAX_SCALER_BYTES
from ml.artifacts.weights_io import MAX_WEIGHTS_BYTES
from ml.errors import ArtifactError
from ml.series import SeriesKey

_ATTEMPTS = 10


def read_meta(layout: Layout, trio: Trio, key: SeriesKey) -> Meta:
    """Read one meta.json, which must be this series' and bear its model's name.

    Raises `FileNotFoundError`, `ArtifactError`.
    """
    meta = parse_meta(read_bytes(trio.meta, layout.root, MAX_META_BYTES), str(trio.meta))
    if meta.key != key or f"{meta.model}_{key.stem}" != trio.base:
        raise ArtifactError(
            f"expected the model of {key}, found {meta.model} of {meta.key}",
            hint="a file was renamed or copied; remove it, or go back with `tickerflow models rollback`",
            where=str(trio.meta),
        )
    return meta


def read_champion_meta(layout: Layout, key: SeriesKey) -> Meta | None:
    """The meta.json that serves a series: of several architectures the highest generation.

    Raises `ArtifactError` when one of them is damaged: it may be the one that counts.
    """
    for _ in range(_ATTEMPTS):
        try:
            metas = [read_meta(layout, trio, key) for trio in layout.top_metas(key)]
        except FileNotFoundError:  # another architecture was just promoted, and this file removed
            continue
        return max(metas, key=lambda meta: meta.generation, default=None)
    raise ArtifactError(
        f"expected the files of {key} to stay, but they keep vanishing", where=str(layout.root)
    )


def read_champion(layout: Layout, key: SeriesKey) -> tuple[Meta, Pair] | None:
    """The verified bytes of what serves a series; None where nothing was promoted.

    Raises `ArtifactError` when they are damaged, with the file, the expected and the found sha256.
    """
    for _ in range(_ATTEMPTS):
        meta = read_champion_meta(layout, key)
        if meta is None:
            return None
        try:
            return meta, _read_committed(layout, meta)
        except ArtifactError:
            again = read_champion_meta(layout, key)
            if again is not None and again.generation == meta.generation:
                raise
    raise ArtifactError(
        f"expected {key} to settle, but it is promoted over and over", where=str(layout.root)
    )


def read_pair(layout: Layout, trio: Trio, meta: Meta) -> Pair:
    """The two binary files of a folder, verified; raises `ArtifactError`, `FileNotFoundError`."""
    pth = read_bytes(trio.pth, layout.root, MAX_WEIGHTS_BYTES)
    _verify(trio.pth, meta.digests.pth, pth)
    scaler = read_bytes(trio.scaler, layout.root, MAX_SCALER_BYTES)
    _verify(trio.scaler, meta.digests.scaler, scaler)
    return Pair(pth, scaler)


def read_version(layout: Layout, key: SeriesKey, version: str) -> Meta:
    """The meta.json in a version's folder; raises `FileNotFoundError`, `ArtifactError`."""
    folder = layout.versions(key) / version
    meta = read_meta(layout, only_trio(folder, key), key)
    if meta.version != version:
        raise ArtifactError(
            f"expected version {version}, found {meta.version}",
            hint="a folder was renamed or copied; remove it",
            where=str(folder),
        )
    return meta


def only_trio(folder: Path, key: SeriesKey) -> Trio:
    """The files of a folder that holds one version; raises `FileNotFoundError`, `ArtifactError`."""
    ending = f"_{key.stem}.meta.json"
    bases = [path.name[: -len(".meta.json")] for path in folder.iterdir() if path.name.endswith(ending)]
    if len(bases) != 1:
        raise ArtifactError(
            f"expected one file *{ending}, found {len(bases)}",
            hint="the folder is incomplete; remove it",
            where=str(folder),
        )
    return Trio(folder, bases[0])


def _read_committed(layout: Layout, meta: Meta) -> Pair:
    """The pair that belongs to a committed meta: from beside it, or from its version's folder."""
    top = layout.top(meta.model, meta.key)
    try:
        pth = _top_file(layout, meta, top.pth, MAX_WEIGHTS_BYTES)
        scaler = _top_file(layout, meta, top.scaler, MAX_SCALER_BYTES)
        if pth is not None and scaler is not None:
            return Pair(pth, scaler)
        return read_pair(layout, layout.version(meta.model, meta.key, meta.version), meta)
    except FileNotFoundError as error:
        raise ArtifactError(
            f"expected the files of version {meta.version}, but one is missing: {error.filename}",
            hint="restore it from a backup, go back with `tickerflow models rollback`, or train again",
            where=str(top.meta),
        ) from error


def _top_file(layout: Layout, meta: Meta, path: Path, max_bytes: int) -> bytes | None:
    """The file's bytes where they are the committed version's, None where a promotion explains why not.

    Raises `ArtifactError` where the bytes belong to no version that there is.
    """
    expected = meta.digests.pth if path.name.endswith(".pth") else meta.digests.scaler
    try:
        content = read_bytes(path, layout.root, max_bytes)
    except FileNotFoundError:
        return None
    found = sha256(content)
    if found == expected:
        return content
    if any(found in (known.digests.pth, known.digests.scaler) for known in _known(layout, meta.key)):
        return None
    raise _damaged(path, expected, found)


def _known(layout: Layout, key: SeriesKey) -> Iterator[Meta]:
    """Metas of all readable versions, newest first."""
    for version in layout.version_names(key):
        try:
            yield read_version(layout, key, version)
        except (ArtifactError, FileNotFoundError):
            continue  # a damaged old version explains nothing


def _verify(path: Path, expected: str, content: bytes) -> None:
    found = sha256(content)
    if found != expected:
        raise _damaged(path, expected, found)


def _damaged(path: Path, expected: str, found: str) -> ArtifactError:
    return ArtifactError(
        f"damaged or tampered with: expected sha256 {expected}, found {found}",
        hint="go back with `tickerflow models rollback`, or train again",
        where=str(path),
    )
