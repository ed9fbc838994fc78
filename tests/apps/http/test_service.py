import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from apps.api import create_app
from apps.http.guard import is_loopback
from apps.http.limits import MAX_BODY_BYTES
from ml.config import Settings
from tests.apps.http.serving import serving, serving_app
from tests.stored import quick_settings


def test_an_empty_service_answers_and_says_what_is_missing(tmp_path: Path) -> None:
    with serving(quick_settings(tmp_path)) as client:
        assert client.get("/healthz").json() == {"status": "ok"}
        ready = client.get("/readyz")
        assert (ready.status_code, ready.json()["ready"]) == (503, False)
        assert len(ready.json()["missing"]) == 2
        assert client.get("/ml/models").json() == []
        page = client.get("/ml/series").json()
        assert page["series"] == []
        assert "CSV files" in page["problems"][0]["hint"]


def test_a_service_with_a_model_is_ready(client: httpx.Client) -> None:
    ready = client.get("/readyz")
    assert (ready.status_code, ready.json()) == (200, {"ready": True, "series": 1, "missing": []})


def test_series_are_those_with_raw_files_or_a_model(client: httpx.Client, settings: Settings) -> None:
    settings.raw_dir.mkdir()
    (settings.raw_dir / "AAPL_1d.csv").write_text("x\n")
    (settings.raw_dir / "noname.csv").write_text("x\n")
    page = client.get("/ml/series").json()
    apple, bitcoin = page["series"]
    assert (apple["ticker"], apple["files"], apple["ingested"], apple["promoted"]) == (
        "AAPL",
        1,
        False,
        False,
    )
    assert (bitcoin["ticker"], bitcoin["rows"], bitcoin["promoted"]) == ("BTC/USD", 400, True)
    assert [problem["name"] for problem in page["problems"]] == ["noname.csv"]


def test_an_unknown_path_and_method_are_problems(client: httpx.Client) -> None:
    for answer, status in ((client.get("/nowhere"), 404), (client.put("/ml/forecast"), 405)):
        assert (answer.status_code, answer.json()["status"]) == (status, status)
        assert answer.headers["content-type"] == "application/problem+json"


def test_head_answers_as_get_does_without_a_body(client: httpx.Client) -> None:
    forecast = "/ml/forecast?ticker=BTC/USD&interval=1d"
    for path in ("/healthz", "/readyz", "/ml/models", forecast, "/openapi.json", "/nowhere"):
        whole, head = client.get(path), client.head(path)
        assert (head.status_code, head.content) == (whole.status_code, b"")
        told = ("content-type", "content-length", "etag")
        assert [head.headers.get(name) for name in told] == [whole.headers.get(name) for name in told]
    # On a connection that is kept, a body that came nevertheless would be the next answer's head.
    assert client.head("/ml/train").headers["allow"] == "POST"
    assert client.post("/healthz").headers["allow"] == "GET, HEAD"
    assert client.get("/healthz").json() == {"status": "ok"}


def test_a_slash_too_many_is_404_and_no_redirect_to_a_host_that_the_client_names(
    client: httpx.Client,
) -> None:
    answer = client.get("/ml/series/", headers={"Host": "elsewhere.example"})
    assert (answer.status_code, "location" in answer.headers) == (404, False)


def test_a_body_over_the_limit_is_413_whatever_it_says_of_its_length(client: httpx.Client) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(2):
            yield b"x" * MAX_BODY_BYTES

    for content in (b"x" * (MAX_BODY_BYTES + 1), chunks()):
        answer = client.post("/ml/models/A/1d/rollback", content=content)
        assert (answer.status_code, answer.json()["status"]) == (413, 413)


def test_an_unexpected_error_leaves_no_trace_in_the_answer(tmp_path: Path) -> None:
    app = create_app(quick_settings(tmp_path))

    def broken() -> None:
        raise RuntimeError("a secret")

    app.add_api_route("/broken", broken)
    with serving_app(app) as client:
        answer = client.get("/broken")
    assert (answer.status_code, answer.json()["title"]) == (500, "Internal Server Error")
    assert "secret" not in answer.text


def test_every_route_documents_its_problems(client: httpx.Client) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    assert "application/problem+json" in paths["/ml/forecast"]["get"]["responses"]["422"]["content"]
    assert set(paths["/ml/models/{ticker}/{interval}/rollback"]["post"]["responses"]) == {
        *("200", "401", "403", "404", "408", "409", "413", "422", "431", "500", "503")
    }
    documented = {
        kind
        for path in paths.values()
        for operation in path.values()
        for answer in operation["responses"].values()
        for content in answer.get("content", {}).values()
        for kind in [content["schema"].get("$ref", "")]
    }
    assert not any("ValidationError" in kind for kind in documented)


@pytest.mark.parametrize(
    ("host", "own"),
    [
        *[("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("LOCALHOST", True)],
        *[("10.0.0.1", False), ("127.0.0.1.evil.example", False), ("", False), ("0.0.0.0", False)],
    ],
)
def test_loopback_is_this_machine_alone(host: str, own: bool) -> None:
    assert is_loopback(host) is own


def test_help_loads_no_framework() -> None:
    code = (
        "import sys, apps.api; sys.exit(any(m in sys.modules for m in ('fastapi', 'torch', 'prefect')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
