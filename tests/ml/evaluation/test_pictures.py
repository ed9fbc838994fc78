"""Pictures of what a version has shown: small PNGs, and drawings for a page that cut nothing off."""

import json
import math
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from ml.config import TrainConfig
from ml.evaluation import canvas
from ml.evaluation.canvas import BLUE, GREY, ORANGE
from ml.evaluation.intervals import bands
from ml.evaluation.judge import TestWindows
from ml.evaluation.pictures import (
    coverage_picture,
    error_by_step_picture,
    evaluation_pictures,
    evaluation_plots,
    forecasts_picture,
    live_picture,
    loss_picture,
    residuals_picture,
)
from ml.evaluation.sketch import sketch
from ml.evaluation.svg import panel_svgs, swatches
from ml.forecasting.forecaster import Forecaster
from ml.training.learning import learn
from tests.ml.evaluation.test_plots import MAX_PNG_BYTES, has_colour
from tests.synthetic import make_bars


def test_the_loss_picture_marks_the_epoch_that_was_kept() -> None:
    losses = [0.5, 0.42, 0.47, 0.6]
    history: list[dict[str, float | None]] = [{"epoch": 0, "train_loss": None, "val_loss": 0.52}]
    history += [
        {"epoch": n, "train_loss": 0.6 / n, "val_loss": loss} for n, loss in enumerate(losses, 1)
    ]
    png = loss_picture("AAPL 1d (lstm)", history).png()
    assert len(png) < MAX_PNG_BYTES
    assert has_colour(png, canvas.GREEN)
    assert has_colour(png, ORANGE)


def test_the_loss_picture_bears_no_epochs_and_losses_that_are_not_finite() -> None:
    assert not has_colour(loss_picture("AAPL 1d (naive)", []).png(), canvas.GREEN)
    broken = [
        {"epoch": 1, "train_loss": 0.5, "val_loss": math.nan},
        {"epoch": 2, "train_loss": math.inf, "val_loss": 0.3},
    ]
    assert has_colour(loss_picture("AAPL 1d (lstm)", broken).png(), canvas.GREEN)


def test_the_error_picture_is_blue_only_where_the_model_beats_the_random_walk() -> None:
    naive = [1.0, 1.4, 1.7]
    better = {"mae": [0.9, 1.3, 1.6], "mae_naive": naive, "mae_drift": [1.1, 1.5, 1.8]}
    png = error_by_step_picture("AAPL 1d", better, "lstm").png()
    assert len(png) < MAX_PNG_BYTES
    assert all(has_colour(png, colour) for colour in (BLUE, ORANGE, canvas.GREEN))
    worse = error_by_step_picture("AAPL 1d", {"mae": [1.1, 1.5, 1.8], "mae_naive": naive}, "lstm").png()
    assert not has_colour(worse, BLUE)


def test_the_error_picture_bears_a_random_walk_without_errors() -> None:
    still = {"mae": [0.0, 0.1], "mae_naive": [0.0, 0.0]}
    assert error_by_step_picture("PEG 1d", still, "lstm").png()


def test_the_coverage_picture_is_small() -> None:
    png = coverage_picture("AAPL 1d (lstm)", [0.78, 0.81, 0.2], [0.94, 0.97, 1.0]).png()
    assert len(png) < MAX_PNG_BYTES
    assert has_colour(png, BLUE)


def test_an_evaluation_gets_its_pictures_and_one_of_the_loss_if_it_was_trained() -> None:
    scores = {"mae_by_step": [1.0, 1.5]}
    evaluation = {
        "model": scores,
        "naive": scores,
        "drift": scores,
        "coverage": {"by_step_80": [0.8, 0.7], "by_step_95": [0.9, 1.0]},
        "history": [{"epoch": 0, "train_loss": None, "val_loss": 0.3}],
    }
    assert set(evaluation_plots("AAPL 1d", "lstm", evaluation)) == {"error", "coverage", "loss"}
    assert set(evaluation_pictures("AAPL 1d", "lstm", evaluation)) == {"error", "coverage", "loss"}
    assert set(evaluation_plots("AAPL 1d", "naive", evaluation | {"history": []})) == {
        "error",
        "coverage",
    }


def sketched_by(forecaster: Forecaster, test: TestWindows, changes: NDArray[np.float64]) -> Any:
    close = test.bars["close"].to_numpy()
    made = bands(forecaster.spec.intervals, close, test.anchors, test.steps)
    return sketch(forecaster, test, changes, made)


@pytest.fixture(scope="module")
def sketched() -> Any:
    """Of a real model on real windows, as evaluation.json would have it."""
    bars = make_bars(500)
    learnt = learn(bars, TrainConfig(model="drift", features=("close",), seq_len=16, horizon=5))
    test = TestWindows(bars, np.array(learnt.dataset.split.test), 5)
    changes = learnt.forecaster.changes(bars, test.anchors)
    return json.loads(json.dumps(sketched_by(learnt.forecaster, test, changes)))


def test_a_sketch_says_what_was_forecast_and_what_came(sketched: Any) -> None:
    bars, recent = make_bars(500), sketched["recent"]
    assert recent["close"] == pytest.approx(
        bars["close"].iloc[-len(recent["close"]) :].tolist(), rel=1e-5
    )
    assert pd.Timestamp(recent["stamps"][-1], unit="s", tz="UTC") == bars["timestamp"].iloc[-1]
    assert all(fan["at"] + 5 < len(recent["close"]) for fan in recent["fans"])
    for step in ("first_step", "last_step"):
        assert sum(sketched["residuals"][step]) == pytest.approx(1, abs=1e-4)


def test_a_sketch_stays_small_however_long_the_test_is() -> None:
    bars = make_bars(9_000, freq="h")
    learnt = learn(bars, TrainConfig(model="naive", features=("close",), seq_len=16, horizon=10))
    test = TestWindows(bars, np.array(learnt.dataset.split.test), 10)
    made = sketched_by(learnt.forecaster, test, np.zeros((len(test.anchors), 10)))
    assert len(json.dumps(made)) < 12_000


def test_forecasts_and_residuals_are_drawn_beside_the_random_walk(sketched: Any) -> None:
    forecasts = forecasts_picture("AAPL 1d (drift)", sketched["recent"])
    assert {"close", "forecast", "random walk"} <= {entry.label for entry in forecasts.legend}
    for picture in (forecasts, residuals_picture("AAPL 1d (drift)", sketched["residuals"])):
        png = picture.png()
        assert len(png) < MAX_PNG_BYTES
        assert has_colour(png, BLUE)


def live_record(count: int = 60, error: float = 0.9, version: str = "") -> pd.DataFrame:
    rng = np.random.default_rng(0)
    walk = rng.normal(0, 0.01, 3 * count)
    return pd.DataFrame(
        {
            "asof": np.repeat(pd.date_range("2025-01-01", periods=count, tz="UTC"), 3),
            "version": version,
            "error": error * walk,
            "walk_error": walk,
            "inside_80": np.abs(walk) < 0.0128,
            "inside_95": np.abs(walk) < 0.0196,
        }
    )


def test_the_live_score_is_told_with_its_number_and_grey_without_skill() -> None:
    good = live_picture("AAPL 1d", live_record())
    assert "60 forecasts scored: errors 10% below the random walk's" in good.verdict
    assert "of 180 outcomes" in good.note
    assert has_colour(good.png(), BLUE)
    bad = live_picture("AAPL 1d", live_record(error=1.2))
    assert "20% above" in bad.verdict
    assert bad.colour == GREY
    assert live_picture("AAPL 1d", live_record(2)).png()


def test_a_page_gets_a_drawing_of_each_panel_that_is_well_formed_and_cuts_nothing_off(
    sketched: Any,
) -> None:
    history: list[dict[str, float | None]] = [
        {"epoch": 0, "train_loss": None, "val_loss": 0.5},
        {"epoch": 1, "train_loss": 0.5, "val_loss": math.nan},
        {"epoch": 2, "train_loss": 0.4, "val_loss": 0.4},
    ]
    pictures = (
        forecasts_picture("A & <b>B</b>", sketched["recent"]),
        residuals_picture("AAPL 1d", sketched["residuals"]),
        coverage_picture("AAPL 1d", [0.8, 0.7], [0.95, 0.9]),
        live_picture("AAPL 1d", live_record()),
        loss_picture('say "hello"', history),
    )
    for picture in pictures:
        drawings = panel_svgs(picture)
        assert len(drawings) == len(picture.panels)
        for _, drawing in drawings:
            element = ET.fromstring(drawing)  # our own
            assert element.attrib["aria-label"].startswith(picture.title)
            assert "nan" not in drawing
            width, height = map(float, element.attrib["viewBox"].split()[2:])
            for text in element.iter("text"):
                assert 0 <= float(text.attrib["x"]) <= width
                assert 0 <= float(text.attrib["y"]) <= height
        assert [label for label, _ in swatches(picture.legend)] == [e.label for e in picture.legend]
