import threading
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ml.artifacts.forecaster import forecaster_of
from ml.artifacts.store import ModelStore
from ml.config import Settings
from ml.errors import ArtifactWriteError
from ml.evaluation import metrics
from ml.evaluation.judge import TestWindows, evaluate
from ml.evaluation.promotion import promote_series
from ml.outcomes import TrainOutcome
from ml.series import SeriesKey
from ml.training.trainer import train_series
from tests.stored import quick_settings, store_bars
from tests.synthetic import make_bars, with_close

KEY = SeriesKey.of("AAPL", "1d")


def persistent(count: int = 900, seed: int = 1) -> pd.DataFrame:
    """Returns that continue: half of the next one is known."""
    rng = np.random.default_rng(seed)
    returns = np.zeros(count)
    for t in range(1, count):
        returns[t] = 0.7 * returns[t - 1] + rng.normal(0, 0.01)
    return with_close(make_bars(count), 100 * np.exp(np.cumsum(returns)))


def run(settings: Settings) -> TrainOutcome:
    return promote_series(train_series(KEY, settings), settings)


@pytest.fixture
def learnable(tmp_path: Path) -> Settings:
    train = {"epochs": 30, "learning_rate": 0.01, "features": ("close",)}
    settings = quick_settings(tmp_path, train=train)
    store_bars(settings, KEY, persistent())
    return settings


@pytest.fixture
def hopeless(tmp_path: Path) -> Settings:
    """Bars of which nothing can be learnt, and a policy that asks for proof."""
    settings = quick_settings(tmp_path, promote={"versus_walk": "better", "level": 1e-6})
    store_bars(settings, KEY, make_bars(500))
    return settings


def test_what_can_be_learnt_is_learnt_and_promoted_as_better(learnable: Settings) -> None:
    outcome = run(learnable)
    assert (outcome.status, outcome.model, outcome.grade) == ("promoted", "lstm", "PASS")
    assert outcome.skill is not None
    assert outcome.skill > 0.05
    assert outcome.metrics["mae"] < outcome.baseline["mae"]
    assert "better than the random walk" in outcome.reason
    assert outcome.coverage_80 == pytest.approx(0.8, abs=0.15)


def test_the_figures_in_meta_json_are_those_of_the_served_model_on_the_test_bars(
    learnable: Settings,
) -> None:
    run(learnable)
    bundle = ModelStore(learnable.models_dir).champion(KEY)
    bars = persistent()
    close = bars["close"].to_numpy()
    anchors = np.arange(len(bars) - int(len(bars) * 0.2), len(bars) - 4)
    assert bundle.meta.metrics["windows"] == len(anchors)
    forecast = close[anchors][:, None] * np.exp(forecaster_of(bundle).changes(bars, anchors))
    actual = np.stack([close[anchors + k] for k in range(1, 5)], axis=1)
    naive = np.repeat(close[anchors][:, None], 4, axis=1)
    mae, mae_naive = np.abs(actual - forecast).mean(), np.abs(actual - naive).mean()
    assert bundle.meta.metrics["mae"] == pytest.approx(mae)
    assert bundle.meta.baselines["naive"]["mae"] == pytest.approx(mae_naive)  # type: ignore[index,call-overload]
    assert bundle.meta.metrics["skill"] == pytest.approx(1 - mae / mae_naive)


def test_without_a_champion_the_loser_is_recorded_and_the_better_baseline_serves(
    hopeless: Settings,
) -> None:
    outcome = run(hopeless)
    assert outcome.status == "kept"
    assert outcome.challenger == "lstm"
    assert outcome.model in ("naive", "drift")
    store = ModelStore(hopeless.models_dir)
    records = {record.status for record in store.history(KEY)}
    assert records == {"champion", "rejected"}
    champion = store.champion_meta(KEY)
    assert champion is not None
    naive, drift = champion.baselines["naive"], champion.baselines["drift"]
    assert isinstance(naive, dict)
    assert isinstance(drift, dict)
    assert champion.model == ("naive" if naive["mae"] <= drift["mae"] else "drift")  # type: ignore[operator]
    assert not list((hopeless.models_dir / ".staging").rglob("*.pth"))


def trending(count: int = 700) -> pd.DataFrame:
    rng = np.random.default_rng(2)
    return with_close(make_bars(count), 100 * np.exp(np.cumsum(rng.normal(0.004, 0.01, count))))


def test_the_drift_that_serves_is_the_drift_whose_figures_stand_beside_it(hopeless: Settings) -> None:
    store_bars(hopeless, KEY, trending())
    # An epoch that learns nothing: whatever is made of its output says nothing about the drift.
    idle = hopeless.train.model_copy(update={"learning_rate": 1e-9})
    outcome = run(hopeless.model_copy(update={"train": idle}))
    assert outcome.model == "drift"
    champion = ModelStore(hopeless.models_dir).champion(KEY)
    drift = champion.meta.baselines["drift"]
    assert isinstance(drift, dict)
    assert champion.meta.metrics["mae"] == pytest.approx(drift["mae"], rel=1e-6)
    path = forecaster_of(champion).paths(trending(), [len(trending()) - 1], 4)[0]
    assert path == pytest.approx(champion.meta.target.mean * np.arange(1, 5), rel=1e-5)


def test_a_challenger_that_is_worse_than_the_champion_leaves_it(learnable: Settings) -> None:
    first = run(learnable)
    naive = learnable.model_copy(update={"train": learnable.train.model_copy(update={"model": "naive"})})
    second = run(naive)
    assert (second.status, second.model, second.version) == ("kept", "lstm", first.version)
    assert "worse than the champion" in second.reason
    assert second.skill == first.skill


def test_force_promotes_what_loses_and_meta_json_says_so(hopeless: Settings) -> None:
    forced = hopeless.model_copy(update={"promote": hopeless.promote.model_copy(update={"force": True})})
    outcome = run(forced)
    assert (outcome.status, outcome.model) == ("promoted", "lstm")
    champion = ModelStore(hopeless.models_dir).champion_meta(KEY)
    assert champion is not None
    assert champion.decision is not None
    assert champion.decision.verdict == "forced"


def test_a_damaged_champion_does_not_stop_the_next_training(learnable: Settings) -> None:
    run(learnable)
    (learnable.models_dir / "lstm_AAPL_1d.pth").write_bytes(b"damaged")
    outcome = run(learnable)
    assert outcome.status == "promoted"
    assert not outcome.skipped
    ModelStore(learnable.models_dir).champion(KEY)


def test_a_champion_that_cannot_be_read_now_is_not_replaced(learnable: Settings) -> None:
    first = run(learnable)
    weights = learnable.models_dir / "lstm_AAPL_1d.pth"
    content = weights.read_bytes()
    weights.unlink()
    weights.symlink_to(weights.name)  # a loop: the system gives an error, not the bytes
    challenger = train_series(KEY, learnable)
    outcome = promote_series(challenger, learnable)
    assert outcome.failure is not None
    assert (outcome.status, outcome.failure.code) == ("failed", "TF064")
    assert Path(challenger.staged).exists()  # for another try
    weights.unlink()
    weights.write_bytes(content)
    champion = ModelStore(learnable.models_dir).champion_meta(KEY)
    assert champion is not None
    assert champion.version == first.version
    assert promote_series(challenger, learnable).status == "promoted"  # alike, so not worse


def test_a_training_that_is_not_repeated_is_accounted_for_by_what_was_trained(
    hopeless: Settings,
) -> None:
    first, again = run(hopeless), run(hopeless)
    assert again.skipped
    assert (first.challenger, again.challenger) == ("lstm", "lstm")
    assert again.model == first.model != "lstm"
    assert again.metrics == first.metrics


def test_what_was_staged_goes_whether_it_is_judged_or_can_never_be(learnable: Settings) -> None:
    challenger = train_series(KEY, learnable)
    next(Path(challenger.staged).glob("*.pth")).write_bytes(b"damaged")
    assert promote_series(challenger, learnable).status == "failed"
    assert not Path(challenger.staged).exists()


def test_a_verdict_stands_though_what_was_staged_cannot_be_removed(
    learnable: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    challenger = train_series(KEY, learnable)

    def refuse(*_: object) -> None:
        raise ArtifactWriteError("in use")

    monkeypatch.setattr(ModelStore, "discard", refuse)
    assert promote_series(challenger, learnable).status == "promoted"


def test_a_series_whose_volume_begins_with_its_test_bars_has_a_forecast(tmp_path: Path) -> None:
    settings = quick_settings(tmp_path)
    bars = make_bars(500)
    bars.loc[:450, "volume"] = np.nan
    store_bars(settings, KEY, bars)
    outcome = run(settings)
    assert outcome.status in ("promoted", "kept"), outcome.failure


def test_bars_that_changed_since_the_training_are_not_judged(learnable: Settings) -> None:
    challenger = train_series(KEY, learnable)
    store_bars(learnable, KEY, persistent(901))
    outcome = promote_series(challenger, learnable)
    assert outcome.status == "failed"
    assert "train again" in (outcome.failure.hint if outcome.failure else "")


def test_the_pictures_of_a_training_are_files(learnable: Settings) -> None:
    plots = [Path(path) for path in run(learnable).plots]
    names = {"loss", "error", "coverage", "forecasts", "residuals"}
    assert {path.name for path in plots} == {f"{name}.png" for name in names}
    assert all(path.parent.parent.parent.name == KEY.stem for path in plots)
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in plots)
    without = learnable.model_copy(
        update={"run": learnable.run.model_copy(update={"plots": "never", "skip_unchanged": False})}
    )
    assert run(without).plots == ()


def test_beyond_the_horizon_is_judged_where_test_bars_are_left(learnable: Settings) -> None:
    run(learnable)
    bundle = ModelStore(learnable.models_dir).champion(KEY)
    anchors = np.arange(720, 896)
    evaluation = evaluate(forecaster_of(bundle), TestWindows(persistent(), anchors, 4))
    assert [beyond.step for beyond in evaluation.beyond] == [8, 20, 40]
    for beyond in evaluation.beyond:
        assert beyond.windows >= 5
        assert beyond.skill == metrics.skill(beyond.mae, beyond.mae_naive)


def test_of_two_promotions_of_one_series_the_second_fails_cleanly_or_waits(hopeless: Settings) -> None:
    challenger = train_series(KEY, hopeless)
    impatient = hopeless.model_copy(
        update={"promote": hopeless.promote.model_copy(update={"lock_seconds": 0})}
    )
    held, release = threading.Event(), threading.Event()

    def hold() -> None:
        with ModelStore(hopeless.models_dir).lock(KEY, 0):
            held.set()
            release.wait(60)

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait(60)
    refused = promote_series(challenger, impatient)
    assert refused.failure is not None
    assert refused.failure.code == "TF051"
    threading.Timer(0.5, release.set).start()
    assert promote_series(challenger, hopeless).status == "kept"
    holder.join()


@pytest.mark.parametrize("model", ["naive", "drift"])
def test_a_baseline_keeps_to_its_definition_beyond_the_horizon(learnable: Settings, model: str) -> None:
    settings = learnable.model_copy(
        update={
            "train": learnable.train.model_copy(update={"model": model}),
            "promote": learnable.promote.model_copy(update={"force": True}),
        }
    )
    run(settings)
    forecaster = forecaster_of(ModelStore(settings.models_dir).champion(KEY))
    path = forecaster.paths(persistent(), [899], 60)[0]
    slope = 0.0 if model == "naive" else forecaster.spec.target.mean
    np.testing.assert_allclose(path, slope * np.arange(1, 61), atol=1e-6)
