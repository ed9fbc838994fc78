import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch

from ml.artifacts.forecaster import forecaster_of
from ml.artifacts.store import ModelStore
from ml.config import Settings, TrainConfig
from ml.data.store import Sidecar, write_sidecar
from ml.evaluation.intervals import fan
from ml.evaluation.promotion import promote_series
from ml.forecasting.threads import torch_seed, torch_threads
from ml.series import SeriesKey
from ml.training.dataset import build_dataset
from ml.training.loop import Epoch, Fit, Job, fit
from ml.training.network import build_network, network_config
from ml.training.trainer import train_series
from tests.stored import quick_settings, store_bars
from tests.synthetic import make_bars, with_close

KEY = SeriesKey.of("AAPL", "1d")
BARS = make_bars(500)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    made = quick_settings(tmp_path)
    store_bars(made, KEY, BARS)
    return made


def changed(settings: Settings, group: str, **values: object) -> Settings:
    return settings.model_copy(update={group: getattr(settings, group).model_copy(update=values)})


def test_a_challenger_is_staged_with_all_that_rebuilds_it(settings: Settings) -> None:
    challenger = train_series(KEY, settings)
    bundle, evaluation = ModelStore(settings.models_dir).load_staged(Path(challenger.staged))
    meta = bundle.meta
    assert (meta.model, meta.ticker, meta.interval) == ("lstm", "AAPL", "1d")
    assert meta.features == ("close", "rsi_14", "volume")
    assert meta.training.config["epochs"] == 2
    assert meta.training.epochs_run == 2
    assert meta.data.rows == 500
    assert meta.split.test.last == BARS["timestamp"].iloc[-1]
    assert meta.split.gap == 4
    assert meta.libraries["torch"] == torch.__version__
    assert [line["epoch"] for line in evaluation["history"]] == [0, 1, 2]
    assert np.isfinite(fan(forecaster_of(bundle), BARS, 9).upper_95).all()


def test_the_same_seed_gives_the_same_weights(settings: Settings) -> None:
    store = ModelStore(settings.models_dir)

    def weights(seed: int) -> dict[str, torch.Tensor]:
        challenger = train_series(KEY, changed(settings, "train", seed=seed))
        return dict(store.load_staged(Path(challenger.staged))[0].weights)

    first, again, other = weights(1), weights(1), weights(2)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)


@pytest.mark.parametrize("model", ["lstm", "gru", "cnn_lstm", "naive", "drift"])
def test_every_architecture_can_be_trained_and_promoted(settings: Settings, model: str) -> None:
    forced = changed(changed(settings, "train", model=model), "promote", force=True)
    outcome = promote_series(train_series(KEY, forced), forced)
    assert (outcome.status, outcome.model) == ("promoted", model)
    assert (settings.models_dir / f"{model}_AAPL_1d.meta.json").exists()


@pytest.mark.parametrize("model", ["naive", "drift"])
def test_a_baseline_is_promoted_as_it_is_defined(settings: Settings, model: str) -> None:
    chosen = changed(changed(settings, "train", model=model), "promote", force=True)
    promote_series(train_series(KEY, chosen), chosen)
    meta = ModelStore(settings.models_dir).champion_meta(KEY)
    assert meta is not None
    assert meta.target.gain == (1.0,)


@pytest.mark.parametrize("scaler", ["minmax", "standard", "robust"])
def test_every_scaler_can_be_saved_and_loaded(settings: Settings, scaler: str) -> None:
    chosen = changed(changed(settings, "train", scaler=scaler), "promote", force=True)
    assert promote_series(train_series(KEY, chosen), chosen).status == "promoted"
    bundle = ModelStore(settings.models_dir).champion(KEY)
    assert bundle.scaler.name == scaler


def test_a_series_without_volume_can_be_trained_with_the_defaults(settings: Settings) -> None:
    key = SeriesKey.of("EURUSD", "1d")
    store_bars(settings, key, make_bars(600, volume=False))
    challenger = train_series(key, changed(settings, "train", features=None))
    assert challenger.outcome is None
    bundle, _ = ModelStore(settings.models_dir).load_staged(Path(challenger.staged))
    assert "volume" not in bundle.meta.features


def test_too_few_bars_end_in_an_outcome_to_skip_with_both_numbers(settings: Settings) -> None:
    key = SeriesKey.of("NEW", "1d")
    store_bars(settings, key, make_bars(120))
    outcome = train_series(key, settings).outcome
    assert outcome is not None
    assert (outcome.status, outcome.grade) == ("failed", "SKIP")
    assert "found 120" in outcome.reason


def test_constant_prices_end_in_an_outcome(settings: Settings) -> None:
    key = SeriesKey.of("FLAT", "1d")
    store_bars(settings, key, with_close(make_bars(500), np.full(500, 9.0)))
    outcome = train_series(key, settings).outcome
    assert outcome is not None
    assert outcome.failure is not None
    assert outcome.failure.code == "TF022"


def test_an_unknown_model_or_feature_ends_in_an_outcome_that_lists_what_there_is(
    settings: Settings,
) -> None:
    for setting in ({"model": "lstn"}, {"features": ("close", "rsj_14")}):
        outcome = train_series(KEY, changed(settings, "train", **setting)).outcome
        assert outcome is not None
        assert outcome.failure is not None
        assert "lstm" in outcome.failure.hint or "rsi" in str(outcome.failure)


def test_a_series_that_was_never_ingested_ends_in_an_outcome(settings: Settings) -> None:
    outcome = train_series(SeriesKey.of("NONE", "1d"), settings).outcome
    assert outcome is not None
    assert outcome.failure is not None
    assert "ingest" in outcome.failure.hint


def test_the_same_bars_and_configuration_are_not_trained_twice(settings: Settings) -> None:
    first = promote_series(train_series(KEY, settings), settings)
    again = promote_series(train_series(KEY, settings), settings)
    assert not first.skipped
    assert again.skipped
    assert (again.status, again.version) == ("kept", first.version)
    assert again.metrics == first.metrics


def test_new_bars_another_configuration_or_a_lost_champion_are_trained(settings: Settings) -> None:
    promote_series(train_series(KEY, settings), settings)
    assert train_series(KEY, changed(settings, "train", epochs=3)).staged
    assert train_series(KEY, changed(settings, "run", skip_unchanged=False)).staged
    assert train_series(KEY, changed(settings, "promote", margin=0.05)).staged
    for path in settings.models_dir.glob("*_AAPL_1d.*"):
        path.unlink()
    assert train_series(KEY, settings).staged
    store_bars(settings, KEY, make_bars(501))
    assert train_series(KEY, settings).staged


def test_what_a_deadline_cut_short_is_trained_again_with_more_time(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, hours = time.monotonic, [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock() + 3600 * hours[0])

    def slow(epoch: Epoch) -> None:
        hours[0] += epoch.epoch == 1

    hasty = changed(changed(settings, "train", deadline_seconds=1800), "promote", force=True)
    promote_series(train_series(KEY, hasty, slow), hasty)
    meta = ModelStore(settings.models_dir).champion_meta(KEY)
    assert meta is not None
    assert meta.training.stopped == "deadline"
    patient = changed(hasty, "promote", force=False)
    assert not train_series(KEY, patient).staged
    assert train_series(KEY, changed(patient, "train", deadline_seconds=3000)).staged


def test_bars_that_are_ingested_between_two_readings_are_noticed(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ml.training.trainer.read_bars", lambda *_: make_bars(499))
    outcome = train_series(KEY, settings).outcome
    assert outcome is not None
    assert outcome.failure is not None
    assert "ingested again" in outcome.failure.message


def test_a_series_of_thousands_of_files_can_be_trained(settings: Settings) -> None:
    ingested = store_bars(settings, KEY, BARS)
    files = tuple(f"AAPL_1d_{day}.csv" for day in range(5000))
    many = Sidecar(config="", sources=(), outcome=ingested.model_copy(update={"files": files}))
    write_sidecar(settings.store_dir, KEY, many)
    challenger = train_series(KEY, settings)
    bundle, _ = ModelStore(settings.models_dir).load_staged(Path(challenger.staged))
    assert bundle.meta.data.files == files[:4096]


def test_meta_json_has_the_whole_config_of_the_architecture() -> None:
    assert network_config(TrainConfig(model="cnn_lstm", dropout=0.3)) == {
        "hidden_size": 24,
        "num_layers": 1,
        "dropout": 0.3,
        "channels": 64,
        "kernel_size": 5,
    }
    assert network_config(TrainConfig(model="naive")) == {}


def test_the_same_seed_gives_the_same_weights_whatever_other_threads_do(settings: Settings) -> None:
    config = settings.train.model_copy(update={"epochs": 3})
    dataset = build_dataset(BARS, config)
    promote_series(train_series(KEY, settings), settings)
    champion = ModelStore(settings.models_dir).champion(KEY)

    def weights(_: int = 0) -> dict[str, torch.Tensor]:
        def rebuild(_index: int, _epoch: Epoch) -> None:  # as a promotion in another thread does
            forecaster_of(champion)

        with torch_seed(config.seed), torch_threads(1):
            network = build_network(dataset, config)
            job = Job(dataset.train, dataset.validation)
            (result,) = fit(network, [job], config, torch.device("cpu"), rebuild)
        assert isinstance(result, Fit)
        return result.weights

    alone = weights()
    with ThreadPoolExecutor(3) as pool:
        for others in pool.map(weights, range(6)):
            assert all(torch.equal(alone[name], others[name]) for name in alone)


def test_a_training_that_fails_leaves_a_series_without_a_champion_its_baseline(
    settings: Settings,
) -> None:
    hurried = changed(settings, "train", deadline_seconds=1e-9)
    outcome = promote_series(train_series(KEY, hurried), hurried)
    assert (outcome.status, outcome.grade, outcome.model) == ("failed", "ERROR", "naive")
    assert outcome.failure is not None
    assert outcome.failure.code == "TF050"
    assert "deadline" in outcome.reason
    champion = ModelStore(settings.models_dir).champion(KEY)
    assert champion.meta.model == "naive"

    again = promote_series(train_series(KEY, hurried), hurried)
    assert (again.status, again.version) == ("failed", "")  # the champion stays, and was not judged
    assert ModelStore(settings.models_dir).champion(KEY).meta.version == champion.meta.version
    later = promote_series(train_series(KEY, settings), settings)
    assert later.status in ("promoted", "kept")
    assert not later.skipped
