"""The history of a series: every change of its champion is an event of its own, and lasts."""

import json
import signal
from itertools import pairwise
from pathlib import Path

import pytest

from ml.artifacts import events, files, reading
from ml.artifacts.meta import Decision
from ml.artifacts.store import LifeEvent, ModelStore
from tests.ml.artifacts.processes import DiskCalls, die, forked, status_of
from tests.ml.artifacts.samples import AAPL, promote, toy_bundle, toy_meta, toy_store


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    return toy_store(tmp_path / "saved_models")


def told(store: ModelStore) -> list[tuple[str, str]]:
    """What happened to which version, oldest first."""
    return [(life.event.verdict, life.version) for life in reversed(store.life(AAPL)) if life.event]


def serving(store: ModelStore) -> LifeEvent:
    (found,) = [life for life in store.life(AAPL) if life.serves]
    return found


def test_rollbacks_and_demotions_stay_in_the_history_after_later_promotions(store: ModelStore) -> None:
    one, two = promote(store, toy_bundle(1)), promote(store, toy_bundle(2))
    store.rollback(AAPL, by="alice")
    demoted = Decision(verdict="demoted", reason="live skill is lost", skill=0.0)
    three = promote(store, toy_bundle(3, decision=demoted))
    store.rollback(AAPL, one.version, by="bob")
    four = promote(store, toy_bundle(4))
    assert told(store) == [
        ("promoted", one.version),
        ("promoted", two.version),
        ("rolled_back", one.version),
        ("demoted", three.version),
        ("rolled_back", one.version),
        ("promoted", four.version),
    ]
    events = [life.event for life in reversed(store.life(AAPL)) if life.event]
    assert [event.generation for event in events] == [1, 2, 3, 4, 5, 6]
    assert [event.before for event in events] == [
        "", one.version, two.version, one.version, three.version, one.version,
    ]  # fmt: skip
    assert (events[2].by, events[4].by) == ("alice", "bob")
    assert "rolled back from" in events[2].reason
    assert all(early.at <= late.at for early, late in pairwise(events))
    assert serving(store).version == four.version
    for last in range(8):
        assert store.life(AAPL, last) == store.life(AAPL)[:last]


def test_the_last_events_are_told_without_reading_the_versions_of_all_nights(
    store: ModelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    for seed in range(1, 9):
        promote(store, toy_bundle(seed))
    reads: list[str] = []
    real = files.read_bytes

    def noted(path: Path, root: Path, max_bytes: int) -> bytes:
        reads.append(path.name)
        return real(path, root, max_bytes)

    for module in (events, reading):
        monkeypatch.setattr(module, "read_bytes", noted)
    assert len(store.life(AAPL, 2)) == 2
    assert 0 < len(reads) < 10


def test_rejections_stand_between_the_promotions(store: ModelStore) -> None:
    promoted = promote(store, toy_bundle(1))
    lost = Decision(verdict="rejected", reason="it is worse", skill=-0.1)
    bundle, evaluation = store.load_staged(store.stage(toy_bundle(2, decision=lost), {}))
    store.record_rejected(bundle.meta, evaluation)
    assert sorted(told(store)) == [("promoted", promoted.version), ("rejected", bundle.meta.version)]
    assert serving(store).version == promoted.version


def test_a_promotion_that_was_killed_tells_nothing_until_it_is_done(tmp_path: Path) -> None:
    first = promote(toy_store(tmp_path), toy_bundle(1))
    for number in range(2, 400, 3):

        def work(at: int = number) -> None:
            own = toy_store(tmp_path)
            with own.lock(AAPL, 5), DiskCalls(at - 1, die):
                promote(own, toy_bundle(2))

        before = toy_store(tmp_path).champion_meta(AAPL)
        status = status_of(forked(work))
        store = toy_store(tmp_path)
        champion = store.champion_meta(AAPL)
        assert champion is not None
        assert before is not None
        names = [version for _, version in told(store)]
        if champion.version == first.version:
            assert names == [first.version]
        else:
            assert names == [first.version, champion.version]
            break
        assert status == -signal.SIGKILL
    else:
        pytest.fail("a promotion does not end")
    assert number > 30


def test_the_history_of_a_store_without_events_is_that_of_its_versions(store: ModelStore) -> None:
    one, two = promote(store, toy_bundle(1)), promote(store, toy_bundle(2))
    root = Path(store._layout.root)
    for path in (root / "events" / "AAPL_1d").iterdir():
        path.unlink()
    assert told(store) == [("promoted", one.version), ("promoted", two.version)]
    store.rollback(AAPL)
    assert told(store)[-1] == ("rolled_back", one.version)


@pytest.mark.parametrize("content", ["{", "{}", '{"generation": 2}', "[" * 70_000])
def test_a_damaged_event_is_told_as_one_and_harms_nothing(store: ModelStore, content: str) -> None:
    promote(store, toy_bundle(1))
    two = promote(store, toy_bundle(2))
    path = Path(store._layout.root) / "events" / "AAPL_1d" / "0000000001.json"
    path.write_text(content)
    (damaged,) = [life for life in store.life(AAPL) if life.problem]
    assert damaged.problem is not None
    assert damaged.problem.code == "TF060"
    assert serving(store).version == two.version
    assert store.rollback(AAPL).generation == 3


def test_a_generation_never_falls_back_even_where_the_champion_is_damaged(store: ModelStore) -> None:
    promote(store, toy_bundle(1))
    promote(store, toy_bundle(2))
    for _ in range(3):
        rolled = store.rollback(AAPL, toy_version(store))
    (Path(store._layout.root) / "toy_AAPL_1d.meta.json").write_text("{")
    assert promote_over(store, 3) == rolled.generation + 1


def toy_version(store: ModelStore) -> str:
    """The version that does not serve."""
    champion = store.champion_meta(AAPL)
    assert champion is not None
    return next(r.version for r in store.history(AAPL) if r.version != champion.version)


def promote_over(store: ModelStore, number: int) -> int:
    """Promote over a damaged champion; the generation."""
    return store.promote(toy_bundle(number), {}, expected_champion=None).generation


def test_an_event_is_small_and_readable(store: ModelStore) -> None:
    meta = promote(store, toy_bundle(1))
    path = Path(store._layout.root) / "events" / "AAPL_1d" / "0000000001.json"
    event = json.loads(path.read_bytes())
    assert len(path.read_bytes()) < 1000
    assert (event["version"], event["verdict"], event["model"]) == (meta.version, "promoted", "toy")
    assert event["reason"] == toy_meta(1).decision.reason  # type: ignore[union-attr]
