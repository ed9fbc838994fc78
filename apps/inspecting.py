"""Commands that only look: ``config show``, ``doctor``, ``features``, ``version``."""

import json
from collections.abc import Sequence
from typing import Any

import typer
from rich.console import Console
from rich.table import Table

from apps.errors import DONE, SOME_FAILED
from apps.options import Call, command
from apps.provenance import provenance

config_app = typer.Typer(help="Settings: what they are and where they come from.", no_args_is_help=True)
_STYLES = {"ok": "green", "warn": "yellow", "fail": "bold red"}


@command(config_app, ["ingest", "train", "promote", "watch", "run"])
def show(call: Call) -> int:
    """Each value, and whether a flag, a variable, tickerflow.toml or the default gave it."""
    rows = list(provenance(call.settings, call.overrides))
    if call.json:
        values = [{"name": name, "value": value, "source": source} for name, value, source in rows]
        _print_json("config", values)
    else:
        _print_table(
            ["setting", "value", "source"], [(name, f"{value}", source) for name, value, source in rows]
        )
    return DONE


def add_inspection(app: typer.Typer) -> None:
    """Register the commands on the top level."""

    @command(app)
    def doctor(call: Call) -> int:
        """Check versions, device, folders, disk and Prefect."""
        from apps.doctor import examine

        checks = list(examine(call.settings))
        if call.json:
            rows = [
                {"name": c.name, "status": c.status, "found": c.found, "hint": c.hint} for c in checks
            ]
            _print_json("doctor", rows)
        else:
            console = Console(highlight=False)
            for check in checks:
                console.print(
                    f"[{_STYLES[check.status]}]{check.status:<4}[/] {check.name:<18}",
                    end=" ",
                    soft_wrap=True,
                )
                console.print(check.found, markup=False, soft_wrap=True)
                if check.hint:
                    console.print(f"     hint: {check.hint}", markup=False, soft_wrap=True)
        return SOME_FAILED if any(check.status == "fail" for check in checks) else DONE

    @command(app)
    def features(call: Call) -> int:
        """List the features that a model can be given; the numbers in a name are parameters."""
        from ml.features.indicators import available_features

        rows = [feature._asdict() for feature in available_features()]
        if call.json:
            _print_json("features", rows)
        else:
            columns = list(rows[0])
            _print_table(columns, [[_text(row[column]) for column in columns] for row in rows])
        return DONE

    @command(app)
    def version(call: Call) -> int:
        """The versions of Tickerflow and of what its results depend on."""
        import platform
        from importlib.metadata import version as installed

        versions = {"tickerflow": own_version(), "python": platform.python_version()}
        versions |= {name: installed(name) for name in ("torch", "prefect", "pandas", "scikit-learn")}
        if call.json:
            _print_json("version", versions)
        else:
            for name, number in versions.items():
                print(f"{name} {number}")  # noqa: T201
        return DONE


def own_version() -> str:
    """Of pyproject.toml: the application runs from its repository and is not installed."""
    import tomllib
    from pathlib import Path

    file = Path(__file__).resolve().parent.parent / "pyproject.toml"
    return str(tomllib.loads(file.read_text(encoding="utf-8"))["project"]["version"])


def _text(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple | list) else str(value)


def _print_json(name: str, result: Any) -> None:
    document = {"schema": f"tickerflow.{name}", "schema_version": 1, "result": result}
    print(json.dumps(document, indent=1, default=str))  # noqa: T201


def _print_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*row)
    Console(highlight=False, markup=False).print(table)
