"""Whenever and however a promoter dies or fails: the old champion or the new one, whole."""

import errno
import os
import random
import resource
import shutil
import signal
import struct
import sys
import time
from contextlib import nullcontext
from pathlib import Path

import pytest

from ml.artifacts.bundle import sha256
from ml.artifacts.store import ModelStore
from ml.errors import ArtifactError, ArtifactWriteError, NotPromotedError
from tests.ml.artifacts.processes import DiskCalls, die, forked, status_of
from tests.ml.artifacts.samples import AAPL, number_of, promote, toy_bundle, toy_store

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")

MOST_CALLS = 400


def leftovers(folder: Path) -> list[str]:
    """Temporary files, wherever they are."""
    staging = folder / ".staging"
    return [str(path) for path in folder.rglob("*") if path.name.endswith(".part")] + [
        str(path) for path in staging.rglob("tmp-*")
    ]


def is_mixed(folder: Path, store: ModelStore) -> bool:
    """Whether the files that serve lie there as a promotion left them halfway."""
    meta = store.champion_meta(AAPL)
    assert meta is not None
    base = folder / f"{meta.model}_AAPL_1d"
    return sha256(Path(f"{base}.pth").read_bytes()) != meta.digests.pth or (
        sha256(Path(f"{base}.scaler.pkl").read_bytes()) != meta.digests.scaler
    )


def test_killed_at_random_moments_the_last_promotion_stands(tmp_path: Path, kills: int) -> None:
    """A child promotes 2, 3, ... in two architectures, and says so after each, until it is killed.

    Every other one by the clock, at any instant; the rest within a promotion, whose calls are counted.
    """
    store = toy_store(tmp_path)
    promote(store, toy_bundle(1))
    rng = random.Random(kills)
    acknowledged = 1
    interrupted = 0
    for kill in range(kills):
        reading, writing = os.pipe()
        at = rng.randint(1, 150) if kill % 2 else 0

        def work(start: int = acknowledged, channel: int = writing, at: int = at) -> None:
            own = toy_store(tmp_path)
            with DiskCalls(at, die) if at else nullcontext():
                for number in range(start + 1, start + 1000):
                    promote(own, toy_bundle(number, model="toy" if number % 3 else "gru"))
                    os.write(channel, struct.pack("I", number))

        child = forked(work)
        os.close(writing)
        with os.fdopen(reading, "rb") as channel:
            # On a busy machine a child may not have begun for long: from its first word on.
            said = channel.read(4)
            if not at:
                time.sleep(rng.uniform(0.0, 0.08))
                os.kill(child, signal.SIGKILL)
            assert status_of(child) == -signal.SIGKILL
            numbers = [number for (number,) in struct.iter_unpack("I", said + channel.read())]
        interrupted += bool(leftovers(tmp_path))

        last = numbers[-1] if numbers else acknowledged
        found = number_of(toy_store(tmp_path).champion(AAPL))
        assert found in (last, last + 1), f"promotion {last} was acknowledged, {found} serves"
        acknowledged = found
        for path in tmp_path.glob(".staging/*/tmp-*"):
            os.utime(path, (0, 0))  # to be swept
        if rng.random() < 0.3:
            acknowledged += 1
            promote(store, toy_bundle(acknowledged))
            assert number_of(store.champion(AAPL)) == acknowledged
            assert not is_mixed(tmp_path, store)
    assert interrupted, "no kill came in the middle of a promotion"


@pytest.mark.parametrize(
    ("model", "after"),
    [
        ("toy", False),
        pytest.param("gru", False, marks=pytest.mark.slow),
        pytest.param("toy", True, marks=pytest.mark.slow),
        pytest.param("gru", True, marks=pytest.mark.slow),
    ],
)
def test_killed_at_each_call_that_changes_the_disk(tmp_path: Path, after: bool, model: str) -> None:
    promote(toy_store(tmp_path), toy_bundle(1))
    found = [1]
    mixed = 0
    for number in range(2, MOST_CALLS):

        def work(at: int = number) -> None:
            own = toy_store(tmp_path)
            with own.lock(AAPL, 5), DiskCalls(at - 1, die, after=after):
                promote(own, toy_bundle(at, model=model))

        status = status_of(forked(work))
        store = toy_store(tmp_path)
        found.append(number_of(store.champion(AAPL)))
        assert found[-1] in (found[-2], number)
        assert all(number_of(store.load_version(AAPL, r.version)) for r in store.history(AAPL)[:2])
        mixed += model == "toy" and is_mixed(tmp_path, store)
        if status == 0:
            break
        assert status == -signal.SIGKILL
    else:
        pytest.fail("a promotion does not end")
    assert len(found) > 30
    assert found[5] == 1, "killed before the commit"
    assert found[-2] == len(found) - 1, "killed after it"
    assert mixed or model != "toy", "no kill left files of two versions side by side"


@pytest.mark.parametrize("code", [errno.ENOSPC, pytest.param(errno.EIO, marks=pytest.mark.slow)])
def test_each_call_that_fails_leaves_the_old_champion_or_the_new_one(tmp_path: Path, code: int) -> None:
    store = toy_store(tmp_path)
    promote(store, toy_bundle(1))
    serving = 1

    def fail() -> None:
        raise OSError(code, os.strerror(code))

    for number in range(2, MOST_CALLS):
        champion = store.champion_meta(AAPL)
        assert champion is not None
        bundle = toy_bundle(number)
        calls = DiskCalls(number - 1, fail)
        error: ArtifactError | ArtifactWriteError | None = None
        try:
            with store.lock(AAPL, 5), calls:
                store.promote(bundle, {}, expected_champion=champion.version)
        except (ArtifactError, ArtifactWriteError) as raised:
            error = raised
        if error is not None:
            assert error.retryable
            assert os.strerror(code) in error.message
        assert number_of(toy_store(tmp_path).champion(AAPL)) in (
            (serving, number) if error else (number,)
        )
        if not calls.fired:
            break
        assert not leftovers(tmp_path) or "shutil" in calls.fired
        for path in tmp_path.glob(".staging/*/tmp-*"):
            shutil.rmtree(path)
        store.promote(bundle, {}, expected_champion=champion.version)  # what a retry does
        assert number_of(store.champion(AAPL)) == number
        assert not is_mixed(tmp_path, store)
        serving = number
    else:
        pytest.fail("a promotion does not end")
    assert number > 30


def test_a_full_disk_leaves_the_champion_and_no_temporary_file(tmp_path: Path) -> None:
    """The kernel refuses to let any file grow beyond a limit, at ever larger limits."""
    promote(toy_store(tmp_path), toy_bundle(1))
    before = sorted(path for path in tmp_path.rglob("*") if path.is_file())
    size = max(path.stat().st_size for path in before)
    for limit in range(0, size, 400):

        def work(most: int = limit) -> None:
            own = toy_store(tmp_path)
            champion = own.champion_meta(AAPL)
            assert champion is not None
            resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
            with pytest.raises(ArtifactWriteError, match="what was promoted before still is"):
                own.promote(toy_bundle(2), {"text": "x" * size}, expected_champion=champion.version)
            with pytest.raises(ArtifactWriteError, match="free some space"):
                own.stage(toy_bundle(3), {"text": "x" * size})

        assert status_of(forked(work)) == 0
        assert number_of(toy_store(tmp_path).champion(AAPL)) == 1
        assert not leftovers(tmp_path)
    assert sorted(path for path in tmp_path.rglob("*") if path.is_file()) == before


@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_is_an_error_that_says_so(tmp_path: Path) -> None:
    store = toy_store(tmp_path)
    promote(store, toy_bundle(1))
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(ArtifactWriteError, match="can be written"):
            toy_store(tmp_path).stage(toy_bundle(2), {})
        assert number_of(store.champion(AAPL)) == 1
    finally:
        tmp_path.chmod(0o700)


def test_a_store_in_place_of_a_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "saved_models").write_text("not a folder")
    store = toy_store(tmp_path / "saved_models")
    with pytest.raises(ArtifactWriteError):
        store.stage(toy_bundle(1), {})
    with pytest.raises(NotPromotedError):
        store.champion(AAPL)


def test_the_profile_hook_sees_the_stores_calls(tmp_path: Path) -> None:
    """The tests above would pass by themselves if the hook saw nothing."""
    store = toy_store(tmp_path)
    with DiskCalls(0, die) as calls:
        promote(store, toy_bundle(1))
    assert calls.count > 30
    assert sys.getprofile() is None
