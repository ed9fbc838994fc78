import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from tests.universe import write_series

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("name", ["flows", "tasks", "models", "ml", "apps", "tests"])
def test_the_generic_names_are_those_of_the_repository(name: str) -> None:
    module = importlib.import_module(name)
    assert module.__file__ is not None
    assert Path(module.__file__).resolve().is_relative_to(ROOT / name)


def test_prefects_server_imports_with_the_locked_versions() -> None:
    # In a process of its own: the import changes Prefect's settings.
    code = "import tasks, prefect.server.api.server as s; print(s.create_app.__name__)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=240
    )
    assert done.stdout.strip() == "create_app", done.stderr


def test_no_module_of_flows_or_apps_hides_another() -> None:
    stems = {path.stem for folder in ("flows", "apps") for path in (ROOT / folder).glob("*.py")}
    top_level = {"flows", "tasks", "models", "ml", "apps", "tests", "benchmarks"}
    assert not (stems - {"__init__"}) & (top_level | set(sys.stdlib_module_names))


HEAVY = {"prefect", "torch", "pandas", "numpy", "sklearn", "scipy", "matplotlib", "talib", "pandera"}


@pytest.mark.parametrize(
    ("arguments", "needed"),
    [
        ("--help", set()),
        ("train --help", set()),
        ("config show", set()),
        ("ingest --raw-dir RAW --store-dir STORE", {"pandas", "numpy", "pandera"}),
    ],
)
def test_a_command_imports_nothing_heavy_that_it_does_not_need(
    arguments: str, needed: set[str], tmp_path: Path
) -> None:
    write_series(tmp_path / "raw", "GOOD", 40)
    words = arguments.replace("RAW", str(tmp_path / "raw")).replace("STORE", str(tmp_path / "store"))
    code = (
        "import atexit, sys\n"
        f"atexit.register(lambda: print('IMPORTED', *({HEAVY!r} & set(sys.modules))))\n"
        f"import apps.cli\nsys.argv = ['tickerflow', *{words.split()!r}]\napps.cli.main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stderr
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("IMPORTED")]
    assert set(line.split()[1:]) <= needed
