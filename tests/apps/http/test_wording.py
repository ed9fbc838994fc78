from pathlib import Path

import httpx

from apps.http.wording import without_folders
from ml.config import Settings
from tests.stored import quick_settings

FORECAST = {"ticker": "BTC/USD", "interval": "1d"}


def test_folders_are_told_by_their_last_name(tmp_path: Path) -> None:
    settings = quick_settings(tmp_path)
    told = without_folders(f"expected {settings.raw_dir}/A_1d.csv, POST /ml/train?ticker=A", settings)
    assert told == "expected raw/A_1d.csv, POST /ml/train?ticker=A"


def test_relative_folders_of_the_settings_are_told_as_they_are() -> None:
    settings = Settings(raw_dir=Path("data/raw"))
    assert without_folders("found none in data/raw", settings) == "found none in data/raw"
    absolute = Path("data/raw").absolute()
    assert without_folders(f"found none in {absolute}", settings) == "found none in raw"


def test_no_answer_names_a_folder_of_the_server(client: httpx.Client, settings: Settings) -> None:
    settings.raw_dir.mkdir()
    (settings.raw_dir / "BAD_1d.csv").write_text("no,bars\n1,2\n")
    for path in settings.models_dir.glob("*.scaler.pkl"):
        path.write_bytes(b"damaged")
    texts = [
        client.get("/ml/forecast", params={**FORECAST, "ticker": ticker}).text
        for ticker in ("BTC/USD", "BAD", "NONE")
    ]
    texts += [
        client.get(path).text
        for path in (
            "/ml/models/BTC/USD/1d",
            "/ml/models",
            "/ml/series",
            "/ml/overview",
            "/ml/quality?ticker=BAD&interval=1d",
            "/readyz",
        )
    ]
    for path in settings.models_dir.glob("*.meta.json"):
        path.write_text("{}")
    texts += [client.get(path).text for path in ("/ml/models", "/ml/overview", "/readyz")]
    for text in texts:
        assert str(settings.raw_dir.parent) not in text
