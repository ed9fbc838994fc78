"""What `tickerflow up` says before it starts anything."""

import json
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings
from typer.testing import CliRunner

from apps.commands import app
from apps.up.command import _ask_this_machine_itself, _check_access, _problem
from apps.up.once import only_one
from apps.up.parts import Addresses, choose_addresses, common_environment, make_parts
from apps.up.ports import choose_port
from apps.up.show import Board
from ml.config import ApiConfig, Settings, UpConfig
from ml.errors import UsageError
from tests.stored import quick_settings


def test_a_port_that_is_taken_names_its_holder_and_the_option() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(UsageError) as caught:
            choose_port("127.0.0.1", port, "--port")
    assert f"expected port {port} of 127.0.0.1 to be free, found process " in caught.value.message
    assert "--port" in caught.value.hint


def test_port_0_takes_a_free_one() -> None:
    assert choose_port("127.0.0.1", 0, "--port") > 0


def test_a_second_one_over_the_same_folder_hears_of_the_first(tmp_path: Path) -> None:
    with only_one(tmp_path, "end it") as sign:
        sign({"dashboard": "http://127.0.0.1:8501"})
        with pytest.raises(UsageError) as caught, only_one(tmp_path, "end it"):
            pass
    assert "dashboard http://127.0.0.1:8501" in caught.value.message
    with only_one(tmp_path, "end it"):
        pass


def test_a_host_that_others_can_reach_needs_an_api_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TICKERFLOW_STORE_DIR", str(tmp_path))
    monkeypatch.delenv("TICKERFLOW_API_KEY", raising=False)
    result = CliRunner().invoke(app, ["up", "--host", "0.0.0.0"])
    assert result.exit_code == 2
    assert "expected TICKERFLOW_API_KEY in the environment" in result.stderr


def test_the_runs_have_the_folders_and_the_options_of_the_call(tmp_path: Path) -> None:
    settings = quick_settings(tmp_path)
    overrides = {"raw_dir": settings.raw_dir, "up": {"notice": "poll"}, "api": {"cors_origins": ("a",)}}
    addresses = choose_addresses(_with(settings, notice="poll"), "", "")
    environment = common_environment(settings, overrides, addresses)
    assert environment["TICKERFLOW_STORE_DIR"] == str(settings.store_dir)
    assert environment["TICKERFLOW_UP__NOTICE"] == "poll"
    assert json.loads(environment["TICKERFLOW_API__CORS_ORIGINS"]) == ["a"]
    assert environment["PREFECT_API_URL"] == addresses.prefect_api


def test_a_server_that_runs_is_used_and_no_other_is_started(tmp_path: Path) -> None:
    settings = _with(quick_settings(tmp_path))
    addresses = choose_addresses(settings, "http://127.0.0.1:4200/api", "http://127.0.0.1:4200")
    names = [part.name for part in make_parts(settings, addresses)]
    assert names == ["deployments", "api", "dashboard", "worker", "noticer"]


@contextmanager
def _locked() -> Iterator[str]:
    """The API of a server that lets nobody in."""

    class Locked(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(401)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Locked) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/api"
        finally:
            server.shutdown()


def test_a_server_that_does_not_let_one_in_is_said_before_anything_starts() -> None:
    with (
        _locked() as url,
        temporary_settings({PREFECT_API_URL: url}),
        pytest.raises(UsageError) as caught,
    ):
        _check_access(url)
    assert "found its status 401" in caught.value.message
    assert "PREFECT_API_AUTH_STRING" in caught.value.hint


@pytest.mark.parametrize("before", ["", "corp.example", "*"])
def test_a_proxy_is_not_asked_for_what_runs_on_this_machine(
    monkeypatch: pytest.MonkeyPatch, before: str
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")  # where nobody is
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, before)
    _ask_this_machine_itself()
    assert os.environ["no_proxy"].startswith(before)
    with _locked() as url:
        assert "401" in _problem(url)
        with temporary_settings({PREFECT_API_URL: url}), pytest.raises(UsageError, match="401"):
            _check_access(url)


def test_without_prefect_there_are_the_pages_alone(tmp_path: Path) -> None:
    settings = _with(quick_settings(tmp_path), prefect=False)
    addresses: Addresses = choose_addresses(settings, "", "")
    assert [part.name for part in make_parts(settings, addresses)] == ["api", "dashboard"]


def test_what_holds_as_long_as_all_run_is_said_in_words_and_in_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Board(tmp_path, as_json=True, quiet=False).note("without Prefect nothing is trained")
    Board(tmp_path, as_json=False, quiet=False).note("without Prefect nothing is trained")
    out, err = capsys.readouterr()
    assert json.loads(out)["text"] == err.strip() == "without Prefect nothing is trained"


def _with(settings: Settings, **up: object) -> Settings:
    free = UpConfig.model_validate({"prefect_port": 0, "dashboard_port": 0, **up})
    return settings.model_copy(update={"up": free, "api": ApiConfig(port=0)})
