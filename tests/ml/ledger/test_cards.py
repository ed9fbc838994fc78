"""The model card: one page that tells all, loads nothing, and shows hostile names as text."""

from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest

from ml.artifacts.store import ModelStore
from ml.config import Settings
from ml.data.store import Sidecar, write_sidecar
from ml.errors import ArtifactError, NotPromotedError
from ml.evaluation.promotion import promote_series
from ml.ledger import cards
from ml.ledger.cards import card_path, with_card, write_card
from ml.series import SeriesKey
from ml.training.trainer import train_series
from tests.ml.evaluation.test_pictures import live_record
from tests.stored import quick_settings, store_bars
from tests.synthetic import make_bars

KEY = SeriesKey.of("AAPL", "1d")


@pytest.fixture(scope="module")
def promoted(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    settings = quick_settings(tmp_path_factory.mktemp("cards"), promote={"force": True})
    outcome = store_bars(settings, KEY, make_bars(500))
    hostile = outcome.model_copy(update={"files": ("<script>alert(1).csv", 'a"b&c.csv')})
    write_sidecar(settings.store_dir, KEY, Sidecar(config="made up", sources=(), outcome=hostile))
    promoted = promote_series(train_series(KEY, settings), settings)
    assert promoted.status == "promoted"
    return settings


class Page(HTMLParser):
    """What a browser would make of a page: its elements, its words, and what it would load."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.words: list[str] = []
        self.loads: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.loads += [str(value) for name, value in attrs if name in ("src", "href", "data")]
        assert not any(name.startswith("on") for name, _ in attrs)

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def test_a_card_tells_all_in_words_and_is_a_page_by_itself(promoted: Settings) -> None:
    path = write_card(KEY, promoted)
    assert path == card_path(promoted.models_dir, KEY)
    page = Page(path.read_text(encoding="utf-8"))
    words = " ".join(" ".join(page.words).split())
    meta = ModelStore(promoted.models_dir).champion_meta(KEY)
    assert meta is not None
    assert meta.decision is not None
    for said in (
        "AAPL 1d",
        meta.version,
        meta.decision.reason,
        "8 of 10 outcomes should land in this band",
        "Copy of the last close",
        "Leakage certificate",
        "To the bit, these stayed",
        "close, rsi_14, volume",
        f"{meta.split.test.first:%Y-%m-%d}",
        "scratch",
        "no forecast of this version has met its outcome yet",
        "Forecasts against what came",
        "Error by step on held-out bars",
        "Loss by epoch",
        f"{meta.decision.verdict}, serves now",
    ):
        assert said in words, said
    assert page.loads == []
    assert page.tags.count("svg") > 10
    assert "script" not in page.tags


def test_names_of_files_are_text_whatever_they_hold(promoted: Settings) -> None:
    content = write_card(KEY, promoted).read_text(encoding="utf-8")
    assert "<script" not in content
    words = " ".join(Page(content).words)
    assert "<script>alert(1).csv" in words
    assert 'a"b&c.csv' in words


def test_the_live_score_is_on_the_card(promoted: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    champion = ModelStore(promoted.models_dir).champion_meta(KEY)
    assert champion is not None
    versions = [champion.version]

    def scored(_folder: Path, _key: SeriesKey) -> pd.DataFrame:
        return live_record(version=versions[-1])

    monkeypatch.setattr(cards, "live_record", scored)
    words = " ".join(Page(write_card(KEY, promoted).read_text(encoding="utf-8")).words)
    assert "60 forecasts scored" in words
    assert "+10.00%" in words
    assert "Live score" in words
    versions.append("another")
    words = " ".join(Page(write_card(KEY, promoted).read_text(encoding="utf-8")).words)
    assert "of 1 earlier version there are" in words
    assert "+10.00%" not in words


def test_a_card_is_drawn_where_plots_are_and_named_where_it_is(promoted: Settings) -> None:
    newer = promoted.model_copy(
        update={"run": promoted.run.model_copy(update={"skip_unchanged": False, "plots": "always"})}
    )
    path = card_path(promoted.models_dir, KEY)
    path.unlink(missing_ok=True)
    outcome = promote_series(train_series(KEY, newer), newer)
    without = with_card(outcome.model_copy(update={"plots": ()}), newer)
    assert without.card == ""
    assert with_card(outcome, newer).card == str(path)
    assert with_card(outcome.model_copy(update={"plots": ()}), newer).card == str(path)


def test_a_card_that_is_there_tells_of_the_model_that_serves_though_nothing_is_plotted(
    promoted: Settings,
) -> None:
    path = write_card(KEY, promoted)
    run = promoted.run.model_copy(update={"skip_unchanged": False, "plots": "never"})
    train = promoted.train.model_copy(update={"seed": 7})
    newer = promoted.model_copy(update={"run": run, "train": train})
    outcome = with_card(promote_series(train_series(KEY, newer), newer), newer)
    assert (outcome.status, outcome.plots, outcome.card) == ("promoted", (), str(path))
    assert outcome.version in path.read_text(encoding="utf-8")


def test_a_series_without_a_champion_has_no_card(promoted: Settings) -> None:
    with pytest.raises(NotPromotedError, match="NONE 1d"):
        write_card(SeriesKey.of("NONE", "1d"), promoted)


def test_an_evaluation_that_is_not_ours_is_an_error_that_says_so(tmp_path: Path) -> None:
    settings = quick_settings(tmp_path, promote={"force": True})
    store_bars(settings, KEY, make_bars(500))
    promote_series(train_series(KEY, settings), settings)
    (evaluation,) = settings.models_dir.glob("versions/*/*/evaluation.json")
    evaluation.write_text('{"model": {}}')
    with pytest.raises(ArtifactError, match=r"expected an evaluation\.json"):
        write_card(KEY, settings)
