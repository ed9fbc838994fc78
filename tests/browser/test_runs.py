"""The page of what runs, what failed and why, and the end of a run before its time."""

import re
import time
from uuid import uuid4

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Picture
from tests.browser.test_train import PATIENCE, asked, main
from tests.browser.trainings import Site, worker


def started(site: Site, ticker: str) -> str:
    """The id of a training that waits for a worker; asked for again where Prefect was too slow."""
    params = {"ticker": ticker, "interval": "1d", "epochs": "1"}
    for _ in range(20):
        answer = httpx.post(f"{site.api}/ml/train", params=params, timeout=30, trust_env=False)
        if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
            break
        time.sleep(1)
    assert answer.status_code == httpx.codes.ACCEPTED, answer.text
    return str(answer.json()["id"])


def test_without_prefect_the_page_says_what_to_do(page: Page, address: str, picture: Picture) -> None:
    page.goto(f"{address}/runs")
    expect(main(page).get_by_text("What to do").first).to_be_visible()
    expect(main(page).get_by_text("tickerflow up").first).to_be_visible()
    picture(page, "runs-without-prefect")


def test_a_run_is_cancelled_after_a_question(page: Page, site: Site, picture: Picture) -> None:
    address, key = site.address, started(site, "XOM")
    page.goto(f"{address}/runs")
    card = page.locator(f".st-key-run_{key}")
    expect(card.get_by_text("XOM 1d")).to_be_visible(timeout=PATIENCE)
    card.get_by_role("button", name="Cancel").click()
    card.get_by_role("button", name="No, let it go on").click()
    expect(card.get_by_text("Cancel this run?")).to_have_count(0)
    card.get_by_role("button", name="Cancel").click()
    expect(card.get_by_text("Cancel this run?")).to_be_visible()
    picture(page, "runs-cancel")
    card.get_by_role("button", name="Yes, cancel it").click()
    expect(card.get_by_text("Cancelled")).to_be_visible()
    expect(card.get_by_role("button", name="Cancel")).to_have_count(0)
    page.goto(f"{address}/runs?show=under+way")
    expect(page.get_by_text("Nothing runs at this moment.")).to_be_visible()


@pytest.mark.slow  # a worker's process imports all that trains
def test_a_run_that_failed_says_why_on_a_page_of_its_own(
    page: Page, phone: Page, site: Site, picture: Picture
) -> None:
    address, key = site.address, started(site, "IBM")
    (site.settings.raw_dir / "IBM_1d.csv").write_text("no,bars\n1,2\n")
    with worker(site.environment):
        page.goto(f"{address}/runs?show=failed")
        card = page.locator(f".st-key-run_{key}")
        expect(card.get_by_text("TF011").first).to_be_visible(timeout=PATIENCE)
    picture(page, "runs-failed")
    card.get_by_role("button", name="Details").click()
    page.wait_for_url(re.compile("run="))
    expect(main(page).get_by_text("TF011").first).to_be_visible()
    assert asked(page)["run"] == [key]
    phone.goto(page.url)
    expect(main(phone).get_by_text("TF011").first).to_be_visible()
    picture(phone, "run-failed-phone")
    page.get_by_role("button", name="All runs").click()
    expect(page.get_by_text("Which runs")).to_be_visible()
    assert "run" not in asked(page)


def test_an_id_of_no_run_is_answered_in_words(page: Page, site: Site) -> None:
    address = site.address
    page.goto(f"{address}/runs?run={uuid4()}")
    expect(page.get_by_role("heading", name="Not there")).to_be_visible(timeout=PATIENCE)
    page.goto(f"{address}/runs?run=nonsense")
    expect(page.get_by_role("heading", name="Not understood")).to_be_visible()


def test_an_id_that_would_be_another_address_of_the_service_is_only_no_id(
    page: Page, address: str
) -> None:
    for odd in ("%3Flimit%3D1", "%23"):
        page.goto(f"{address}/runs?run={odd}")
        expect(page.get_by_role("heading", name="Not understood")).to_be_visible()
