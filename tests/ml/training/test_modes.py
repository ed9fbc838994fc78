"""Scratch, warm and refit: what each starts from, learns from and records."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from ml.artifacts.bundle import Bundle
from ml.artifacts.store import ModelStore
from ml.config import Settings
from ml.errors import ArtifactWriteError
from ml.evaluation.promotion import promote_series
from ml.outcomes import Challenger
from ml.series import SeriesKey
from ml.training.trainer import train_series, train_together
from tests.stored import quick_settings, store_bars
from tests.synthetic import make_bars

KEY = SeriesKey.of("AAPL", "1d")
BARS = make_bars(560)


def changed(settings: Settings, group: str, **values: object) -> Settings:
    return settings.model_copy(update={group: getattr(settings, group).model_copy(update=values)})


def on(settings: Settings, count: int, key: SeriesKey = KEY, bars: pd.DataFrame = BARS) -> None:
    """Have the first bars in the store."""
    store_bars(settings, key, bars.iloc[:count].reset_index(drop=True))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    made = quick_settings(tmp_path, train={"epochs": 4, "learning_rate": 0.01}, run={"plots": "never"})
    on(made, 500)
    return made


@pytest.fixture
def champion(settings: Settings) -> Bundle:
    """Trained from scratch on 500 bars, and promoted whatever its figures."""
    forced = changed(settings, "promote", force=True)
    promote_series(train_series(KEY, forced), forced)
    return ModelStore(settings.models_dir).champion(KEY)


def in_mode(settings: Settings, mode: str, **train: object) -> Settings:
    return changed(settings, "train", mode=mode, **train)


def staged(settings: Settings, folder: str) -> tuple[Bundle, list[dict[str, float]]]:
    bundle, evaluation = ModelStore(settings.models_dir).load_staged(Path(folder))
    return bundle, evaluation["history"]


def same(one: Bundle, other: Bundle) -> bool:
    return all(torch.equal(tensor, other.weights[name]) for name, tensor in one.weights.items())


def promoted(challenger: Challenger, settings: Settings) -> Bundle:
    """What serves after the challenger was promoted, whatever its figures."""
    outcome = promote_series(challenger, changed(settings, "promote", force=True))
    assert outcome.status == "promoted", outcome.reason
    return ModelStore(settings.models_dir).champion(KEY)


def refitted(settings: Settings) -> Bundle:
    return promoted(train_series(KEY, in_mode(settings, "refit")), settings)


def test_a_warm_start_goes_on_from_the_champions_weights_in_its_units(
    settings: Settings, champion: Bundle
) -> None:
    on(settings, 520)
    bundle, history = staged(settings, train_series(KEY, in_mode(settings, "warm")).staged)
    meta = bundle.meta
    assert (meta.training.mode, meta.training.source) == ("warm", champion.meta.version)
    assert meta.training.note == ""
    assert meta.target.sigma == champion.meta.target.sigma
    assert all(
        np.array_equal(numbers, bundle.scaler.numbers[name])
        for name, numbers in champion.scaler.numbers.items()
    )
    losses = [line["val_loss"] for line in history]
    assert history[0]["epoch"] == 0
    assert min(losses) == losses[meta.training.best_epoch]
    assert meta.training.epochs_behind == champion.meta.training.best_epoch + meta.training.best_epoch


def test_a_warm_start_begins_at_the_champions_own_validation_loss(
    settings: Settings, champion: Bundle
) -> None:
    """On the same bars; with no more training than none can be better, it is the champion again."""
    again = changed(in_mode(settings, "warm", learning_rate=1e-12), "run", skip_unchanged=False)
    bundle, history = staged(settings, train_series(KEY, again).staged)
    best = champion.meta.training.best_epoch
    folder = settings.models_dir / "versions" / KEY.stem / champion.meta.version
    own = pd.read_json(folder / "evaluation.json", typ="series")["history"]
    assert history[0]["val_loss"] == pytest.approx(own[best]["val_loss"], rel=1e-6)
    for name, tensor in champion.weights.items():
        assert torch.allclose(tensor, bundle.weights[name], atol=1e-6), name


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ({"model": "gru"}, "another architecture (lstm)"),
        ({"features": ("close",)}, "another features"),
        ({"hidden_size": 9}, "another hidden_size"),
        ({"scaler": "robust"}, "another scaler"),
        ({"test_share": 0.3}, "learnt from bars that validation or test need"),
    ],
)
def test_a_warm_start_that_the_champion_does_not_fit_is_from_scratch_and_says_why(
    settings: Settings, champion: Bundle, setting: dict[str, object], words: str
) -> None:
    bundle, history = staged(settings, train_series(KEY, in_mode(settings, "warm", **setting)).staged)
    assert (bundle.meta.training.mode, bundle.meta.training.source) == ("scratch", None)
    assert words in bundle.meta.training.note
    assert history[0]["val_loss"] > 0


@pytest.mark.parametrize("mode", ["warm", "refit"])
def test_without_a_champion_that_was_trained_every_mode_is_from_scratch(
    settings: Settings, mode: str
) -> None:
    asked = in_mode(settings, mode)
    first, _ = staged(settings, train_series(KEY, asked).staged)
    assert first.meta.training.mode == "scratch"
    assert "there is no champion" in first.meta.training.note
    naive = changed(settings, "train", model="naive")
    assert promoted(train_series(KEY, naive), settings).meta.model == "naive"
    challenger = train_series(KEY, asked)
    second, _ = staged(settings, challenger.staged)
    assert second.meta.training.mode == "scratch"
    assert "baseline naive" in second.meta.training.note
    assert challenger.final == ""
    assert same(first, second)


def test_the_outcome_of_a_training_in_another_mode_says_so(settings: Settings) -> None:
    asked = in_mode(settings, "refit")
    outcome = promote_series(train_series(KEY, asked), asked)
    assert "refit was asked for: from scratch, for there is no champion" in outcome.reason


def test_a_refit_takes_configuration_and_epochs_of_the_champion_and_learns_the_newest_bars(
    settings: Settings, champion: Bundle
) -> None:
    on(settings, 520)
    challenger = train_series(KEY, in_mode(settings, "refit", hidden_size=11, seed=99))
    proxy, _ = staged(settings, challenger.staged)
    final, history = staged(settings, challenger.final)
    epochs = champion.meta.training.best_epoch
    for bundle in (proxy, final):
        training = bundle.meta.training
        assert (training.mode, training.source) == ("refit", champion.meta.version)
        assert training.config == {**champion.meta.training.config, "mode": "refit"}
        assert training.epochs_run == training.best_epoch == training.epochs_behind == epochs
    assert [line["epoch"] for line in history] == list(range(epochs + 1))
    assert {line["val_loss"] for line in history} == {None}
    assert not same(proxy, final)
    assert proxy.meta.training.learnt_until == BARS["timestamp"].iloc[415]  # 520 less a fifth
    assert final.meta.training.learnt_until == BARS["timestamp"].iloc[519]
    assert proxy.meta.split.test == final.meta.split.test
    assert proxy.meta.split.train.last < proxy.meta.split.test.first
    assert final.meta.split.train.last == BARS["timestamp"].iloc[519]
    assert final.meta.split.validation.first == final.meta.split.test.first


def test_what_a_refit_learnt_depends_on_no_bar_that_it_says_it_has_not_learnt_from(
    settings: Settings, champion: Bundle
) -> None:
    """The proxy's test is changed: its weights, scaler, gain and intervals are not."""
    asked = in_mode(settings, "refit")
    proxy, _ = staged(settings, train_series(KEY, asked).staged)
    other = BARS.iloc[:500].copy()
    columns = ["open", "high", "low", "close"]
    other.loc[400:, columns] *= np.linspace(1.01, 3.0, 100)[:, None]
    store_bars(settings, KEY, other)
    again, _ = staged(settings, train_series(KEY, asked).staged)
    assert same(proxy, again)
    assert proxy.meta.target == again.meta.target
    assert proxy.meta.intervals == again.meta.intervals


def test_what_is_promoted_after_a_refit_is_the_final_with_the_figures_of_the_proxy(
    settings: Settings, champion: Bundle
) -> None:
    challenger = train_series(KEY, in_mode(settings, "refit"))
    final, _ = staged(settings, challenger.final)
    serving = promoted(challenger, settings)
    assert same(serving, final)
    meta = serving.meta
    assert meta.parent == meta.training.source == champion.meta.version
    assert meta.metrics["windows"] == meta.split.test.windows
    assert "up to" in meta.training.measured_on
    assert meta.certificate["passed"] is True
    assert not list((settings.models_dir / ".staging" / KEY.stem).iterdir())


def test_of_a_refit_that_cannot_be_staged_whole_nothing_stays_staged(
    settings: Settings, champion: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage, calls = ModelStore.stage, 0

    def full_at_the_second(store: ModelStore, bundle: Bundle, evaluation: Mapping[str, object]) -> Path:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise ArtifactWriteError("expected to write, found: the disk is full")
        return stage(store, bundle, evaluation)

    monkeypatch.setattr(ModelStore, "stage", full_at_the_second)
    on(settings, 560)
    result = train_series(KEY, in_mode(settings, "refit"))
    assert calls == 2
    assert result.outcome is not None
    assert result.outcome.status == "failed"
    assert not list((settings.models_dir / ".staging" / KEY.stem).iterdir())


def test_a_refit_after_a_refit_keeps_configuration_and_epochs(
    settings: Settings, champion: Bundle
) -> None:
    first = refitted(settings)
    on(settings, 520)
    second = refitted(settings)
    assert second.meta.training.source == first.meta.version
    assert second.meta.training.config == first.meta.training.config
    assert second.meta.training.best_epoch == champion.meta.training.best_epoch


def test_a_refit_after_a_warm_start_counts_the_epochs_of_both(
    settings: Settings, champion: Bundle
) -> None:
    on(settings, 520)
    warm = promoted(train_series(KEY, in_mode(settings, "warm")), settings)
    bundle, _ = staged(settings, train_series(KEY, in_mode(settings, "refit")).staged)
    assert bundle.meta.training.best_epoch == (
        champion.meta.training.best_epoch + warm.meta.training.best_epoch
    )


@pytest.mark.parametrize("mode", ["warm", "refit"])
def test_the_same_bars_are_not_trained_twice_whether_the_first_time_won_or_lost(
    settings: Settings, champion: Bundle, mode: str
) -> None:
    on(settings, 520)
    asked = in_mode(settings, mode)
    outcome = promote_series(train_series(KEY, asked), asked)
    assert not outcome.skipped
    again = train_series(KEY, asked).outcome
    assert again is not None
    assert again.skipped
    promoted(train_series(KEY, changed(asked, "run", skip_unchanged=False)), asked)
    third = train_series(KEY, asked).outcome
    assert third is not None
    assert third.skipped
    on(settings, 521)
    assert train_series(KEY, asked).staged


def test_a_champion_that_has_learnt_from_the_test_is_refitted_up_to_it_as_a_rival(
    settings: Settings, champion: Bundle
) -> None:
    assert train_series(KEY, changed(settings, "train", epochs=3)).rival == ""
    serving = refitted(settings)
    on(settings, 520)
    challenger = train_series(KEY, changed(settings, "train", model="gru"))
    rival, _ = staged(settings, challenger.rival)
    mine, _ = staged(settings, challenger.staged)
    assert (rival.meta.model, mine.meta.model) == ("lstm", "gru")
    training = rival.meta.training
    assert (training.mode, training.source) == ("refit", serving.meta.version)
    assert training.best_epoch == serving.meta.training.best_epoch
    assert training.learnt_until is not None
    assert training.learnt_until < rival.meta.split.test.first == mine.meta.split.test.first
    outcome = promote_series(challenger, settings)
    assert "refitted up to the split" in outcome.reason


def test_a_refit_of_a_refit_is_its_own_rival(settings: Settings, champion: Bundle) -> None:
    refitted(settings)
    on(settings, 520)
    challenger = train_series(KEY, in_mode(settings, "refit"))
    assert challenger.rival == challenger.staged
    outcome = promote_series(challenger, changed(settings, "promote", versus_walk="worse"))
    assert outcome.status == "promoted"


def test_a_rival_is_staged_for_no_baseline_and_for_none_whose_columns_are_gone(
    settings: Settings, champion: Bundle
) -> None:
    refitted(settings)
    without_volume = BARS.iloc[:520].assign(volume=np.nan)
    store_bars(settings, KEY, without_volume)
    challenger = train_series(KEY, changed(settings, "train", features=("close",)))
    assert challenger.staged
    assert challenger.rival == ""
    closes = changed(settings, "train", features=("close",))
    promoted(train_series(KEY, changed(closes, "train", model="naive")), settings)
    assert train_series(KEY, closes).rival == ""


@pytest.mark.parametrize("mode", ["warm", "refit"])
def test_a_fleet_with_a_start_for_each_series_learns_what_each_learns_alone(
    settings: Settings, mode: str
) -> None:
    keys = [SeriesKey.of(ticker, "1d") for ticker in ("A", "B", "C", "D")]
    forced = changed(settings, "promote", force=True)
    for index, key in enumerate(keys):
        on(settings, 500, key, make_bars(560, seed=index))
        if index:  # A has no champion: it learns from scratch, in the same fleet
            chosen = changed(forced, "train", seed=index, epochs=2 + index)
            promote_series(train_series(key, chosen), chosen)
        on(settings, 520 + index, key, make_bars(560, seed=index))
    asked = in_mode(settings, mode)
    alone = [train_series(key, changed(asked, "train", engine="single")) for key in keys]
    together = dict(train_together(keys, changed(asked, "train", engine="fleet")))

    def pairs() -> Iterator[tuple[str, str]]:
        for challenger in alone:
            other = together[challenger.key]
            assert isinstance(other, Challenger)
            yield challenger.staged, other.staged
            if challenger.final:
                yield challenger.final, other.final

    seen = []
    for mine, theirs in pairs():
        (one, _), (other, _) = staged(settings, mine), staged(settings, theirs)
        assert one.meta.training.mode == other.meta.training.mode
        assert one.meta.training.best_epoch == other.meta.training.best_epoch
        for name, tensor in one.weights.items():
            assert torch.allclose(tensor, other.weights[name], atol=1e-4), name
        seen.append(one.meta.training.mode)
    assert seen == (["scratch"] + ["warm"] * 3 if mode == "warm" else ["scratch"] + ["refit"] * 6)
