"""Pictures that a person and a page can use: small PNGs, honest about skill, drawn from any thread."""

import io
from concurrent.futures import ThreadPoolExecutor

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from matplotlib.colors import to_rgb
from PIL import Image

from ml.evaluation.canvas import BLUE, GREY, ORANGE
from ml.evaluation.plots import RandomWalk, Record, forecast_plot
from ml.evaluation.ticks import time_ticks

MAX_PNG_BYTES = 100_000  # Prefect's page carries the pictures as data URIs
SKILLED = Record("lstm", 0.021, 0.78, 0.94, 236)
UNSKILLED = Record("lstm", -0.013, 0.78, 0.94, 236)


def bars(count: int = 400, freq: str = "B", start: float = 100.0) -> pd.DataFrame:
    changes = np.random.default_rng(3).normal(0, 0.01, count)
    close = start * np.exp(changes.cumsum())
    stamps = pd.date_range("2024-01-01", periods=count, freq=freq, tz="UTC")
    return pd.DataFrame({"timestamp": stamps, "close": close})


def fan(of: pd.DataFrame, steps: int, freq: str = "B") -> pd.DataFrame:
    close = of["close"].iloc[-1]
    step = np.arange(1, steps + 1)
    point, width = close * np.exp(0.002 * step), 0.01 * np.sqrt(step)
    stamps = pd.date_range(of["timestamp"].iloc[-1], periods=steps + 1, freq=freq)[1:]
    frame = {"step": step, "timestamp": stamps, "forecast": point}
    for level, factor in ((80, 1.3), (95, 2.0)):
        frame[f"lower_{level}"] = point * np.exp(-factor * width)
        frame[f"upper_{level}"] = point * np.exp(factor * width)
    return pd.DataFrame(frame)


def draw(
    record: Record = SKILLED, steps: int = 20, name: str = "AAPL 1d", of: pd.DataFrame | None = None
) -> bytes:
    history = bars() if of is None else of
    walk = RandomWalk.of(float(history["close"].iloc[-1]), 0.013 * np.sqrt(np.arange(1, steps + 1)))
    return forecast_plot(name, history, fan(history, steps), walk, record)


def pixels(png: bytes) -> npt.NDArray[np.uint8]:
    image = Image.open(io.BytesIO(png))
    assert image.format == "PNG"
    return np.asarray(image.convert("RGB"))


def has_colour(png: bytes, colour: str) -> bool:
    wanted = np.rint(np.array(to_rgb(colour)) * 255)
    return bool((np.abs(pixels(png).astype(int) - wanted).max(axis=-1) <= 2).any())


@pytest.mark.parametrize("steps", [1, 2, 10, 100, 500])
def test_a_forecast_of_any_length_fits_into_100_kb(steps: int) -> None:
    png = draw(steps=steps)
    assert len(png) < MAX_PNG_BYTES
    height, width, _ = pixels(png).shape
    assert (width, height) == (946, 506)


def test_a_forecast_with_skill_is_blue_and_the_random_walk_stands_beside_it() -> None:
    png = draw(SKILLED)
    assert has_colour(png, BLUE)
    assert has_colour(png, ORANGE)


@pytest.mark.parametrize("skill", [-0.013, 0.0, None])
def test_a_forecast_without_skill_is_grey(skill: float | None) -> None:
    png = draw(Record("lstm", skill, 0.78, 0.94, 236))
    assert has_colour(png, GREY)
    assert has_colour(png, ORANGE)
    assert not has_colour(png, BLUE)


def test_the_verdict_says_the_skill_in_words() -> None:
    assert SKILLED.verdict == "lstm: errors 2.1% below the random walk's on held-out bars"
    assert "no better than the random walk; errors 1.3% above" in UNSKILLED.verdict
    assert Record("naive", 0.0).verdict == "naive: no better than the random walk on held-out bars"
    assert Record("lstm", 0.02, horizon=10).verdict.endswith("on held-out bars, 1 to 10 bars ahead")
    assert "not judged" in Record("lstm", None).verdict


def test_the_coverage_stands_beside_what_was_promised() -> None:
    assert SKILLED.coverage == (
        "8 of 10 outcomes should land in the 80% band; "
        "on held-out bars 78% of 236 forecasts did; 95% band: 94%"
    )
    assert "not known" in Record("lstm", 0.1).coverage


def test_the_random_walk_repeats_the_last_close_within_its_band() -> None:
    walk = RandomWalk.of(100.0, np.array([0.01, 0.02]))
    assert walk.point.tolist() == [100.0, 100.0]
    assert np.log(walk.upper_80 / walk.point) == pytest.approx([0.01, 0.02])
    assert np.log(walk.point / walk.lower_80) == pytest.approx([0.01, 0.02])


def test_weekends_leave_no_hole_in_the_picture() -> None:
    business = bars(60)
    every_day = business.assign(timestamp=pd.date_range("2024-01-01", periods=60, freq="D", tz="UTC"))
    # The axis is labelled differently; the curves above it are the same pixels.
    one, other = pixels(draw(of=business)), pixels(draw(of=every_day))
    assert (one[100:408, 90:] == other[100:408, 90:]).all()


@pytest.mark.parametrize("name", ["A$B$ 1d", "$\\frac{ 1d", "^GSPC 1d", "BTC/USD 1m", "X" * 64 + " 15m"])
def test_any_ticker_can_stand_in_a_title(name: str) -> None:
    assert len(draw(name=name)) > 10_000


@pytest.mark.parametrize("level", [1e-7, 1.0, 5e6])
def test_prices_of_any_size_are_drawn_and_no_number_is_cut_off(level: float) -> None:
    png = draw(of=bars(start=level))
    assert has_colour(png, BLUE)
    assert (pixels(png)[:, :3] == 255).all(), "nothing touches the left edge"


def test_weeks_begin_on_monday_and_quarters_in_january() -> None:
    days = pd.date_range("2026-11-03", periods=30, freq="D", tz="UTC")
    assert [label for _, label in time_ticks(0, days)] == ["09 Nov", "16 Nov", "23 Nov", "30 Nov"]
    months = pd.date_range("2024-11-01", periods=18, freq="MS", tz="UTC")
    ticks = time_ticks(-17, months)
    assert ticks[0] == (-15.0, "Jan 2025")
    assert [label[:3] for _, label in ticks] == ["Jan", "Apr", "Jul", "Oct", "Jan", "Apr"]


@pytest.mark.parametrize("count", [1, 2, 5])
def test_a_short_history_is_drawn(count: int) -> None:
    assert has_colour(draw(of=bars(count)), ORANGE)


@pytest.mark.parametrize("freq", ["1min", "15min", "h", "4h", "W-MON", "MS"])
def test_bars_of_any_spacing_are_labelled(freq: str) -> None:
    history = bars(300, freq)
    walk = RandomWalk.of(float(history["close"].iloc[-1]), np.full(30, 0.02))
    stamps = [*history["timestamp"].tail(60), *fan(history, 30, freq)["timestamp"]]
    labels = [label for _, label in time_ticks(-59, pd.DatetimeIndex(stamps))]
    assert 3 <= len(labels) <= 9
    assert len(set(labels)) == len(labels)
    assert forecast_plot("X 1m", history, fan(history, 30, freq), walk, SKILLED)


def test_the_same_forecast_gives_the_same_bytes() -> None:
    assert draw() == draw()


def test_threads_draw_at_once_and_settings_of_matplotlib_stay() -> None:
    before = dict(mpl.rcParams)
    alone = [draw(steps=steps) for steps in (5, 10, 15, 20)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda steps: draw(steps=steps), (5, 10, 15, 20)))
    assert together == alone
    assert dict(mpl.rcParams) == before
