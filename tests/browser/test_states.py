"""Pages that have nothing to show say why, and what to do about it."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Picture
from tests.browser.running import dashboard, free_port, served
from tests.stored import quick_settings

PAGES = ("", "series", "train", "runs")


@pytest.fixture(scope="module")
def empty(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A dashboard before a service that has no data, no model and no Prefect."""
    settings = quick_settings(tmp_path_factory.mktemp("empty"))
    with served(settings, PREFECT_API_URL="") as (_, address):
        yield address


@pytest.fixture(scope="module")
def alone(browser: Browser) -> Iterator[str]:
    """A dashboard before nothing."""
    with dashboard(f"http://127.0.0.1:{free_port()}") as address:
        yield address


def test_without_data_the_overview_says_what_to_drop_where(
    page: Page, empty: str, picture: Picture
) -> None:
    page.goto(empty)
    expect(page.get_by_role("heading", name="No data yet")).to_be_visible()
    expect(page.get_by_text("Drop CSV files").first).to_be_visible()
    expect(page.get_by_text("Upload", exact=True)).to_be_visible()
    picture(page, "empty-light")


@pytest.mark.parametrize("name", PAGES)
def test_no_page_of_an_empty_service_shows_a_trace(page: Page, empty: str, name: str) -> None:
    page.goto(f"{empty}/{name}")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    page.wait_for_function("!document.querySelector('[data-testid=stStatusWidget]')")
    expect(page.get_by_test_id("stException")).to_have_count(0)


@pytest.mark.parametrize("name", PAGES)
def test_without_its_service_every_page_says_so_and_how_to_start_it(
    page: Page, alone: str, picture: Picture, name: str
) -> None:
    page.goto(f"{alone}/{name}")
    expect(page.get_by_role("heading", name="The service does not answer").first).to_be_visible()
    expect(page.get_by_text("tickerflow up").first).to_be_visible()
    expect(page.get_by_test_id("stException")).to_have_count(0)
    picture(page, f"away-{name or 'overview'}")


def test_pages_have_names_and_landmarks_for_screen_readers(page: Page, empty: str) -> None:
    page.goto(empty)
    expect(page).to_have_title("Overview · Tickerflow")
    navigation = page.get_by_role("navigation", name="App pages")
    for name in ("Overview", "Series", "Train", "Runs"):
        expect(navigation.get_by_role("link", name=name)).to_be_visible()
