"""``tickerflow models``: what is promoted, why, and back to an earlier version."""

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from apps.errors import DONE, SOME_FAILED
from apps.options import Call, command
from ml.errors import ArtifactError, NotPromotedError, UsageError
from ml.series import Interval, SeriesKey, check_ticker

if TYPE_CHECKING:
    from ml.artifacts.meta import Meta
    from ml.artifacts.store import ModelStore

models_app = typer.Typer(
    help="What is promoted, why, and back to an earlier version.", no_args_is_help=True
)

# Beside --ticker and --interval, which all commands have.
Ticker = Annotated[str | None, typer.Argument(metavar="TICKER", help="The series' ticker")]
BarInterval = Annotated[str | None, typer.Argument(metavar="INTERVAL", help="Its interval")]
Version = Annotated[
    str | None, typer.Option("--version", help="Version to go back to; by default the one before")
]


@command(models_app, series=True)
def list_(call: Call) -> int:
    """List the champion of each series."""
    store = _store(call)
    rows, damaged = [], False
    for key in _selected(call, store):
        try:
            # Loaded, not only looked up: a list that is in order can forecast.
            rows.append(_champion_row(key, store.champion(key).meta))
        except NotPromotedError:  # taken away since it was listed
            continue
        except ArtifactError as error:
            damaged = True
            rows.append(
                {**_name(key), "model": "", "skill": None, "proven": None, "problem": str(error)}
            )
    if not rows:
        typer.echo("nothing is promoted yet; train first: tickerflow train", err=True)
    if call.json:
        _print_json("list", rows)
    elif rows:
        _print_table(rows, ["series", "model", "skill", "proven", "version", "promoted_at", "problem"])
    return SOME_FAILED if damaged else DONE


@command(models_app, series=True)
def show(call: Call, series: Ticker = None, bars: BarInterval = None) -> int:
    """Show the champion of one series: its figures, and why it was promoted."""
    key = _one(call, series, bars)
    meta = _store(call).champion(key).meta
    if call.json:
        _print_json("show", meta.model_dump(mode="json"))
        return DONE
    console = Console(highlight=False, markup=False)
    for name, text in _facts(key, meta).items():
        console.print(f"{name:<12} {text}", soft_wrap=True)
    console.print(_figures(meta))
    console.print("--json prints all of meta.json; tickerflow models card draws it")
    return DONE


def _facts(key: SeriesKey, meta: "Meta") -> dict[str, str]:
    row, data, training = _champion_row(key, meta), meta.data, meta.training
    parts = {
        name: f"{part.first:%Y-%m-%d} to {part.last:%Y-%m-%d} ({part.windows} windows)"
        for name, part in meta.split
        if name != "gap"
    }
    source = f" of {training.source}" if training.source else ""
    facts = {
        "series": row["series"],
        "model": f"{meta.model}, window {meta.seq_len}, horizon {meta.horizon}",
        "version": f"{meta.version}, promoted {row['promoted_at']}",
        "why": row["reason"],
        "proven": "yes: significantly better than the random walk" if row["proven"] else "no",
        "features": " ".join(meta.features),
        "data": f"{data.rows:,} bars from {', '.join(data.files)}; calendar {data.calendar}",
        **parts,
        "training": f"{training.mode}{source}, {training.epochs_run} epochs, "
        f"the best was {training.best_epoch}, stopped: {training.stopped}, "
        f"{training.seconds:.1f} s on {training.device}, seed {training.seed}",
        "measured on": training.measured_on,
        "tuned": training.tuned,
        "note": training.note,
        "certificate": "passed: no bar of the future moved anything before it"
        if meta.certificate.get("passed") is True
        else "none: trained before trainings were certified",
    }
    return {name: text for name, text in facts.items() if text}


def _figures(meta: "Meta") -> Table:
    """The model's errors on test bars beside the baselines', over the horizon and by step."""
    table = Table(box=None, pad_edge=False, title="on test bars", title_justify="left")
    table.add_column("")
    for name in (meta.model, "random walk", "drift"):
        table.add_column(name, justify="right")
    naive, drift = (_section(meta.baselines.get(name)) for name in ("naive", "drift"))
    for name, value in meta.metrics.items():
        if isinstance(value, int | float):
            table.add_row(name, *(_number(one.get(name)) for one in (meta.metrics, naive, drift)))
    columns = [_section(one).get("mae_by_step") for one in (meta.metrics, naive, drift)]
    for step, errors in enumerate(zip(*(c for c in columns if isinstance(c, list)), strict=True), 1):
        table.add_row(f"mae, step {step}", *map(_number, errors))
    return table


def _section(figures: Any) -> dict[str, Any]:
    return figures if isinstance(figures, dict) else {}


def _number(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, int | float) else ""


@command(models_app, series=True)
def history(call: Call, series: Ticker = None, bars: BarInterval = None) -> int:
    """Tell the life of one series: promoted, rejected, rolled back, demoted; newest first."""
    from apps.living import life_rows, print_life

    key = _one(call, series, bars)
    rows = life_rows(call, _store(call), key)
    if not rows:
        raise NotPromotedError(
            f"expected versions of {key}, found none in {call.settings.models_dir}",
            hint=f"train one: tickerflow train --ticker {key.ticker} --interval {key.interval}",
            where=str(key),
        )
    if call.json:
        _print_json("history", rows)
    else:
        print_life(key, rows)
    return DONE


@command(models_app, series=True)
def rollback(
    call: Call, series: Ticker = None, bars: BarInterval = None, version: Version = None
) -> int:
    """Make an earlier version of one series its champion again."""
    from ml.ledger.cards import refresh_card

    key = _one(call, series, bars)
    meta = _store(call).rollback(key, version)
    refresh_card(key, call.settings)
    row = _champion_row(key, meta)
    if call.json:
        _print_json("rollback", row)
    else:
        Console(highlight=False).print(f"{key}: {row['reason']}", soft_wrap=True, markup=False)
    return DONE


@command(models_app, series=True)
def card(call: Call, series: Ticker = None, bars: BarInterval = None) -> int:
    """Draw the model card of one series, a page with all that is known of it, and print its path."""
    from ml.ledger.cards import write_card

    path = write_card(_one(call, series, bars), call.settings)
    if call.json:
        _print_json("card", {"path": str(path.resolve())})
    else:
        print(path)  # noqa: T201
    return DONE


def _store(call: Call) -> "ModelStore":
    from ml.artifacts.store import ModelStore

    return ModelStore(call.settings.models_dir)


def _selected(call: Call, store: "ModelStore") -> list[SeriesKey]:
    tickers = {check_ticker(ticker) for ticker in call.tickers}
    intervals = {Interval.parse(interval) for interval in call.intervals}
    return [
        key
        for key in sorted(store.series())
        if (not tickers or key.ticker in tickers) and (not intervals or key.interval in intervals)
    ]


def _one(call: Call, series: str | None, bars: str | None) -> SeriesKey:
    """The one series that is asked for; the interval may be left out where the ticker has one model."""
    call = replace(
        call,
        tickers=(*call.tickers, *([series] if series else [])),
        intervals=(*call.intervals, *([bars] if bars else [])),
    )
    if len(set(call.tickers)) == len(set(call.intervals)) == 1:
        return SeriesKey.of(call.tickers[0], call.intervals[0])
    found = _selected(call, _store(call)) if call.tickers else []
    if len(found) != 1:
        names = ", ".join(str(key) for key in found) or "none"
        raise UsageError(f"expected one series, found {names}", hint="name it, such as AAPL 1d")
    return found[0]


def _name(key: SeriesKey) -> dict[str, Any]:
    return {"series": str(key), "ticker": key.ticker, "interval": str(key.interval)}


def _champion_row(key: SeriesKey, meta: "Meta") -> dict[str, Any]:
    return {
        **_name(key),
        "model": meta.model,
        "skill": meta.decision.skill if meta.decision else None,
        "proven": meta.decision.proven if meta.decision else False,
        "version": meta.version,
        "promoted_at": f"{meta.promoted_at:%Y-%m-%dT%H:%M:%SZ}" if meta.promoted_at else "",
        "reason": meta.decision.reason if meta.decision else "",
        "problem": "",
    }


def _print_json(name: str, result: Any) -> None:
    document = {"schema": f"tickerflow.models.{name}", "schema_version": 1, "result": result}
    print(json.dumps(document, indent=1))  # noqa: T201


def _print_table(rows: list[dict[str, Any]], columns: list[str]) -> None:
    shown = [column for column in columns if any(row.get(column) not in ("", None) for row in rows)]
    table = Table(box=None, pad_edge=False)
    for column in shown or columns:
        table.add_column(column.replace("_", " "), overflow="fold")
    for row in rows:
        table.add_row(*(_cell(row.get(column)) for column in shown))
    Console(highlight=False, markup=False).print(table)


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:+.4f}"
    return "" if value is None else str(value)
