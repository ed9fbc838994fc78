"""The overview in a real browser: figures, sorting, search, links, a phone's width, 500 series."""

import re
from collections.abc import Callable, Iterator

import httpx
import pytest
from playwright.sync_api import Browser, Locator, Page, WebSocketRoute, expect
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from ml.series import SeriesKey
from tests.browser.conftest import Living, Picture
from tests.browser.running import served
from tests.browser.stories import add_bars
from tests.stored import quick_settings
from tests.synthetic import make_bars
from tests.waiting import until

MANY = 500
_PAINTED = """() => new Promise(done => {
  const rows = root => [...root.querySelectorAll('*')].reduce(
    (most, one) => Math.max(most, one.shadowRoot?.querySelectorAll('tbody tr').length ?? 0), 0);
  const look = () => rows(document) ? requestAnimationFrame(() => done(performance.now()))
    : setTimeout(look, 10);
  look();
})"""

_GONE = """steps => new Promise(done => {
  addEventListener('popstate', () => done(), { once: true });
  history.go(steps);
})"""


def tickers(page: Page) -> Locator:
    return page.locator(".board tbody th a")


def test_every_series_stands_there_with_its_verdict_in_words(
    page: Page, address: str, picture: Picture
) -> None:
    page.goto(address)
    expect(page.locator(".board tbody tr")).to_have_count(4)
    expect(tickers(page)).to_have_text(["AAPL", "BTC/USD", "EURUSD", "NOISE"])
    bitcoin = page.locator("tr", has_text="BTC/USD")
    expect(bitcoin).to_contain_text("over 8 forecasts")
    expect(bitcoin.locator("polyline")).to_have_count(1)
    euro = page.locator("tr", has_text="EURUSD")
    expect(euro).to_contain_text("No model yet")
    expect(euro).to_contain_text("13 Jan 2020 11:00")
    expect(page.locator("tr", has_text="NOISE")).to_contain_text("File rejected")
    # Unproven: no arrow, whatever the figure.
    for row in ("AAPL", "BTC/USD"):
        expect(page.locator("tr", has_text=row).locator(".forecast")).to_have_text("no signal")
    picture(page, "overview-light")


def test_sorting_searching_and_filtering_are_a_link(page: Page, address: str) -> None:
    page.goto(address)
    expect(page.locator(".board tbody tr")).to_have_count(4)
    page.get_by_role("button", name="Series").click()
    expect(tickers(page)).to_have_text(["NOISE", "EURUSD", "BTC/USD", "AAPL"])
    expect(page.get_by_role("columnheader", name="Series")).to_have_attribute("aria-sort", "descending")
    page.get_by_role("button", name=re.compile("^No model")).click()
    page.get_by_role("searchbox", name="Search series").fill("eur")
    expect(tickers(page)).to_have_text(["EURUSD"])
    query = page.url.partition("?")[2]
    assert set(query.split("&")) == {"q=eur", "show=none", "up=0"}
    page.goto(f"{address}/?{query}")
    expect(page.locator(".board tbody tr")).to_have_count(1)
    expect(page.get_by_role("searchbox", name="Search series")).to_have_value("eur")
    page.get_by_role("searchbox", name="Search series").fill("nothing like it")
    expect(page.get_by_text("No series match.")).to_be_visible()
    page.get_by_role("button", name="Show all").click()
    expect(page.locator(".board tbody tr")).to_have_count(4)


def test_a_click_and_the_keyboard_open_the_series(page: Page, address: str) -> None:
    page.goto(address)
    page.locator("tr", has_text="BTC/USD").locator(".verdict").click()
    page.wait_for_url("**/series?series=BTC%2FUSD_1d")
    page.goto(address)
    page.get_by_role("link", name="AAPL").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/series?series=AAPL_1d")


def test_the_way_back_from_a_series_leads_to_what_was_searched_for(page: Page, address: str) -> None:
    page.goto(address)
    page.get_by_role("button", name="Series").click()
    page.get_by_role("button", name=re.compile("^No model")).click()
    page.get_by_role("searchbox", name="Search series").fill("s")
    expect(tickers(page)).to_have_text(["NOISE", "EURUSD"])
    page.get_by_role("link", name="EURUSD").click()
    expect(page.get_by_role("heading", name="EURUSD 1h")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("searchbox", name="Search series")).to_have_value("s")
    expect(tickers(page)).to_have_text(["NOISE", "EURUSD"])


class Line:
    """The line between the page and the dashboard; what is answered can be held back."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self.held = False
        self.held_after = ""  # the kind of message
        self.waiting: list[str | bytes] = []
        self._deliver: Callable[[str | bytes], None] | None = None
        page.route_web_socket("**/_stcore/stream", self._connect)

    def _connect(self, browser_side: WebSocketRoute) -> None:
        def deliver(message: str | bytes) -> None:
            if self.held or self.waiting:  # none overtakes another
                self.waiting.append(message)
            else:
                browser_side.send(message)
                self.held = _kind(message) == self.held_after

        self._deliver = browser_side.send
        browser_side.connect_to_server().on_message(deliver)

    def wait(self) -> None:
        """Return once something is held back."""
        for _ in range(2_400):
            if self.waiting:
                return
            self._page.wait_for_timeout(50)
        raise TimeoutError("nothing was answered within two minutes")

    def release(self) -> None:
        """Deliver what was held back."""
        assert self._deliver is not None
        self.held, self.held_after = False, ""
        while self.waiting:
            self._deliver(self.waiting.pop(0))


def _kind(message: str | bytes) -> str | None:
    """What Streamlit says with it."""
    assert isinstance(message, bytes)
    kind: str | None = ForwardMsg.FromString(message).WhichOneof("type")
    return kind


def test_on_a_slow_line_the_series_that_was_opened_stays(page: Page, address: str) -> None:
    """What the overview asks for by its clock must not be answered over the page that follows it."""
    line = Line(page)
    page.goto(address)
    expect(page.get_by_role("link", name="BTC/USD")).to_be_visible()
    line.held = True
    page.get_by_role("link", name="BTC/USD").click()
    page.wait_for_timeout(6_000)  # the overview looks for news every 5 s
    line.release()
    expect(page.get_by_label("Candles of BTC/USD 1d and the forecast of")).to_be_visible()
    page.wait_for_timeout(1_000)
    expect(page.get_by_label("Candles of BTC/USD 1d and the forecast of")).to_be_visible()


def test_going_back_and_forth_faster_than_is_answered_leaves_each_page_its_address(
    page: Page, address: str
) -> None:
    """An answer that comes late must not be written into the browser's history as a page gone to."""
    line = Line(page)
    page.goto(f"{address}/?sort=skill")
    page.get_by_role("link", name="BTC/USD").click()
    expect(page.get_by_role("heading", name="BTC/USD 1d")).to_be_visible()
    shown = page.evaluate("history.length")
    for there, here in ((-1, 1), (1, -1)) * 2:
        line.held = True
        page.evaluate(_GONE, there)
        line.wait()  # until it is answered
        page.evaluate(_GONE, here)
        line.release()  # too late: the other page stands in the address now
        page.evaluate(_GONE, there)
    expect(page.get_by_label("Candles of BTC/USD 1d and the forecast of")).to_be_visible()
    assert page.url == f"{address}/series?series=BTC%2FUSD_1d"
    assert page.evaluate("history.length") == shown
    page.go_back()
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    assert page.url == f"{address}/?sort=skill"


def test_on_a_phone_nothing_is_wider_than_the_screen(
    phone: Page, address: str, picture: Picture
) -> None:
    phone.goto(address)
    expect(phone.locator(".board tbody tr")).to_have_count(4)
    widest = phone.locator(".board tbody tr").evaluate_all(
        "rows => Math.max(...rows.map(row => row.getBoundingClientRect().right))"
    )
    assert widest <= 390
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390
    phone.get_by_label("Sort by").select_option(label="Alerts")
    expect(tickers(phone).last).to_have_text("EURUSD")  # the one without any
    picture(phone, "overview-phone-dark")


def test_on_a_phone_the_menu_does_not_stay_over_the_page_that_was_chosen(
    phone: Page, address: str
) -> None:
    phone.goto(address)
    _menu_works(phone)
    for name in ("Train", "Overview"):
        phone.get_by_test_id("stExpandSidebarButton").click()
        menu = phone.get_by_test_id("stSidebarNav")
        menu.get_by_role("link", name=name).click()
        expect(phone.get_by_role("heading", name=name, exact=True)).to_be_visible()
        expect(menu).not_to_be_in_viewport()


def test_on_a_phone_the_menu_closes_before_the_first_page_is_drawn(phone: Page, address: str) -> None:
    """It is there before the page, which waits for the service, and is to work from then on."""
    line = Line(phone)
    line.held_after = "navigation"
    phone.goto(address)
    phone.get_by_test_id("stExpandSidebarButton").click()
    menu = phone.get_by_test_id("stSidebarNav")
    expect(menu).to_be_in_viewport()
    _menu_works(phone)
    menu.get_by_role("link", name="Train").click()
    expect(menu).not_to_be_in_viewport()
    expect(phone.get_by_role("heading", level=1)).to_have_count(0)
    line.release()
    expect(phone.get_by_role("heading", level=1)).to_have_text("Train")


def _menu_works(phone: Page) -> None:
    """Return once the browser has what runs with the menu: Streamlit has it loaded beside it."""
    phone.wait_for_function("window.tickerflowMenu")


@pytest.fixture(scope="module")
def many(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """A dashboard over 500 series, of which the service has only just begun to read."""
    settings = quick_settings(tmp_path_factory.mktemp("many"))
    settings.raw_dir.mkdir(parents=True)
    text = make_bars(70).to_csv(index=False)
    for number in range(MANY):
        (settings.raw_dir / f"T{number:03}_1d.csv").write_text(text)
    with served(settings) as addresses:
        yield addresses


def test_500_series_are_all_there_and_searched_at_once(page: Page, many: tuple[str, str]) -> None:
    page.goto(many[1])
    expect(page.locator(".board tbody tr")).to_have_count(MANY)
    page.get_by_role("searchbox", name="Search series").fill("T49")
    expect(page.locator(".board tbody tr")).to_have_count(10)


@pytest.mark.slow
def test_500_series_are_painted_within_two_seconds(page: Page, many: tuple[str, str]) -> None:
    """On two cores that do nothing else: a clock has no place among tests that run beside others."""
    api, address = many
    until(lambda: httpx.get(f"{api}/ml/overview", timeout=30).json()["pending"] == 0, seconds=120)
    page.goto(address)
    page.evaluate(_PAINTED)  # what a first visit ever loads is in the browser's cache from now on
    taken = []
    for _ in range(3):
        page.goto(address)
        taken.append(page.evaluate(_PAINTED))
    assert min(taken) < 2000, taken


def test_a_new_series_appears_without_a_reload(living: Living, page: Page) -> None:
    page.goto(living.address)
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    expect(page.locator("tr", has_text="NEWS")).to_have_count(0)
    add_bars(living.settings, SeriesKey.of("NEWS", "1d"), make_bars(90))
    expect(page.locator("tr", has_text="NEWS")).to_be_visible()
