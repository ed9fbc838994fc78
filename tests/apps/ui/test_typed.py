"""Addresses that are typed by hand."""

import pytest

from apps.ui.typed import way_to


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("series/AAPL", "series?series=AAPL"),
        ("series/AAPL_1d/", "series?series=AAPL_1d"),
        ("series/AAPL/1d", "series?series=AAPL_1d"),
        ("series/BTC/USD/1d", "series?series=BTC%2FUSD_1d"),
        ("series/BTC/USD_1d", "series?series=BTC%2FUSD_1d"),
        ("train/AAPL/1wk", "train?series=AAPL_1wk"),
        ("runs/0193-42d", "runs?run=0193-42d"),
        ("overview/all", "overview"),
        ("ml/fore:cast", "ml"),
    ],
)
def test_a_path_of_several_parts_leads_to_the_page_that_is_meant(typed: str, meant: str) -> None:
    assert way_to(typed) == meant


def test_what_else_the_address_says_is_kept() -> None:
    assert way_to("series/AAPL", "view=Record&step=2") == "series?view=Record&step=2&series=AAPL"


@pytest.mark.parametrize(
    "path",
    [
        "",
        "series",
        "series/",
        "static/js/index.js",
        "_stcore/health",
        "media/1.csv",
        "/evil.com/x",
        "../up",
        "./x",
    ],
)
def test_what_is_one_page_or_streamlits_own_goes_on(path: str) -> None:
    assert way_to(path) is None


def test_nothing_that_is_typed_leads_away_from_the_dashboard() -> None:
    assert way_to("https://evil.com") == "https%3A"
    assert way_to("\\\\evil.com/x") == "%5C%5Cevil.com"
