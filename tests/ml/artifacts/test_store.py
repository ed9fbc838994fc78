"""The store, in peace."""

import os
import time
from pathlib import Path

import pytest
import torch

from ml.artifacts.store import ModelStore
from ml.errors import ArtifactError, BusySeriesError, NotPromotedError, TickerflowError
from ml.series import SeriesKey
from tests.ml.artifacts.samples import (
    AAPL,
    number_of,
    promote,
    toy_bundle,
    toy_meta,
    toy_scaler,
    toy_shapes,
    toy_store,
)

TICKERS = [
    "BRK.A",
    "BRK.B",
    "CON",
    "BTC/USD",
    "BTC-USD",
    "BTC_USD",
    "NA",
    "0700",
    "aapl",
    "AAPL",
    "[A]",
    "*",
]


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    return toy_store(tmp_path / "saved_models")


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_an_empty_store_has_no_champion_and_says_how_to_get_one(store: ModelStore) -> None:
    assert store.champion_meta(AAPL) is None
    assert store.series() == ()
    assert store.history(AAPL) == ()
    with pytest.raises(NotPromotedError, match="tickerflow train --ticker AAPL --interval 1d"):
        store.champion(AAPL)


def test_a_staged_challenger_comes_back_equal_and_serves_nobody(store: ModelStore) -> None:
    bundle = toy_bundle(3, decision=None)
    path = store.stage(bundle, {"history": [1.0, 2.0]})
    assert path.parent.name == "AAPL_1d"
    staged, evaluation = store.load_staged(path)
    assert number_of(staged) == 3
    assert evaluation == {"history": [1.0, 2.0]}
    assert staged.meta.version == path.name
    assert staged.meta.model_copy(update={"version": "", "sha256": None}) == bundle.meta
    assert store.champion_meta(AAPL) is None
    store.discard(path)
    store.discard(path)
    assert not path.exists()
    with pytest.raises(ArtifactError, match="staged challenger"):
        store.load_staged(path)


def test_staging_the_same_bundle_again_gives_the_same_folder(store: ModelStore) -> None:
    first = store.stage(toy_bundle(3), {})
    assert store.stage(toy_bundle(3), {}) == first
    assert store.stage(toy_bundle(4), {}) != first


def test_staged_models_are_swept_after_a_day(store: ModelStore) -> None:
    old, young = store.stage(toy_bundle(1), {}), store.stage(toy_bundle(2), {})
    yesterday = time.time() - 90_000
    os.utime(old, (yesterday, yesterday))
    store.stage(toy_bundle(3), {})
    assert not old.exists()
    assert young.exists()


def test_discard_removes_staged_folders_only(store: ModelStore, tmp_path: Path) -> None:
    promote(store, toy_bundle(1))
    with pytest.raises(ArtifactError, match="expected a folder of"):
        store.discard(next((tmp_path / "saved_models" / "versions" / "AAPL_1d").iterdir()))
    assert number_of(store.champion(AAPL)) == 1


def test_promotion_writes_the_three_files_and_an_immutable_version(
    store: ModelStore, tmp_path: Path
) -> None:
    staged, evaluation = store.load_staged(store.stage(toy_bundle(1), {"a": 1}))
    with store.lock(AAPL, 1):
        meta = store.promote(staged, evaluation, expected_champion=None)
    assert (meta.version, meta.generation, meta.parent) == (staged.meta.version, 1, None)
    assert meta.promoted_at is not None
    version = f"versions/AAPL_1d/{meta.version}"
    trio = {"toy_AAPL_1d.pth", "toy_AAPL_1d.scaler.pkl", "toy_AAPL_1d.meta.json"}
    expected = trio | {f"{version}/{name}" for name in {*trio, "evaluation.json"}}
    expected.add("events/AAPL_1d/0000000001.json")
    found = {
        name for name in files(tmp_path / "saved_models") if not name.startswith((".staging", ".locks"))
    }
    assert found == expected
    assert (
        store.champion_meta(AAPL)
        == meta
        == store.champion(AAPL).meta
        == store.load_version(AAPL, meta.version).meta
    )
    assert number_of(store.champion(AAPL)) == 1
    weights = torch.load(tmp_path / "saved_models" / "toy_AAPL_1d.pth", weights_only=True)
    assert set(weights) == {"weight", "bias"}


def test_promotion_leaves_no_temporary_file(store: ModelStore, tmp_path: Path) -> None:
    promote(store, toy_bundle(1))
    assert not [name for name in files(tmp_path) if ".staging" in name]


def test_each_promotion_is_one_generation_on_and_knows_its_parent(store: ModelStore) -> None:
    first, second = promote(store, toy_bundle(1)), promote(store, toy_bundle(2))
    assert (second.generation, second.parent) == (2, first.version)
    assert number_of(store.champion(AAPL)) == 2
    assert number_of(store.load_version(AAPL, first.version)) == 1


def test_a_challenger_judged_against_another_champion_is_refused(store: ModelStore) -> None:
    first = promote(store, toy_bundle(1))
    second = promote(store, toy_bundle(2))
    for expected in (None, first.version):
        with pytest.raises(BusySeriesError, match=f"found {second.version}"):
            store.promote(toy_bundle(3), {}, expected_champion=expected)
    assert number_of(store.champion(AAPL)) == 2


def test_promoting_the_same_challenger_a_second_time_changes_nothing(store: ModelStore) -> None:
    staged, evaluation = store.load_staged(store.stage(toy_bundle(1), {}))
    first = store.promote(staged, evaluation, expected_champion=None)
    assert (
        store.promote(staged, evaluation, expected_champion=None) == first == store.champion_meta(AAPL)
    )


def test_a_bundle_without_decision_is_not_promoted(store: ModelStore) -> None:
    with pytest.raises(ArtifactError, match="decision"):
        store.promote(toy_bundle(1, decision=None), {}, expected_champion=None)


def test_what_could_not_be_loaded_again_is_not_staged(store: ModelStore) -> None:
    bundle = toy_bundle(1)
    bad = torch.full((2, 3), float("nan"))
    with pytest.raises(ArtifactError, match="weight to be finite"):
        store.stage(type(bundle)(bundle.meta, {**bundle.weights, "weight": bad}, bundle.scaler), {})
    with pytest.raises(ArtifactError, match="3 numbers of float64"):
        store.stage(type(bundle)(bundle.meta, bundle.weights, toy_scaler(1, n_inputs=4)), {})
    with pytest.raises(ArtifactError, match="finite numbers"):
        store.stage(bundle, {"skill": float("nan")})


def test_of_several_architectures_the_newest_promotion_serves(store: ModelStore, tmp_path: Path) -> None:
    promote(store, toy_bundle(1, model="toy"))
    promote(store, toy_bundle(2, model="cnn_lstm"))
    assert number_of(store.champion(AAPL)) == 2
    assert not (tmp_path / "saved_models" / "toy_AAPL_1d.meta.json").exists()
    promote(store, toy_bundle(3, model="toy"))
    assert number_of(store.champion(AAPL)) == 3
    assert [record.meta.model for record in store.history(AAPL) if record.meta] == [
        "toy",
        "cnn_lstm",
        "toy",
    ]


def test_names_never_collide(store: ModelStore) -> None:
    keys = [SeriesKey.of(ticker, interval) for ticker in TICKERS for interval in ("1d", "1h")]
    for number, key in enumerate(keys, start=1):
        promote(store, toy_bundle(number, key))
    assert [number_of(store.champion(key)) for key in keys] == list(range(1, len(keys) + 1))
    assert sorted(store.series()) == sorted(keys)


def test_a_ticker_that_begins_like_an_architecture_is_not_mistaken(store: ModelStore) -> None:
    prefixed, plain = SeriesKey.of("lstm_X", "1d"), SeriesKey.of("X", "1d")
    promote(store, toy_bundle(1, prefixed, model="gru"))
    assert store.champion_meta(plain) is None
    promote(store, toy_bundle(2, plain, model="cnn_lstm"))
    assert number_of(store.champion(prefixed)) == 1
    assert number_of(store.champion(plain)) == 2
    assert set(store.series()) == {prefixed, plain}


def test_rollback_goes_back_one_version_at_a_time(store: ModelStore) -> None:
    first, _, third = (promote(store, toy_bundle(number)) for number in (1, 2, 3))
    second = store.rollback(AAPL, by="ada")
    assert (number_of(store.champion(AAPL)), second.generation) == (2, 4)
    assert second.decision is not None
    assert second.decision.verdict == "rolled_back"
    assert third.version in second.decision.reason
    assert "by ada at 2" in second.decision.reason
    assert store.rollback(AAPL).version == first.version
    assert number_of(store.champion(AAPL)) == 1
    with pytest.raises(NotPromotedError, match="earlier version"):
        store.rollback(AAPL)
    assert store.rollback(AAPL, third.version).generation == 6
    assert number_of(store.champion(AAPL)) == 3
    assert promote(store, toy_bundle(4)).parent == third.version


def test_rollback_to_another_architecture(store: ModelStore) -> None:
    promote(store, toy_bundle(1, model="toy"))
    promote(store, toy_bundle(2, model="gru"))
    store.rollback(AAPL)
    assert number_of(store.champion(AAPL)) == 1


def test_rollback_to_an_unknown_version_changes_nothing(store: ModelStore) -> None:
    promote(store, toy_bundle(1))
    for version in ("20200101T000000Z-00000000", "../../x", ""):
        with pytest.raises(NotPromotedError):
            store.rollback(AAPL, version)
    assert number_of(store.champion(AAPL)) == 1


def test_history_lists_promoted_and_rejected_newest_first(store: ModelStore) -> None:
    promote(store, toy_bundle(1))
    staged, evaluation = store.load_staged(store.stage(toy_bundle(2), {"mae": 1.0}))
    store.record_rejected(staged.meta, evaluation)
    promote(store, toy_bundle(3))
    store.rollback(AAPL)
    records = store.history(AAPL)
    assert [record.status for record in records] == ["promoted", "rejected", "champion"]
    assert [record.meta.metrics["number"] for record in records if record.meta] == [3.0, 2.0, 1.0]
    assert store.evaluation(records[0]) == {"number": 3.0}


def test_the_last_twenty_rejections_stay(store: ModelStore) -> None:
    for number in range(1, 24):
        staged, _ = store.load_staged(store.stage(toy_bundle(number), {}))
        store.record_rejected(staged.meta, {})
        store.discard(store._layout.staging(AAPL) / staged.meta.version)
    numbers = [record.meta.metrics["number"] for record in store.history(AAPL) if record.meta]
    assert numbers == [float(number) for number in range(23, 3, -1)]


def test_a_fit_is_found_whether_it_was_promoted_or_rejected(store: ModelStore) -> None:
    promoted = promote(store, toy_bundle(1))
    staged, _ = store.load_staged(store.stage(toy_bundle(2), {}))
    store.record_rejected(staged.meta, {})
    assert store.find_fit(AAPL, "fit-1") == promoted
    assert store.find_fit(AAPL, "fit-2") == staged.meta
    assert store.find_fit(AAPL, "fit-3") is None
    assert store.find_fit(SeriesKey.of("MSFT", "1d"), "fit-1") is None


def test_what_can_pass_and_what_cannot_have_different_codes() -> None:
    def family(kind: type[TickerflowError]) -> list[type[TickerflowError]]:
        return [kind, *(each for child in kind.__subclasses__() for each in family(child))]

    kinds = family(TickerflowError)
    passing = {kind.code for kind in kinds if kind.retryable}
    assert passing
    assert passing.isdisjoint(kind.code for kind in kinds if not kind.retryable)


def test_real_architectures_are_checked_against_their_networks(tmp_path: Path) -> None:
    store = ModelStore(tmp_path)
    with pytest.raises(ArtifactError, match="can build, found 'toy'"):
        store.stage(toy_bundle(1), {})
    bundle = toy_bundle(1)
    naive = type(bundle)(toy_meta(1, model="naive", config={}), {}, bundle.scaler)
    store.promote(naive, {}, expected_champion=None)
    assert store.champion(AAPL).weights == {}
    with pytest.raises(ArtifactError, match="unknown weights"):
        store.stage(type(bundle)(naive.meta, bundle.weights, bundle.scaler), {})


def test_a_rollback_restores_a_damaged_champion_from_its_own_version(
    store: ModelStore, tmp_path: Path
) -> None:
    first = promote(store, toy_bundle(1))
    top = next(p for p in tmp_path.rglob("toy_AAPL_1d.pth") if "versions" not in p.parts)
    top.write_bytes(b"damaged")
    with pytest.raises(ArtifactError):
        store.champion(AAPL)
    assert store.rollback(AAPL).version == first.version
    assert store.champion(AAPL).meta.version == first.version


def test_a_series_without_a_model_names_those_that_are_like_it(store: ModelStore) -> None:
    promote(store, toy_bundle(1))
    with pytest.raises(NotPromotedError, match="there is AAPL 1d"):
        store.champion(SeriesKey.of("AAPL", "1h"))
    with pytest.raises(NotPromotedError, match="there is AAPL 1d"):
        store.champion(SeriesKey.of("aapl", "1d"))


def test_a_champion_of_an_unknown_architecture_is_found_and_replaced(tmp_path: Path) -> None:
    """A newer Tickerflow may have promoted it: it counts as much as a known one."""
    newer = toy_store(tmp_path)
    promote(newer, toy_bundle(1))
    promote(newer, toy_bundle(1, SeriesKey.of("MSFT", "1d")))
    older = ModelStore(tmp_path, shapes_of=toy_shapes, known=("gru",))
    found = older.champion_meta(AAPL)
    assert found is not None
    assert found.model == "toy"
    promote(older, toy_bundle(2, model="gru"))
    assert {path.name for path in tmp_path.glob("*_AAPL_1d.*")} == {
        "gru_AAPL_1d.pth",
        "gru_AAPL_1d.scaler.pkl",
        "gru_AAPL_1d.meta.json",
    }
    assert number_of(newer.champion(AAPL)) == 2


def test_the_files_that_serve_need_no_versions_beside_them(tmp_path: Path) -> None:
    """A machine that only forecasts may be given the three files alone."""
    promote(toy_store(tmp_path / "here"), toy_bundle(5))
    (tmp_path / "there").mkdir()
    for path in (tmp_path / "here").glob("toy_AAPL_1d.*"):
        (tmp_path / "there" / path.name).write_bytes(path.read_bytes())
    assert number_of(toy_store(tmp_path / "there").champion(AAPL)) == 5


def test_what_a_power_failure_leaves_of_a_staged_challenger_is_refused(store: ModelStore) -> None:
    """Staged files are not flushed to the disk: they may come back empty or cut short."""
    for ending in (".pth", ".scaler.pkl", ".meta.json", "evaluation.json"):
        path = store.stage(toy_bundle(3), {"history": [1.0, 2.0]})
        (file,) = (file for file in path.iterdir() if file.name.endswith(ending))
        whole = file.read_bytes()
        for left in (b"", whole[: len(whole) // 2], bytes(len(whole))):
            file.write_bytes(left)
            with pytest.raises(ArtifactError):
                store.load_staged(path)
        store.discard(path)
