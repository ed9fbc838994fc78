from pathlib import Path

import httpx

from tests.apps.http.serving import serving
from tests.stored import quick_settings

ORIGIN = "https://example.org"


def ask(client: httpx.Client, origin: str, method: str = "GET") -> httpx.Response:
    """What a browser asks before it lets a page of that origin do something."""
    headers = {"Origin": origin, "Access-Control-Request-Method": method}
    return client.options("/ml/models", headers=headers)


def test_no_other_site_may_read_where_none_is_named(tmp_path: Path) -> None:
    with serving(quick_settings(tmp_path)) as client:
        found = client.get("/ml/models", headers={"Origin": ORIGIN}).headers
        assert "access-control-allow-origin" not in found
        assert ask(client, ORIGIN).status_code == 405


def test_the_sites_that_are_named_may_read_and_not_write(tmp_path: Path) -> None:
    with serving(quick_settings(tmp_path, api={"cors_origins": (ORIGIN,)})) as client:
        found = client.get("/ml/models", headers={"Origin": ORIGIN}).headers
        assert found["access-control-allow-origin"] == ORIGIN
        assert "ETag" in found["access-control-expose-headers"]
        assert ask(client, ORIGIN).status_code == 200
        assert ask(client, ORIGIN, "POST").status_code == 400
        assert ask(client, "https://evil.example").status_code == 400
        other = client.get("/ml/models", headers={"Origin": "https://evil.example"}).headers
        assert "access-control-allow-origin" not in other
        wrong = client.get("/nowhere", headers={"Origin": ORIGIN})
        assert wrong.headers["access-control-allow-origin"] == ORIGIN  # a page may read why
