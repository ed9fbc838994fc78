"""The page of a series in a real browser: forecast, record, model, data, links, rollback."""

from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from ml.artifacts.store import ModelStore
from ml.series import SeriesKey
from tests.browser.conftest import KEY, Living, Picture
from tests.browser.running import served
from tests.browser.stories import PAST, add_bars, ingest, promote
from tests.stored import quick_settings, store_bars
from tests.synthetic import make_bars

BITCOIN_PAGE = "series?series=BTC%2FUSD_1d"


def chart(page: Page, name: str) -> Locator:
    """A chart by its key."""
    return page.locator(f".st-key-{name} .js-plotly-plot")


def legend(page: Page, name: str) -> list[str]:
    """What a chart's legend names, once it is drawn."""
    named = chart(page, name).locator(".legendtext")
    expect(named.first).to_be_visible()
    return named.all_text_contents()


def test_the_forecast_stands_beside_the_random_walk_and_above_its_error_record(
    page: Page, address: str, picture: Picture
) -> None:
    page.goto(f"{address}/{BITCOIN_PAGE}")
    expect(page.get_by_role("heading", name="BTC/USD 1d")).to_be_visible()
    named = legend(page, "price")
    assert "Random walk and its band" in named
    assert "80% band" in named
    assert "Past forecasts and their 80% band" in named
    expect(page.get_by_text("No signal.")).to_be_visible()
    expect(page.get_by_text("8 of 10 outcomes should land in this band; of the last")).to_be_visible()
    expect(chart(page, "changes")).to_be_visible()
    expect(page.get_by_label("Candles of BTC/USD 1d and the forecast of 4 bars")).to_be_visible()
    picture(page, "series-forecast-light")


def test_the_state_of_the_page_is_a_link(page: Page, address: str) -> None:
    page.goto(f"{address}/{BITCOIN_PAGE}&steps=20&level=80&bars=60&past=false")
    named = legend(page, "price")
    assert "95% band" not in named
    assert "Past forecasts and their 80% band" not in named
    expect(page.get_by_label("Bars ahead", exact=True)).to_have_value("20")
    expect(page.get_by_text("In 20 bars")).to_be_visible()
    page.get_by_role("radio", name="95").click()
    page.wait_for_url("**level=95**")
    assert "steps=20" in page.url


def test_another_series_is_chosen_by_typing_and_stands_in_the_address(page: Page, address: str) -> None:
    page.goto(f"{address}/{BITCOIN_PAGE}")
    expect(page.get_by_role("heading", name="BTC/USD 1d")).to_be_visible()
    page.get_by_role("combobox").first.click()
    page.get_by_role("combobox").first.fill("AAP")
    page.get_by_role("option", name="AAPL 1d").click()
    expect(page.get_by_role("heading", name="AAPL 1d")).to_be_visible()
    page.wait_for_url("**series=AAPL_1d**")


def test_the_record_counts_what_landed_in_the_band(page: Page, address: str, picture: Picture) -> None:
    page.goto(f"{address}/{BITCOIN_PAGE}&view=Record")
    expect(page.get_by_text(f"of the last {PAST} outcomes")).to_be_visible()
    marks = chart(page, "outcomes").locator(".point")
    expect(marks).to_have_count(PAST)
    expect(chart(page, "live_error")).to_be_visible()
    expect(chart(page, "live_coverage")).to_be_visible()
    expect(page.get_by_role("cell", name="lstm").first).to_be_visible()
    picture(page, "series-record-light")


def test_a_series_whose_forecasts_have_not_come_due_says_so(page: Page, address: str) -> None:
    page.goto(f"{address}/series?series=AAPL_1d&view=Record")
    expect(page.get_by_role("heading", name="No forecast has come due yet")).to_be_visible()


def test_the_model_stands_beside_the_random_walk_with_its_course_and_life(
    page: Page, address: str, picture: Picture
) -> None:
    page.goto(f"{address}/{BITCOIN_PAGE}&view=Model")
    expect(page.get_by_role("cell", name="Mean absolute error")).to_be_visible()
    assert legend(page, "error") == ["lstm", "Random walk"]
    assert "Promised" in legend(page, "coverage")
    assert legend(page, "loss")[:2] == ["Training", "Validation"]
    expect(page.get_by_text("Serves now")).to_be_visible()
    expect(page.get_by_role("button", name="Roll back to this")).to_have_count(1)
    picture(page, "series-model-light")


def test_the_data_shows_gaps_and_rows_that_are_no_bars_with_their_reasons(
    page: Page, address: str, picture: Picture
) -> None:
    page.goto(f"{address}/series?series=AAPL_1d&view=Data")
    expect(page.get_by_text("bars missing in")).to_be_visible()
    expect(page.get_by_role("cell", name="5 bars")).to_be_visible()
    expect(page.get_by_text("the high or the low contradicts the other prices").first).to_be_visible()
    expect(page.get_by_text("AAPL_1d.csv, line 51")).to_be_visible()
    picture(page, "series-data-light")


def test_bars_and_forecast_can_be_taken_away_as_csv(page: Page, address: str) -> None:
    page.goto(f"{address}/{BITCOIN_PAGE}")
    with page.expect_download() as download:
        page.get_by_role("button", name="Forecast as CSV").click()
    text = Path(download.value.path()).read_text()
    assert text.startswith("step,timestamp,forecast,lower_80")
    assert len(text.splitlines()) == 1 + 4
    page.goto(f"{address}/{BITCOIN_PAGE}&view=Data")
    with page.expect_download() as download:
        page.get_by_role("button", name="Bars as CSV").click()
    assert Path(download.value.path()).read_text().startswith("timestamp,open,high,low,close,volume")


def test_without_a_model_there_are_prices_and_the_way_to_train(page: Page, address: str) -> None:
    page.goto(f"{address}/series?series=EURUSD_1h")
    expect(chart(page, "price")).to_be_visible()
    expect(page.get_by_role("heading", name="No model yet")).to_be_visible()
    page.get_by_role("link", name="Train a model").click()
    page.wait_for_url("**/train?series=EURUSD_1h")


def test_files_that_cannot_be_used_are_explained(page: Page, address: str, picture: Picture) -> None:
    page.goto(f"{address}/series?series=NOISE_1d&view=Data")
    expect(page.get_by_role("heading", name="These files cannot be used")).to_be_visible()
    expect(page.get_by_role("cell", name="NOISE_1d.csv")).to_be_visible()
    picture(page, "series-rejected-light")


def test_a_series_that_is_not_there_names_those_that_are_near(
    page: Page, address: str, picture: Picture
) -> None:
    page.goto(f"{address}/series?series=APPL_1d")
    expect(page.get_by_role("heading", name="Not there")).to_be_visible()
    expect(page.get_by_text("AAPL 1d")).to_be_visible()
    picture(page, "series-unknown-light")


def test_a_series_that_is_typed_as_a_path_is_shown(page: Page, address: str) -> None:
    for typed in ("AAPL", "AAPL_1d", "AAPL/1d"):
        page.goto(f"{address}/series/{typed}?view=Data")
        expect(page.get_by_role("heading", name="AAPL 1d")).to_be_visible()
        expect(page.get_by_role("radio", name="Data")).to_be_checked()
        page.wait_for_url(f"{address}/series?view=Data&series=AAPL_1d")
    page.goto(f"{address}/series/BTC%2FUSD/1d")
    expect(page.get_by_role("heading", name="BTC/USD 1d")).to_be_visible()
    page.goto(f"{address}/series/NONE")
    expect(page.get_by_role("heading", name="Not there")).to_be_visible()


def test_a_page_that_is_not_there_says_so(page: Page, address: str) -> None:
    page.goto(f"{address}/ml/series")
    expect(page.get_by_text("The page that you have requested does not seem to exist")).to_be_visible()


def test_a_series_whose_file_and_model_are_gone_shows_what_was_read_before(
    living: Living, page: Page
) -> None:
    store_bars(living.settings, SeriesKey.of("GONE", "1d"), make_bars(420))
    page.goto(f"{living.address}/series?series=GONE_1d")
    expect(page.get_by_role("heading", name="No file and no model is left")).to_be_visible()
    expect(page.get_by_label("Candles of GONE 1d.")).to_be_visible()
    expect(page.get_by_role("button", name="Bars as CSV")).to_be_visible()
    expect(page.get_by_text("being read")).to_have_count(0)


def test_on_a_phone_nothing_is_wider_than_the_screen(
    phone: Page, address: str, picture: Picture
) -> None:
    for view in ("Forecast", "Record", "Model", "Data"):
        phone.goto(f"{address}/{BITCOIN_PAGE}&view={view}")
        expect(phone.get_by_role("heading", name="BTC/USD 1d")).to_be_visible()
        drawn = "[data-testid=stMain] [data-testid=stElementContainer]:not(:has([data-testid=stHtml]))"
        expect(phone.locator(drawn).last).to_be_visible()
        over = phone.evaluate(
            "() => { const main = document.querySelector('[data-testid=stMain]');"
            " return main.scrollWidth - main.clientWidth; }"
        )
        assert over <= 0, view
        picture(phone, f"series-{view.lower()}-phone-dark")


def two_versions(living: Living, ticker: str) -> tuple[SeriesKey, str, str]:
    """A series of its own with two versions, of which the second serves."""
    key = SeriesKey.of(ticker, "1d")
    store_bars(living.settings, key, make_bars(420))
    return key, promote(living.settings, key, 1), promote(living.settings, key, 2)


def test_going_back_asks_first_and_for_the_key_and_the_earlier_version_serves(
    living: Living, page: Page, picture: Picture
) -> None:
    key, first, second = two_versions(living, "BACK")
    store = ModelStore(living.settings.models_dir)
    page.goto(f"{living.address}/series?series=BACK_1d&view=Model")
    page.get_by_role("button", name="Roll back to this").click()
    asked = page.get_by_role("dialog")
    expect(asked).to_contain_text(first)
    picture(page, "series-rollback-light")
    asked.get_by_role("button", name="Leave it").click()
    expect(asked).to_have_count(0)
    page.get_by_role("button", name="Roll back to this").click()
    asked.get_by_role("button", name="Roll back").click()
    expect(asked.get_by_role("heading", name="An API key is needed")).to_be_visible()
    assert store.champion(key).meta.version == second
    asked.get_by_label("API key").fill(KEY)
    asked.get_by_role("button", name="Use this key").click()
    page.get_by_role("button", name="Roll back to this").click()
    asked.get_by_role("button", name="Roll back").dblclick()  # as an impatient hand does
    expect(page.get_by_text("Rolled back to lstm")).to_be_visible()
    assert store.champion(key).meta.version == first
    assert store.champion(key).meta.generation == 3


def test_a_damaged_model_is_told_and_an_earlier_version_is_a_way_back(
    living: Living, page: Page, picture: Picture
) -> None:
    key, first, _ = two_versions(living, "HURT")
    (living.settings.models_dir / "lstm_HURT_1d.meta.json").write_text("{")
    page.goto(f"{living.address}/series?series=HURT_1d&view=Model")
    expect(page.get_by_text("Model cannot be read").first).to_be_visible()
    picture(page, "series-damaged-light")
    page.get_by_role("button", name="Roll back to this").last.click()
    page.get_by_role("dialog").get_by_role("button", name="Roll back").click()
    page.get_by_label("API key").fill(KEY)
    page.get_by_role("button", name="Use this key").click()
    page.get_by_role("button", name="Roll back to this").last.click()
    page.get_by_role("dialog").get_by_role("button", name="Roll back").click()
    expect(page.get_by_text("Serves now")).to_be_visible()
    assert ModelStore(living.settings.models_dir).champion(key).meta.version == first


def test_a_promotion_is_seen_without_a_reload(living: Living, page: Page) -> None:
    key, *_ = two_versions(living, "NEXT")
    page.goto(f"{living.address}/series?series=NEXT_1d&view=Model")
    expect(page.get_by_role("button", name="Roll back to this")).to_have_count(1)
    version = promote(living.settings, key, 3)
    expect(page.get_by_text(version).first).to_be_visible()
    expect(page.get_by_role("button", name="Roll back to this")).to_have_count(2)


def test_a_first_model_brings_its_forecast_without_a_reload(living: Living, page: Page) -> None:
    key = SeriesKey.of("FIRST", "1d")
    add_bars(living.settings, key, make_bars(420))
    ingest(living.settings, key)
    page.goto(f"{living.address}/series?series=FIRST_1d")
    expect(page.get_by_label("Candles of FIRST 1d.")).to_be_visible()
    promote(living.settings, key, 1)
    expect(page.get_by_label("Candles of FIRST 1d and the forecast of")).to_be_visible()


def test_a_series_that_is_not_there_yet_appears_with_its_file(living: Living, page: Page) -> None:
    key = SeriesKey.of("LATER", "1d")
    page.goto(f"{living.address}/series?series=LATER_1d")
    expect(page.get_by_role("heading", name="Not there")).to_be_visible()
    add_bars(living.settings, key, make_bars(420))
    ingest(living.settings, key)
    expect(page.get_by_label("Candles of LATER 1d.")).to_be_visible()


def test_a_ledger_that_cannot_be_read_does_not_take_the_forecast_along(
    page: Page, tmp_path: Path
) -> None:
    settings = quick_settings(tmp_path)
    key = SeriesKey.of("LONE", "1d")
    add_bars(settings, key, make_bars(420))
    ingest(settings, key)
    promote(settings, key, 1)
    settings.predictions_dir.mkdir(exist_ok=True)
    (settings.predictions_dir / "ledger.sqlite").write_text("not a database, whatever its name says")
    with served(settings, PREFECT_API_URL="") as (_, address):
        page.goto(f"{address}/series?series=LONE_1d")
        expect(page.get_by_text("expected an SQLite database").first).to_be_visible()
        expect(page.get_by_label("Candles of LONE 1d and the forecast of")).to_be_visible()
