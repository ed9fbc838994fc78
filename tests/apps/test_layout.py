import importlib
import subprocess
import sys
from pathlib import Path

import pytest

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
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.stdout.strip() == "create_app", done.stderr


def test_no_module_of_flows_or_apps_hides_another() -> None:
    stems = {path.stem for folder in ("flows", "apps") for path in (ROOT / folder).glob("*.py")}
    top_level = {"flows", "tasks", "models", "ml", "apps", "tests", "benchmarks"}
    assert not (stems - {"__init__"}) & (top_level | set(sys.stdlib_module_names))


def test_the_command_line_imports_nothing_heavy() -> None:
    code = (
        "import sys, apps.cli; "
        "print([n for n in ('prefect', 'torch', 'pandas', 'sklearn', 'matplotlib') if n in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.strip() == "[]", done.stderr
