"""The page on which trainings are chosen, started, followed and explained; and where files are added."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import KEY, Living, Picture
from tests.browser.trainings import Site, worker
from tests.synthetic import make_bars

PATIENCE = 90_000  # ms; a flow's process imports for some seconds, and the machine is shared


def csv(seed: int = 1, rows: int = 500) -> bytes:
    """A vendor's file."""
    text: str = make_bars(rows, seed=seed).to_csv(index=False)
    return text.encode()


def drop(page: Page, name: str, content: bytes) -> None:
    """Drop a file where files are taken."""
    page.locator("input[type=file]").set_input_files(
        {"name": name, "mimeType": "text/csv", "buffer": content}
    )


def pick(page: Page, label: str, choice: str) -> None:
    """Choose in a field by keyboard, as a reader of the screen does."""
    field = page.get_by_role("combobox", name=label)
    field.click()
    field.fill(choice)
    field.press("Enter")


def asked(page: Page) -> dict[str, list[str]]:
    """The state of a page, as its address has it."""
    return parse_qs(urlsplit(page.url).query)


def main(page: Page) -> Locator:
    """What the page is about."""
    return page.get_by_test_id("stMain")


def test_without_prefect_the_page_says_so_before_anything_is_started(
    page: Page, address: str, picture: Picture
) -> None:
    page.goto(f"{address}/train?series=AAPL_1d")
    expect(page.get_by_role("heading", name="Trainings need Prefect")).to_be_visible()
    expect(main(page).get_by_text("tickerflow up").first).to_be_visible()
    expect(page.get_by_role("heading", name="What serves now")).to_be_visible()
    picture(page, "train-without-prefect")
    page.get_by_role("button", name="Start training").click()
    expect(page.get_by_role("heading", name="Trainings need Prefect")).to_have_count(0)
    expect(page.get_by_role("heading", name="Not available at this moment")).to_be_visible()
    assert "run" not in asked(page)


def test_choices_stand_in_the_address_and_come_from_it(page: Page, address: str) -> None:
    page.goto(f"{address}/train?series=AAPL_1d&model=gru&features=close&epochs=7")
    expect(page.get_by_role("combobox", name="Architecture")).to_have_value("gru")
    expect(page.get_by_role("spinbutton", name="Epochs at most")).to_have_value("7")
    expect(main(page).get_by_text("AAPL_1d").first).to_be_visible()
    pick(page, "Features", "own choice")
    expect(page.get_by_text("Features, one by one")).to_be_visible()
    page.wait_for_url(re.compile("features=own"))
    pick(page, "Architecture", "naive")  # computed, not trained in epochs
    expect(page.get_by_role("spinbutton", name="Epochs at most")).to_have_count(0)
    page.reload()
    expect(page.get_by_text("Features, one by one")).to_be_visible()
    assert asked(page)["series"] == ["AAPL_1d"]


def test_an_unknown_series_in_the_address_is_left_out(page: Page, address: str) -> None:
    page.goto(f"{address}/train?series=NOTHING_1d")
    expect(page.get_by_text("Choose a series first.")).to_be_visible()
    expect(page.get_by_role("button", name="Start training")).to_be_disabled()


def test_a_file_that_is_dropped_is_there_once_the_key_is_given(
    page: Page, living: Living, picture: Picture
) -> None:
    address, settings = living.address, living.settings
    page.goto(address)
    page.get_by_text("Add data").click()
    drop(page, "MSFT_1d.csv", csv())
    expect(page.get_by_role("heading", name="An API key is needed")).to_be_visible()
    picture(page, "drop-key")
    assert not (settings.raw_dir / "MSFT_1d.csv").exists()
    page.get_by_label("API key", exact=True).fill(KEY)
    page.get_by_role("button", name="Use this key").click()
    expect(main(page).get_by_text("is there.")).to_be_visible()
    assert (settings.raw_dir / "MSFT_1d.csv").read_bytes() == csv()


def test_a_file_is_never_replaced_and_one_that_is_no_series_is_asked_about(
    page: Page, living: Living, picture: Picture
) -> None:
    address, settings = living.address, living.settings
    (settings.raw_dir / "IBM_1d.csv").write_bytes(csv(2))
    page.goto(f"{address}/train")
    page.get_by_text("Another series: add a CSV file").click()
    drop(page, "IBM_1d.csv", csv(3))
    page.get_by_label("API key", exact=True).fill(KEY)
    page.get_by_role("button", name="Use this key").click()
    beside = page.get_by_role("button", name="Add it beside that one")
    expect(beside).to_be_visible()
    picture(page, "drop-conflict")
    beside.click()
    expect(main(page).get_by_text("is there.")).to_be_visible()
    assert (settings.raw_dir / "IBM_1d.csv").read_bytes() == csv(2)
    assert len(list(settings.raw_dir.glob("IBM_1d*.csv"))) == 2

    drop(page, "prices.csv", csv(4))
    page.get_by_label("Ticker").fill("BTC/USD")
    picture(page, "drop-unnamed")
    page.get_by_role("button", name="Add it under this name").click()
    expect(main(page).get_by_text("is there.")).to_have_count(2)
    assert (settings.raw_dir / "BTC%2FUSD_1d.csv").read_bytes() == csv(4)


@pytest.mark.slow  # a worker's process imports all that trains
def test_a_training_is_started_followed_and_explained(page: Page, site: Site, picture: Picture) -> None:
    with worker(site.environment):
        page.goto(f"{site.address}/train?series=AAPL_1d&epochs=2&features=close")
        expect(page.get_by_text("No model serves it yet")).to_be_visible()
        picture(page, "train-ready")
        page.get_by_role("button", name="Start training").click()
        expect(page.get_by_role("heading", name="This training")).to_be_visible(timeout=PATIENCE)
        expect(main(page).get_by_role("progressbar")).to_be_visible(timeout=PATIENCE)
        picture(page, "train-going")
        page.wait_for_url(re.compile("run="))
        expect(page.get_by_role("heading", name=re.compile("serves"))).to_be_visible(timeout=PATIENCE)
        expect(page.get_by_text("beside the random walk")).to_be_visible()
        page.get_by_text("The decision in figures").click()
        expect(main(page).get_by_text(re.compile("error .* p = ")).first).to_be_visible()
        picture(page, "train-decided")
        log = page.get_by_role("link", name="Prefect's log")
        assert asked(page)["run"][0] in (log.get_attribute("href") or "")
        page.get_by_role("link", name="Forecast of AAPL 1d").click()
        page.wait_for_url(re.compile(r"/series\?series=AAPL_1d"))
