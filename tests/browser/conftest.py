"""A real Chromium before a real dashboard before a real service.

Without a Chromium these tests are skipped, unless BROWSER_TESTS=required.
BROWSER_PICTURES names a folder that pages are pictured into.
"""

import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from ml.config import Settings
from ml.series import SeriesKey
from tests.browser.running import served
from tests.browser.stories import add_bars, tell
from tests.browser.trainings import Site, prefect
from tests.stored import quick_settings
from tests.synthetic import make_bars

_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

KEY = "open sesame"  # of the service of `living`
PATIENCE = 90_000  # ms; what is expected comes within a second where nothing else runs

Picture = Callable[[Page, str], None]


@dataclass(frozen=True)
class Living:
    """The address of a dashboard, and the settings of what it shows."""

    address: str
    settings: Settings


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, without a window.

    Not for the whole session: playwright keeps an event loop in this thread, and Prefect would take it
    for a coroutine's.
    """
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        said = "no chromium on the path: apt-get install chromium"
        if os.environ.get("BROWSER_TESTS") == "required":
            pytest.fail(said)
        pytest.skip(said)
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=_ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page of its own, as wide as a notebook's, in light."""
    with (
        browser.new_context(viewport={"width": 1280, "height": 900}) as context,
        _page(context) as page,
    ):
        yield page


@pytest.fixture
def phone(browser: Browser) -> Iterator[Page]:
    """A page as wide as a phone's, in dark."""
    with (
        browser.new_context(viewport={"width": 390, "height": 844}, color_scheme="dark") as context,
        _page(context) as page,
    ):
        yield page


@contextmanager
def _page(context: BrowserContext) -> Iterator[Page]:
    """A page on which nothing may fail uncaught; what it complains of is shown where a test fails."""
    uncaught: list[str] = []
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    page.on("pageerror", lambda error: uncaught.append(error.stack or str(error)))
    page.on("console", lambda said: _say(f"{said.type}: {said.text}"))
    page.on("requestfailed", lambda request: _say(f"{request.url}: {request.failure}"))
    yield page
    assert uncaught == []


def _say(told: str) -> None:
    sys.stdout.write(f"{told}\n")


@pytest.fixture
def picture() -> Picture:
    """Keep a picture of the whole page, where BROWSER_PICTURES names a folder."""

    def take(page: Page, name: str) -> None:
        folder = os.environ.get("BROWSER_PICTURES")
        if folder:
            Path(folder).mkdir(parents=True, exist_ok=True)
            page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)

    return take


@pytest.fixture(scope="session")
def told(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Folders in which things have happened: see `stories`. Not to be written to."""
    return tell(tmp_path_factory.mktemp("told"))


@pytest.fixture(scope="package")
def address(browser: Browser, told: Settings) -> Iterator[str]:
    """A dashboard before a service over `told`. With a browser alone: else nothing starts."""
    with served(told, PREFECT_API_URL="") as (_, address):
        yield address


@pytest.fixture(scope="package")
def living(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Living]:
    """A dashboard over folders that tests change, each a series of its own; the service has a key."""
    settings = quick_settings(tmp_path_factory.mktemp("living"))
    settings.raw_dir.mkdir(parents=True)
    with served(settings, PREFECT_API_URL="", TICKERFLOW_API_KEY=KEY) as (_, address):
        yield Living(address, settings)


@pytest.fixture(scope="package")
def site(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A service that can train, with raw files of AAPL, XOM and IBM 1d, and the dashboard before it."""
    settings = quick_settings(tmp_path_factory.mktemp("site"))
    for seed, ticker in enumerate(("AAPL", "XOM", "IBM")):
        add_bars(settings, SeriesKey.of(ticker, "1d"), make_bars(700, seed=seed))
    with (
        prefect(tmp_path_factory.mktemp("prefect")) as environment,
        served(settings, **environment) as (api, address),
    ):
        yield Site(address, api, settings, environment)


def slug(text: str) -> str:
    """A text as the name of a file."""
    return re.sub(r"\W+", "-", text).strip("-").lower()
