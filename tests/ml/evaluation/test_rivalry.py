"""The champion is met on windows that it has not learnt from, or in the shape that it had before."""

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from ml.artifacts.bundle import Bundle
from ml.artifacts.forecaster import forecaster_of
from ml.artifacts.meta import Decision, Meta
from ml.artifacts.store import ModelStore
from ml.config import Settings
from ml.evaluation.promotion import promote_series
from ml.evaluation.rivalry import learnt_until
from ml.outcomes import Challenger, TrainOutcome
from ml.series import SeriesKey
from ml.training.trainer import train_series
from tests.stored import quick_settings, store_bars
from tests.synthetic import make_bars, with_close

KEY = SeriesKey.of("AAPL", "1d")
BARS, TEST = 800, 160
WINDOWS = TEST - 4


def late_trend() -> pd.DataFrame:
    """Noise, and a trend that sets in with the test bars: whoever knows it has seen them."""
    returns = np.random.default_rng(5).normal(0, 0.01, BARS)
    returns[-TEST:] += 0.01
    return with_close(make_bars(BARS), 100 * np.exp(np.cumsum(returns)))


STAMPS = pd.DatetimeIndex(late_trend()["timestamp"])


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    run = {"plots": "never", "skip_unchanged": False}
    found = quick_settings(tmp_path, train={"features": ("close",)}, run=run)
    store_bars(found, KEY, late_trend())
    return found


def train(settings: Settings, model: str, **fields: Any) -> Challenger:
    """A challenger as trained, up to the split."""
    config = settings.train.model_copy(update={"model": model, **fields})
    challenger = train_series(KEY, settings.model_copy(update={"train": config}))
    assert challenger.outcome is None, challenger.outcome
    return challenger


def enthrone_one_with_memory(settings: Settings, **training: Any) -> str:
    """A drift champion whose slope is that of the test bars; its training section says so, or lies."""
    store = ModelStore(settings.models_dir)
    bundle, _ = store.load_staged(Path(train(settings, "drift").staged))
    meta = bundle.meta.model_copy(
        update={
            "version": "",
            "sha256": None,
            "training": bundle.meta.training.model_copy(update=training),
            "decision": Decision(verdict="promoted", reason="made up", skill=0.3),
        }
    )
    slope = {"slope": torch.tensor([0.01 / meta.target.sigma])}
    return store.promote(Bundle(meta, slope, bundle.scaler), {}, expected_champion=None).version


def judged(settings: Settings, outcome: TrainOutcome) -> Decision:
    """The decision on what was trained, promoted or not."""
    store = ModelStore(settings.models_dir)
    metas = [record.meta for record in store.history(KEY) if record.meta is not None]
    newest = max(
        (meta for meta in metas if meta.model == outcome.challenger), key=lambda m: m.created_at
    )
    assert newest.decision is not None
    return newest.decision


def test_who_knows_the_test_bars_would_win_by_memory(settings: Settings) -> None:
    champion = enthrone_one_with_memory(settings)  # its meta says that it learnt up to the split only
    outcome = promote_series(train(settings, "naive"), settings)
    assert (outcome.status, outcome.version) == ("kept", champion)
    assert "worse than the champion drift" in outcome.reason


def test_a_champion_that_learnt_the_test_bars_does_not_win_by_memory(settings: Settings) -> None:
    enthrone_one_with_memory(settings, learnt_until=STAMPS[-1].to_pydatetime())
    outcome = promote_series(train(settings, "naive"), settings)
    assert (outcome.status, outcome.model) == ("promoted", "naive")
    assert "not distinguishable from the champion drift" in outcome.reason
    assert f"0 of {WINDOWS} windows lie after the last bar that it has learnt from" in outcome.reason
    assert "and 60 are needed" in outcome.reason
    against = judged(settings, outcome).verdicts["champion"]
    assert isinstance(against, dict)
    assert (against["standing"], against["windows"]) == ("undecided", 0)


def test_refitted_up_to_the_split_it_has_no_memory_and_is_met_so(settings: Settings) -> None:
    enthrone_one_with_memory(settings, learnt_until=STAMPS[-1].to_pydatetime())
    stand_in = train(settings, "drift").staged
    challenger = train(settings, "naive").model_copy(update={"rival": stand_in})
    outcome = promote_series(challenger, settings)
    assert outcome.model == "naive", outcome.reason
    assert "its configuration refitted up to the split stood in" in outcome.reason
    decision = judged(settings, outcome)
    against = decision.verdicts["champion"]
    assert isinstance(against, dict)
    assert against["windows"] == WINDOWS
    assert abs(float(against["skill"])) < 0.05  # type: ignore[arg-type]
    assert "refitted" in str(decision.figures["champion_note"])
    assert not Path(stand_in).exists()


def test_the_stand_in_of_a_champion_that_was_replaced_since_does_not_count(settings: Settings) -> None:
    enthrone_one_with_memory(settings, learnt_until=STAMPS[-1].to_pydatetime())
    store = ModelStore(settings.models_dir)
    bundle, extras = store.load_staged(Path(train(settings, "drift").staged))
    training = bundle.meta.training.model_copy(
        update={"mode": "refit", "source": "20200101T000000Z-0123abcd"}
    )
    meta = bundle.meta.model_copy(update={"version": "", "sha256": None, "training": training})
    stand_in = store.stage(replace(bundle, meta=meta, pair=None), extras)
    challenger = train(settings, "naive").model_copy(update={"rival": str(stand_in)})
    outcome = promote_series(challenger, settings)
    assert "stood in" not in outcome.reason
    assert f"0 of {WINDOWS} windows lie after the last bar that it has learnt from" in outcome.reason


def test_the_random_walk_has_learnt_from_no_bar_whatever_its_meta_says(settings: Settings) -> None:
    store = ModelStore(settings.models_dir)
    bundle, _ = store.load_staged(Path(train(settings, "naive").staged))
    training = bundle.meta.training.model_copy(update={"learnt_until": STAMPS[-1].to_pydatetime()})
    decision = Decision(verdict="demoted", reason="made up", skill=0.0)
    update = {"version": "", "sha256": None, "training": training, "decision": decision}
    walk = replace(bundle, meta=bundle.meta.model_copy(update=update), pair=None)
    store.promote(walk, {}, expected_champion=None)
    outcome = promote_series(train(settings, "drift"), settings)
    against = judged(settings, outcome).verdicts["champion"]
    assert isinstance(against, dict)
    assert against["windows"] == WINDOWS


def test_a_stand_in_that_is_better_keeps_its_champion(settings: Settings) -> None:
    champion = enthrone_one_with_memory(settings, learnt_until=STAMPS[-1].to_pydatetime())
    store = ModelStore(settings.models_dir)
    bundle, extras = store.load_staged(Path(train(settings, "drift").staged))
    slope = {"slope": torch.tensor([0.01 / bundle.meta.target.sigma])}
    meta = bundle.meta.model_copy(update={"version": "", "sha256": None})
    stand_in = store.stage(replace(bundle, meta=meta, weights=slope, pair=None), extras)
    challenger = train(settings, "naive").model_copy(update={"rival": str(stand_in)})
    outcome = promote_series(challenger, settings)
    assert (outcome.status, outcome.version) == ("kept", champion)
    assert "refused: it is worse than the champion" in outcome.reason


def test_only_the_windows_after_its_last_learnt_bar_count(settings: Settings) -> None:
    last = STAMPS[BARS - 101].to_pydatetime()
    enthrone_one_with_memory(settings, learnt_until=last)
    outcome = promote_series(train(settings, "naive"), settings)
    assert outcome.status == "kept"  # its slope is right there too
    against = judged(settings, outcome).verdicts["champion"]
    assert isinstance(against, dict)
    assert against["windows"] == 97  # anchors BARS - 101 to BARS - 5
    assert f"{WINDOWS} windows less those before the last bar" in outcome.reason


def test_the_rule_says_how_many_windows_are_enough(settings: Settings) -> None:
    enthrone_one_with_memory(settings, learnt_until=STAMPS[BARS - 101].to_pydatetime())
    strict = settings.promote.model_copy(update={"min_windows": 98})
    outcome = promote_series(train(settings, "naive"), settings.model_copy(update={"promote": strict}))
    assert outcome.status == "promoted"
    assert f"97 of {WINDOWS} windows lie after" in outcome.reason


def test_what_a_model_learnt_from_is_known_of_metas_that_do_not_say(settings: Settings) -> None:
    challenger = train(settings, "drift")
    meta = ModelStore(settings.models_dir).load_staged(Path(challenger.staged))[0].meta

    def until(**training: Any) -> datetime:
        changed = meta.training.model_copy(update={"learnt_until": None, **training})
        return learnt_until(meta.model_copy(update={"training": changed}))

    assert until() == meta.split.validation.last
    assert until(mode="refit") == meta.data.last == STAMPS[-1]
    assert until(learnt_until=STAMPS[3].to_pydatetime()) == STAMPS[3]


def test_of_a_refit_the_fit_on_all_bars_is_promoted_with_the_figures_of_its_proxy(
    settings: Settings,
) -> None:
    lenient = settings.promote.model_copy(update={"versus_walk": "worse"})
    settings = settings.model_copy(update={"promote": lenient})
    store = ModelStore(settings.models_dir)
    proxy = train(settings, "drift")
    bundle, extras = store.load_staged(Path(proxy.staged))
    meta: Meta = bundle.meta.model_copy(
        update={
            "version": "",
            "sha256": None,
            "training": bundle.meta.training.model_copy(
                update={"mode": "refit", "learnt_until": STAMPS[-1].to_pydatetime()}
            ),
        }
    )
    slope = {"slope": torch.tensor([0.25])}
    final = store.stage(replace(bundle, meta=meta, weights=slope, pair=None), extras)
    outcome = promote_series(proxy.model_copy(update={"final": str(final)}), settings)
    assert outcome.status == "promoted", outcome.reason
    champion = store.champion(KEY)
    assert float(champion.weights["slope"][0]) == 0.25
    assert champion.meta.training.mode == "refit"
    assert "have since learnt from those bars too" in champion.meta.training.measured_on
    path = forecaster_of(bundle).changes(late_trend(), range(BARS - TEST, BARS - 4))
    close = late_trend()["close"].to_numpy()
    anchors = np.arange(BARS - TEST, BARS - 4)
    actual = np.stack([close[anchors + k] for k in range(1, 5)], axis=1)
    error = np.abs(actual - close[anchors][:, None] * np.exp(path)).mean()
    assert champion.meta.metrics["mae"] == pytest.approx(error)  # of the proxy, on bars new to it
    assert not final.exists()
    assert not Path(proxy.staged).exists()
