"""Uploading raw files over real HTTP."""

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from ml.config import Settings
from tests.apps.http.prefect_side import is_problem
from tests.apps.http.serving import serving
from tests.stored import quick_settings
from tests.waiting import until

CSV = {"Content-Type": "text/csv"}
BARS = b"Date,Open,High,Low,Close,Volume\n2024-01-02,1,2,1,2,5\n"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return quick_settings(tmp_path, api={"max_upload_mb": 1})


@pytest.fixture
def client(settings: Settings) -> Iterator[httpx.Client]:
    with serving(settings) as client:
        yield client


def upload(client: httpx.Client, name: str, content: bytes = BARS) -> httpx.Response:
    return client.post(f"/ml/raw/{name}", content=content, headers=CSV)


def test_a_file_lands_in_the_raw_folder_as_it_was_sent_and_says_what_happens_next(
    client: httpx.Client, settings: Settings
) -> None:
    answer = upload(client, "AAPL_1d.csv")
    assert answer.status_code == 201
    assert answer.headers["Location"] == "/ml/quality?ticker=AAPL&interval=1d"
    told = answer.json()
    assert (told["ticker"], told["interval"], told["file"]) == ("AAPL", "1d", "AAPL_1d.csv")
    assert told["bytes"] == len(BARS)
    assert "/ml/train?ticker=AAPL&interval=1d" in told["next"]
    assert [path.name for path in settings.raw_dir.iterdir()] == ["AAPL_1d.csv"]
    assert (settings.raw_dir / "AAPL_1d.csv").read_bytes() == BARS
    (row,) = client.get("/ml/series").json()["series"]
    assert (row["ticker"], row["files"]) == ("AAPL", 1)


def test_where_nobody_notices_files_the_answer_does_not_promise_it(tmp_path: Path) -> None:
    with serving(quick_settings(tmp_path, up={"notice": "off"})) as client:
        told = upload(client, "AAPL_1d.csv").json()["next"]
    assert "notices" not in told
    assert "/ml/train?ticker=AAPL&interval=1d" in told


def test_the_same_file_again_changes_nothing_and_another_of_its_name_is_refused(
    client: httpx.Client, settings: Settings
) -> None:
    upload(client, "AAPL_1d.csv")
    assert upload(client, "AAPL_1d.csv").status_code == 200
    problem = is_problem(upload(client, "AAPL_1d.csv", b"other"), 409)
    assert "AAPL_1d_2.csv" in problem["hint"]
    assert (settings.raw_dir / "AAPL_1d.csv").read_bytes() == BARS
    assert upload(client, "AAPL_1d_2.csv", b"other").status_code == 201
    assert len(list(settings.raw_dir.iterdir())) == 2


def test_of_different_files_of_one_name_at_once_one_is_taken(
    client: httpx.Client, settings: Settings
) -> None:
    contents = [bytes([97 + number]) * 100_000 for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda content: upload(client, "X_1d.csv", content), contents))
    assert sorted(answer.status_code for answer in answers) == [201, *[409] * 7]
    assert (settings.raw_dir / "X_1d.csv").read_bytes() in contents
    assert len(list(settings.raw_dir.iterdir())) == 1


def test_a_name_that_differs_in_case_alone_is_refused(client: httpx.Client, settings: Settings) -> None:
    upload(client, "AAPL_1d.csv")
    for name in ("aapl_1d.csv", "aapl_1d_more.csv", "AAPL_1d.CSV"):
        assert "AAPL_1d.csv" in is_problem(upload(client, name), 409)["detail"]
    assert len(list(settings.raw_dir.iterdir())) == 1


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("AAPL.csv", 422),
        ("AAPL_1d.txt", 422),
        ("AAPL_1M.csv", 422),
        ("..%252f..%252fetc_1d.csv", 422),
        ("..%2f..%2fetc_1d.csv", 404),
        ("..%5Cx_1d.csv", 422),
        ("A%00_1d.csv", 422),
        ("A_1d_%0A.csv", 422),
        ("A:B_1d.csv", 422),
        (f"A_1d_{'x' * 300}.csv", 422),
        (".hidden_1d.csv", 422),
    ],
)
def test_a_name_that_says_no_series_writes_nothing(
    client: httpx.Client, settings: Settings, name: str, status: int
) -> None:
    is_problem(upload(client, name), status)
    assert not settings.raw_dir.exists()
    assert [path.name for path in settings.raw_dir.parent.iterdir() if "csv" in path.name] == []


def test_a_ticker_with_a_slash_is_percent_encoded_in_the_name(
    client: httpx.Client, settings: Settings
) -> None:
    answer = upload(client, "BTC%252FUSD_1h.csv")
    assert (answer.status_code, answer.json()["ticker"]) == (201, "BTC/USD")
    assert (settings.raw_dir / "BTC%2FUSD_1h.csv").is_file()


def test_what_is_no_file_as_it_is_is_refused_and_leaves_nothing(
    client: httpx.Client, settings: Settings
) -> None:
    is_problem(upload(client, "AAPL_1d.csv", b""), 422)
    form = client.post("/ml/raw/AAPL_1d.csv", files={"file": BARS})
    assert "--data-binary" in is_problem(form, 415)["hint"]
    zipped = {**CSV, "Content-Encoding": "gzip"}
    is_problem(client.post("/ml/raw/AAPL_1d.csv", content=BARS, headers=zipped), 415)

    def chunks() -> Iterator[bytes]:
        for _ in range(3):
            yield b"x" * 2**19

    for content in (b"x" * (2**20 + 1), chunks()):
        answer = client.post("/ml/raw/AAPL_1d.csv", content=content, headers=CSV)
        assert "MAX_UPLOAD_MB" in is_problem(answer, 413)["hint"]
    assert list(settings.raw_dir.iterdir()) == []


def test_an_upload_whose_sender_goes_away_leaves_nothing(
    client: httpx.Client, settings: Settings
) -> None:
    with socket.create_connection((client.base_url.host, client.base_url.port or 0)) as sender:
        sender.sendall(
            b"POST /ml/raw/AAPL_1d.csv HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: text/csv\r\n"
            b"Content-Length: 100000\r\n\r\n" + b"x" * 50_000
        )
        until(lambda: settings.raw_dir.exists() and len(list(settings.raw_dir.iterdir())) == 1)
    until(lambda: not list(settings.raw_dir.iterdir()))


def test_what_is_unreadable_is_kept_for_ingest_to_judge(
    client: httpx.Client, settings: Settings
) -> None:
    assert upload(client, "AAPL_1d.csv", bytes(range(256))).status_code == 201
    assert (settings.raw_dir / "AAPL_1d.csv").stat().st_size == 256


def test_a_raw_folder_that_takes_no_file_is_said_without_its_place(
    client: httpx.Client, settings: Settings
) -> None:
    settings.raw_dir.write_text("a file where the folder should be")
    problem = is_problem(upload(client, "AAPL_1d.csv"), 503)
    assert problem["code"] == "TF030"
    assert str(settings.raw_dir.parent) not in str(problem)


def test_with_a_key_only_those_who_know_it_upload(
    client: httpx.Client, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TICKERFLOW_API_KEY", "a key of the test")
    is_problem(upload(client, "AAPL_1d.csv"), 401)
    assert not settings.raw_dir.exists()
    known = {**CSV, "X-API-Key": "a key of the test"}
    assert client.post("/ml/raw/AAPL_1d.csv", content=BARS, headers=known).status_code == 201
