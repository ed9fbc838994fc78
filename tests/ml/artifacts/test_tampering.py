"""Damaged, swapped, foreign and newer files: refused with the file's name, or healed, never served."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ml.artifacts.meta import MAX_META_BYTES, Meta, dump_meta, parse_meta
from ml.artifacts.store import ModelStore
from ml.errors import ArtifactError, ArtifactFormatError, NotPromotedError
from ml.series import SeriesKey
from tests.ml.artifacts.samples import AAPL, number_of, promote, toy_bundle, toy_meta, toy_store

MSFT = SeriesKey.of("MSFT", "1d")
SUFFIXES = (".pth", ".scaler.pkl", ".meta.json")


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    """A store with versions 1 and 2, of which 2 serves."""
    store = toy_store(tmp_path)
    promote(store, toy_bundle(1))
    promote(store, toy_bundle(2))
    return store


def top(folder: Path, suffix: str, stem: str = "AAPL_1d") -> Path:
    return folder / f"toy_{stem}{suffix}"


def version_file(folder: Path, meta: Meta, suffix: str) -> Path:
    return folder / "versions" / "AAPL_1d" / meta.version / f"toy_AAPL_1d{suffix}"


def champion_meta(store: ModelStore) -> Meta:
    meta = store.champion_meta(AAPL)
    assert meta is not None
    return meta


@pytest.mark.parametrize("suffix", [".pth", ".scaler.pkl"])
def test_a_flipped_byte_is_refused_with_the_file_and_both_digests(
    store: ModelStore, tmp_path: Path, suffix: str
) -> None:
    path = top(tmp_path, suffix)
    content = path.read_bytes()
    for position in [*range(0, len(content), max(1, len(content) // 60)), len(content) - 1]:
        damaged = bytearray(content)
        damaged[position] ^= 0x10
        path.write_bytes(damaged)
        with pytest.raises(ArtifactError, match=r"expected sha256 [0-9a-f]{64}, found") as caught:
            store.champion(AAPL)
        assert caught.value.where == str(path)
        assert "rollback" in caught.value.hint
    for damaged_length in (b"", content[:-1], content + b"x"):
        path.write_bytes(damaged_length)
        with pytest.raises(ArtifactError):
            store.champion(AAPL)


@pytest.mark.parametrize("step", [9, pytest.param(1, marks=pytest.mark.slow)])
def test_flipped_bytes_of_meta_json_are_refused_or_change_nothing(
    store: ModelStore, tmp_path: Path, step: int
) -> None:
    path = top(tmp_path, ".meta.json")
    content, genuine = path.read_bytes(), champion_meta(store)
    survived = 0
    for position in range(0, len(content), step):
        damaged = bytearray(content)
        damaged[position] ^= 1 << (position % 7)
        path.write_bytes(damaged)
        try:
            assert store.champion_meta(AAPL) == genuine
            survived += 1  # white space for white space, or an E for an e
        except ArtifactError:
            pass
    assert survived < len(content) / step / 20


@pytest.mark.parametrize("suffix", [".pth", ".scaler.pkl"])
def test_a_missing_file_is_taken_from_its_version_and_the_next_promotion_repairs(
    store: ModelStore, tmp_path: Path, suffix: str
) -> None:
    top(tmp_path, suffix).unlink()
    assert number_of(store.champion(AAPL)) == 2
    promote(store, toy_bundle(3))
    assert top(tmp_path, suffix).exists()


@pytest.mark.parametrize("suffixes", [(".pth",), (".scaler.pkl",), (".pth", ".scaler.pkl")])
def test_files_of_another_version_beside_meta_json_are_healed(
    store: ModelStore, tmp_path: Path, suffixes: tuple[str, ...]
) -> None:
    first = store.history(AAPL)[1].meta
    assert first is not None
    for suffix in suffixes:
        shutil.copy(version_file(tmp_path, first, suffix), top(tmp_path, suffix))
    assert number_of(store.champion(AAPL)) == 2


def test_with_the_version_damaged_too_nothing_is_served(store: ModelStore, tmp_path: Path) -> None:
    meta = champion_meta(store)
    top(tmp_path, ".pth").unlink()
    version_file(tmp_path, meta, ".pth").write_bytes(b"damaged")
    with pytest.raises(ArtifactError, match="expected sha256"):
        store.champion(AAPL)
    version_file(tmp_path, meta, ".pth").unlink()
    with pytest.raises(ArtifactError, match="one is missing"):
        store.champion(AAPL)
    store.rollback(AAPL)
    assert number_of(store.champion(AAPL)) == 1


@pytest.mark.parametrize("damage", [".pth", ".scaler.pkl", ".meta.json"])
def test_rollback_and_promotion_get_over_damage(store: ModelStore, tmp_path: Path, damage: str) -> None:
    top(tmp_path, damage).write_bytes(b"damaged")
    with pytest.raises(ArtifactError):
        store.champion(AAPL)
    assert store.series() == (AAPL,)  # listed, so that someone sees it
    assert len(store.history(AAPL)) == 2
    restored = store.rollback(AAPL)
    assert number_of(store.champion(AAPL)) in (1, 2)
    assert restored.generation == 3

    top(tmp_path, damage).write_bytes(b"damaged")
    expected = None if damage == ".meta.json" else restored.version
    assert store.promote(toy_bundle(5), {}, expected_champion=expected).generation >= 3
    assert number_of(store.champion(AAPL)) == 5


def test_a_damaged_old_version_shows_in_the_history_and_harms_nobody(
    store: ModelStore, tmp_path: Path
) -> None:
    old = store.history(AAPL)[1]
    assert old.meta is not None
    version_file(tmp_path, old.meta, ".meta.json").write_text("{}")
    records = store.history(AAPL)
    assert [record.status for record in records] == ["champion", "damaged"]
    assert records[1].problem is not None
    assert number_of(store.champion(AAPL)) == 2
    with pytest.raises(ArtifactError):
        store.rollback(AAPL)
    assert number_of(store.champion(AAPL)) == 2


def test_another_series_files_are_refused_under_this_name(store: ModelStore, tmp_path: Path) -> None:
    promote(store, toy_bundle(7, MSFT))
    backup = top(tmp_path, ".pth").read_bytes()
    shutil.copy(top(tmp_path, ".pth", "MSFT_1d"), top(tmp_path, ".pth"))
    with pytest.raises(ArtifactError, match="expected sha256"):
        store.champion(AAPL)
    top(tmp_path, ".pth").write_bytes(backup)
    shutil.copy(top(tmp_path, ".meta.json", "MSFT_1d"), top(tmp_path, ".meta.json"))
    with pytest.raises(ArtifactError, match="expected the model of AAPL 1d, found toy of MSFT 1d"):
        store.champion(AAPL)
    for suffix in SUFFIXES:
        shutil.copy(top(tmp_path, suffix, "MSFT_1d"), top(tmp_path, suffix))
    with pytest.raises(ArtifactError, match="MSFT"):
        store.champion(AAPL)
    assert number_of(store.champion(MSFT)) == 7


def test_a_model_under_another_architectures_name_is_refused(store: ModelStore, tmp_path: Path) -> None:
    top(tmp_path, ".meta.json").rename(tmp_path / "gru_AAPL_1d.meta.json")
    with pytest.raises(ArtifactError, match="found toy"):
        store.champion(AAPL)


def test_a_version_folder_under_another_name_is_refused(store: ModelStore, tmp_path: Path) -> None:
    folder = tmp_path / "versions" / "AAPL_1d"
    (folder / champion_meta(store).version).rename(folder / "20200101T000000Z-00000000")
    with pytest.raises(ArtifactError, match="renamed or copied"):
        store.load_version(AAPL, "20200101T000000Z-00000000")
    assert number_of(store.champion(AAPL)) == 2


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_link_out_of_the_folder_is_refused(
    store: ModelStore, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, suffix: str
) -> None:
    outside = tmp_path_factory.mktemp("outside") / "file"
    top(tmp_path, suffix).rename(outside)
    top(tmp_path, suffix).symlink_to(outside)
    with pytest.raises(ArtifactError, match="found a link"):
        store.champion(AAPL)


def test_a_folder_of_models_that_is_a_link_itself_is_fine(store: ModelStore, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(tmp_path, target_is_directory=True)
    linked = toy_store(link)
    assert number_of(linked.champion(AAPL)) == 2
    promote(linked, toy_bundle(3))
    assert number_of(store.champion(AAPL)) == 3


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("kind", ["fifo", "folder", "loop", "device"])
def test_no_regular_file_is_refused_at_once(
    store: ModelStore, tmp_path: Path, suffix: str, kind: str
) -> None:
    path = top(tmp_path, suffix)
    path.unlink()
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "loop":
        path.symlink_to(path)
    else:
        path.symlink_to("/dev/zero")
    with pytest.raises(ArtifactError):
        store.champion(AAPL)


def test_a_meta_json_that_is_too_large_is_refused_unread(store: ModelStore, tmp_path: Path) -> None:
    with top(tmp_path, ".meta.json").open("r+b") as file:
        file.truncate(MAX_META_BYTES + 1)
    with pytest.raises(ArtifactError, match="at most"):
        store.champion_meta(AAPL)


def test_a_newer_format_says_upgrade_and_is_never_replaced(store: ModelStore, tmp_path: Path) -> None:
    path = top(tmp_path, ".meta.json")
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": 2, "colour": "blue"}))
    content = path.read_bytes()
    with pytest.raises(ArtifactFormatError, match="newer Tickerflow") as caught:
        store.champion(AAPL)
    assert caught.value.code == "TF061"
    assert "upgrade" in caught.value.hint
    with pytest.raises(ArtifactFormatError):
        store.promote(toy_bundle(3), {}, expected_champion=None)
    with pytest.raises(ArtifactFormatError):
        store.rollback(AAPL)
    assert path.read_bytes() == content


def _set(*path: str, to: object) -> Callable[[dict[str, Any]], None]:
    def change(document: dict[str, Any]) -> None:
        for name in path[:-1]:
            document = document[name]
        document[path[-1]] = to

    return change


def nested(depth: int) -> object:
    value: object = 1.0
    for _ in range(depth):
        value = [value]
    return value


CHANGES = {
    "format as text": _set("format", to="1"),
    "format true": _set("format", to=True),
    "format zero": _set("format", to=0),
    "unknown field": _set("colour", to="blue"),
    "unknown nested field": _set("data", "colour", to="blue"),
    "generation true": _set("generation", to=True),
    "generation text": _set("generation", to="5"),
    "generation negative": _set("generation", to=-1),
    "generation huge": _set("generation", to=2**70),
    "seq_len huge": _set("seq_len", to=10**9),
    "horizon huge": _set("horizon", to=10**9),
    "config not a number": _set("config", "hidden_size", to="64"),
    "config too large": _set("config", to={f"x{number}": 1 for number in range(100)}),
    "inputs too many": _set("inputs", to=["x"] * 5000),
    "model with path": _set("model", to="../lstm"),
    "model with newline": _set("model", to="toy\n"),
    "ticker with path": _set("ticker", to="../AAPL"),
    "ticker look-alike": _set("ticker", to="АAPL"),
    "interval unknown": _set("interval", to="1M"),
    "version with path": _set("version", to="../../../etc"),
    "version empty": _set("version", to=""),
    "version with newline": _set("version", to="20261122T115000Z-1a2b3c4d\n"),
    "version of other digits": _set("version", to="٢٠261122T115000Z-1a2b3c4d"),
    "parent with path": _set("parent", to="../x"),
    "reason long": _set("decision", "reason", to="x" * 100_000),
    "verdict unknown": _set("decision", "verdict", to="champion"),
    "no decision": _set("decision", to=None),
    "metrics too many": _set("metrics", to={f"x{number}": 1.0 for number in range(10_000)}),
    "metrics too deep": _set("metrics", to={"x": nested(20)}),
    "metrics too large": _set("metrics", to={"x": 10**400}),
    "sha256 short": _set("sha256", "pth", to="abc"),
    "sha256 missing": _set("sha256", to=None),
    "naive time": _set("created_at", to="2026-11-22T11:50:00"),
    "time as number": _set("created_at", to=1_800_000_000),
    "sigma zero": _set("target", "sigma", to=0.0),
    "intervals empty": _set("intervals", "radius_80", to=[]),
    "intervals of no known method": _set("intervals", "method", to="hoped_for"),
    "intervals of another method": _set("intervals", "method", to="adaptive_conformal"),
    "plain edit": _set("metrics", "number", to=99.0),
    "plain edit of the decision": _set("decision", "skill", to=0.9),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_meta_json_out_of_bounds_is_refused(change: str) -> None:
    document = json.loads(dump_meta(sealed()))
    CHANGES[change](document)
    with pytest.raises(ArtifactError, match=r"x\.meta\.json") as caught:
        parse_meta(json.dumps(document).encode(), "x.meta.json")
    assert type(caught.value) is ArtifactError
    assert len(str(caught.value)) < 2000


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"format": 1}',
        b'{"format": 1, "format": 1}',
        b'{"format": NaN}',
        b'{"format": ' + b"9" * 10_000 + b"}",
    ],
)
def test_what_is_no_meta_json_is_refused(content: bytes) -> None:
    with pytest.raises(ArtifactError):
        parse_meta(content, "x")


def test_not_a_number_is_refused_where_json_would_let_it_pass() -> None:
    content = dump_meta(sealed()).replace(b'"sigma": 0.01', b'"sigma": NaN')
    with pytest.raises(ArtifactError, match="NaN"):
        parse_meta(content, "x")


def test_a_meta_survives_to_the_bit() -> None:
    meta = sealed(metrics={"x": [1 / 3, 1e-300, 5e-324, np.float32(0.1), np.int64(3)], "n": {"m": None}})
    again = parse_meta(dump_meta(meta), "x")
    assert again.model_dump(exclude={"sha256"}) == meta.model_dump(exclude={"sha256"})
    assert dump_meta(again) == dump_meta(meta)


def test_a_meta_out_of_bounds_cannot_be_made_either() -> None:
    for changes in ({"metrics": {"x": float("nan")}}, {"ticker": "../x"}, {"generation": 1}):
        with pytest.raises(ValueError):
            toy_meta(1, **changes)


def test_a_staged_challenger_that_was_tampered_with_is_refused(store: ModelStore) -> None:
    path = store.stage(toy_bundle(3), {})
    file = path / "toy_AAPL_1d.pth"
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    with pytest.raises(ArtifactError, match="expected sha256"):
        store.load_staged(path)


def test_files_that_are_not_the_stores_disturb_nobody(store: ModelStore, tmp_path: Path) -> None:
    for name in (
        "README.md",
        "AAPL_1d.meta.json",
        "_AAPL_1d.meta.json",
        "Toy_AAPL_1d.meta.json",
        ".DS_Store",
    ):
        (tmp_path / name).write_text("x")
    (tmp_path / "versions" / ".DS_Store").write_text("x")
    (tmp_path / "versions" / "AAPL_1d" / ".DS_Store").write_text("x")
    assert number_of(store.champion(AAPL)) == 2
    assert store.series() == (AAPL,)
    assert len(store.history(AAPL)) == 2


def test_a_champion_that_was_removed_by_hand_is_not_promoted(store: ModelStore, tmp_path: Path) -> None:
    for suffix in SUFFIXES:
        top(tmp_path, suffix).unlink()
    with pytest.raises(NotPromotedError):
        store.champion(AAPL)
    assert store.series() == ()
    assert store.rollback(AAPL).generation == 3
    assert number_of(store.champion(AAPL)) == 2


def sealed(**changes: Any) -> Meta:
    """A meta as the store would have promoted it."""
    meta = toy_meta(1, **changes)
    return meta.model_validate(
        {
            **meta.model_dump(),
            "version": "20261122T115000Z-1a2b3c4d",
            "generation": 1,
            "promoted_at": meta.created_at,
            "sha256": {"pth": "a" * 64, "scaler": "b" * 64},
        }
    )
