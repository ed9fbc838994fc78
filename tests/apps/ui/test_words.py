from datetime import UTC, datetime

import pytest

from apps.ui import words


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1234.5, "1,234.50"),
        (0.8312, "0.8312"),
        (0.00001234, "0.00001234"),
        (None, "–"),
        (float("nan"), "–"),
    ],
)
def test_a_price_has_the_decimals_that_tell_it_apart(value: float | None, text: str) -> None:
    assert words.price(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0123, "+1.2%"), (-0.0123, "−1.2%"), (0.0001, "0.0%"), (-0.0001, "0.0%"), (None, "–")],
)
def test_a_share_has_a_sign_unless_it_is_nothing(value: float | None, text: str) -> None:
    assert words.share(value) == text


def test_skill_is_told_beside_the_random_walk() -> None:
    assert words.skill(0.041) == "errs 4.1% less than the random walk"
    assert words.skill(-0.041) == "errs 4.1% more than the random walk"
    assert words.skill(0.0) == "errs as much as the random walk"
    assert words.skill(None) == "not measured"


def test_a_band_is_told_by_what_it_promised_and_what_it_held() -> None:
    promise = "8 of 10 outcomes should land in this band"
    assert words.coverage(0.76, 80, 120) == f"{promise}; of the last 120 outcomes 76% did"
    assert words.coverage(None, 80, 0) == f"{promise}; none have come due yet"
    assert words.coverage(1.0, 95, 1).startswith("9.5 of 10")


def test_worse_undecided_and_no_model_are_told_apart() -> None:
    told = [words.standing(word) for word in ("better", "not_worse", "undecided", "worse", "")]
    assert len(set(told)) == 5
    assert words.standing("something_new") == "something new"


def test_stamps_of_days_have_no_time() -> None:
    assert words.stamp("2018-02-07T00:00:00Z") == "7 Feb 2018"
    assert words.stamp("2018-02-07T16:30:00Z") == "7 Feb 2018 16:30"
    assert words.stamp("2018-02-07T16:30:00+02:00") == "7 Feb 2018 14:30"
    assert words.stamp(None) == "–"


@pytest.mark.parametrize(
    ("minutes", "text"),
    [
        (0, "just now"),
        (1, "1 minute ago"),
        (125, "2 hours ago"),
        (3 * 1440, "3 days ago"),
        (-5, "just now"),
    ],
)
def test_ago_is_in_the_largest_unit(minutes: int, text: str) -> None:
    now = datetime(2026, 1, 31, 12, tzinfo=UTC)
    then = datetime.fromtimestamp(now.timestamp() - 60 * minutes, UTC)
    assert words.ago(then.isoformat(), now) == text


def test_freshness_counts_what_is_overdue() -> None:
    assert words.freshness(0) == "up to date"
    assert words.freshness(1) == "1 bar overdue"
    assert words.freshness(500) == "500+ bars overdue"


def test_what_a_file_holds_is_never_markup() -> None:
    assert words.plain("<b>*x*</b> [a](b)") == r"\<b\>\*x\*\<\/b\> \[a\]\(b\)"
    assert words.plain(":red[x] $y$ _z_") == r"\:red\[x\] \$y\$ \_z\_"
    assert words.plain("BRK_A* 1d") == r"BRK\_A\* 1d"


def test_commands_stay_code() -> None:
    assert words.plain("run `tickerflow up`, or wait") == r"run `tickerflow up`\, or wait"
    assert words.plain("a ` alone") == r"a \` alone"


def test_what_the_service_says_is_a_sentence() -> None:
    assert words.sentence("expected bars, found none") == "Expected bars, found none."
    assert words.sentence("Is this a CSV of bars?") == "Is this a CSV of bars?"
    assert words.sentence("") == ""


@pytest.mark.parametrize(
    ("alerts", "said"), [([{"kind": "damaged"}], words.DAMAGED), ([], "Being read")]
)
def test_a_model_without_figures_is_damaged_or_not_read_yet(alerts: list[object], said: str) -> None:
    row = {"promoted": True, "model": "", "standing": "", "alerts": alerts}
    assert words.served(row) == said
    assert words.served({**row, "promoted": False}) == "No model yet"
