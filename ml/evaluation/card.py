"""The model card of a series: one self-contained page, words first, then the pictures.

Every name on it comes from files that others write, so the template escapes all text, and the page may
load nothing and run nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd

from ml.artifacts.meta import Meta
from ml.evaluation.copying import copying_words
from ml.evaluation.rivalry import learnt_until
from ml.evaluation.verdict import p_words

if TYPE_CHECKING:
    from jinja2 import Template

_TEMPLATES = Path(__file__).parent / "templates"
_LEAST_LIVE = 2  # forecasts of which a line can be drawn
_BADGES = {
    "better": ("good", "Better than the random walk"),
    "not_worse": ("plain", "No worse than the random walk"),
    "undecided": ("plain", "Not distinguishable from the random walk"),
    "worse": ("bad", "Worse than the random walk"),
}
_REFERENCES = {"walk": "the random walk", "drift": "the drift", "champion": "the champion before"}


class Tile(NamedTuple):
    """One figure with its words; the mood is ``good``, ``bad`` or ``plain``."""

    name: str
    figure: str
    words: str
    mood: str = "plain"


class LifeRow(NamedTuple):
    """One event in the life of a series."""

    at: datetime | None
    what: str
    version: str
    model: str
    skill: float | None
    reason: str


@dataclass(frozen=True)
class Card:
    """What a card tells.

    Attributes:
        meta: of the champion.
        evaluation: its evaluation.json.
        life: what happened to the series, newest first.
        live: a row for each scored step, as `ml.ledger.record.live_record` gives them.
        drawn_at: when the card is drawn.
    """

    meta: Meta
    evaluation: Mapping[str, Any]
    life: Sequence[LifeRow]
    live: pd.DataFrame
    drawn_at: datetime


def render_card(card: Card) -> str:
    """The page."""
    meta = card.meta
    mood, badge = _badge(meta)
    return _template().render(
        series=str(meta.key),
        meta=meta,
        mood=mood,
        badge=badge,
        reason=meta.decision.reason if meta.decision else "",
        tiles=_tiles(card),
        verdicts=_verdicts(meta),
        figures=_figures(card),
        times=_times(meta),
        certificate=_certificate(meta),
        facts=_facts(meta),
        splits=[
            (name, part.first, part.last, part.windows) for name, part in meta.split if name != "gap"
        ],
        lineage=_lineage(meta),
        beyond=_list(meta.metrics.get("beyond")),
        life=card.life,
        drawn_at=card.drawn_at,
    )


@cache
def _template() -> "Template":
    from jinja2 import (
        Environment,
        FileSystemLoader,
        StrictUndefined,
    )  # takes 50 ms, which most runs save

    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters: dict[str, Callable[..., str]] = {"percent": _percent, "signed": _signed, "when": _when}
    environment.filters.update(filters)
    return environment.get_template("card.html")


def _badge(meta: Meta) -> tuple[str, str]:
    """Mood and words of the verdict against the random walk."""
    if meta.model == "naive":
        return "plain", "This is the random walk: it repeats the last close"
    standing = _dict(meta.decision.verdicts.get("walk") if meta.decision else None).get("standing")
    if standing in _BADGES:
        return _BADGES[standing]
    return "plain", "Not tested against the random walk"


def _tiles(card: Card) -> list[Tile]:
    meta, metrics = card.meta, card.meta.metrics
    tiles = []
    skill, windows = metrics.get("skill"), metrics.get("windows")
    if isinstance(skill, int | float):
        better = "below" if skill >= 0 else "above"
        words = f"mean error {abs(skill):.2%} {better} the random walk's, on {windows} held-out windows"
        proven = meta.decision is not None and meta.decision.proven
        tiles.append(Tile("Skill", _signed(skill), words, "good" if proven else "plain"))
    for level, of in ((80, "8 of 10"), (95, "19 of 20")):
        share = metrics.get(f"coverage_{level}")
        if isinstance(share, int | float):
            words = (
                f"{of} outcomes should land in this band; of {windows} held-out windows {share:.1%} did"
            )
            tiles.append(Tile(f"{level}% band", f"{share:.0%}", words))
    copy, lag = metrics.get("lag1_copy"), metrics.get("best_lag")
    if isinstance(copy, int | float):
        words = copying_words(float(copy), int(lag) if isinstance(lag, int | float) else 1)
        tiles.append(Tile("Copy of the last close", f"{copy:.2f}", words))
    tiles.append(_live_tile(card.live, meta.version))
    passed = meta.certificate.get("passed") is True
    words = "no bar of the future moved anything before it" if passed else "trained before there was one"
    tiles.append(Tile("Leakage certificate", "passed" if passed else "none", words))
    return tiles


def _live_tile(live: pd.DataFrame, version: str) -> Tile:
    """Of the version that serves; the picture further down has those before it too."""
    earlier = live["version"].nunique() if len(live) else 0
    live = live[live["version"] == version] if len(live) else live
    if live.empty:
        others = f", of {earlier} earlier version{'s' * (earlier != 1)} there are" if earlier else ""
        words = f"no forecast of this version has met its outcome yet{others}: tickerflow score"
        return Tile("Live", "\N{EN DASH}", words)
    error, walk = (float(live[column].abs().mean()) for column in ("error", "walk_error"))
    count = live["asof"].nunique()
    held = f"{live['inside_80'].mean():.0%} of outcomes in the 80% band"
    words = f"{count} forecast{'s' * (count != 1)} scored, {held}"
    return Tile("Live skill", _signed(1 - error / walk) if walk > 0 else "\N{EN DASH}", words)


def _verdicts(meta: Meta) -> list[dict[str, Any]]:
    """A row for each reference, over the horizon and at the named steps."""
    rows = []
    for name, words in _REFERENCES.items():
        whole = _dict(meta.decision.verdicts.get(name) if meta.decision else None)
        if not whole:
            continue
        rows.append(_verdict_row(f"{words}, all steps", whole))
        if name == "walk":
            for step, result in _dict(whole.get("by_step")).items():
                rows.append(_verdict_row(f"{words}, step {step}", _dict(result)))
    return rows


def _verdict_row(name: str, result: Mapping[str, Any]) -> dict[str, Any]:
    low, high, skill = (result.get(column) for column in ("low", "high", "skill"))
    tested = isinstance(low, int | float) and isinstance(high, int | float)
    p = result.get("p_worse" if isinstance(skill, int | float) and skill < 0 else "p_better")
    return {
        "name": name,
        "standing": str(result.get("standing", "")).replace("_", " "),
        "skill": _signed(skill),
        "bounds": f"{_signed(low)} to {_signed(high)}" if tested else "",
        "p": p_words(float(p)) if tested and isinstance(p, int | float) else "too few windows",
    }


def _times(meta: Meta) -> list[tuple[str, float, float]]:
    """How often the bands held, over all held-out windows and in the calm and the wild ones."""
    found = meta.metrics
    rows = []
    for name, ending in (("all", ""), ("the calmest fifth", "_calm"), ("the wildest fifth", "_wild")):
        inside_80, inside_95 = (found.get(f"coverage_{level}{ending}") for level in (80, 95))
        if isinstance(inside_80, int | float) and isinstance(inside_95, int | float):
            rows.append((name, float(inside_80), float(inside_95)))
    return rows if len(rows) > 1 else []


def _figures(card: Card) -> list[dict[str, Any]]:
    """Each picture as its panels' drawings, with its words beside them."""
    from markupsafe import Markup

    from ml.evaluation.pictures import evaluation_pictures, live_picture
    from ml.evaluation.svg import panel_svgs, swatches

    meta = card.meta
    pictures = evaluation_pictures(str(meta.key), meta.model, card.evaluation)
    if not card.live.empty and card.live["asof"].nunique() >= _LEAST_LIVE:
        pictures = {"live": live_picture(str(meta.key), card.live), **pictures}
    # What is in the drawings is made of numbers and escaped words (`SvgPen`).
    return [
        {
            "title": picture.title.partition(": ")[2].capitalize(),
            "verdict": picture.verdict,
            "note": picture.note,
            "panels": [(label, Markup(drawing)) for label, drawing in panel_svgs(picture)],  # noqa: S704
            "legend": [(label, Markup(drawing)) for label, drawing in swatches(picture.legend)],  # noqa: S704
        }
        for picture in pictures.values()
    ]


def _certificate(meta: Meta) -> dict[str, Any]:
    found = meta.certificate
    cuts = [_dict(cut) for cut in _list(found.get("cuts"))]
    return {
        "passed": found.get("passed") is True,
        "checked": ", ".join(str(name) for name in _list(found.get("checked"))),
        "values": found.get("values", 0),
        "seed": found.get("seed", ""),
        "cuts": [
            (cut.get("after", ""), str(cut.get("stamp", ""))[:16].replace("T", " ")) for cut in cuts
        ],
    }


def _facts(meta: Meta) -> dict[str, str]:
    data, training = meta.data, meta.training
    files = ", ".join(data.files[:5]) + (f" and {len(data.files) - 5} more" * (len(data.files) > 5))
    return {
        "Features": ", ".join(meta.features),
        "Network": f"{meta.model}: "
        + ", ".join(f"{name} {value}" for name, value in meta.config.items())
        if meta.config
        else meta.model,
        "Sees and says": f"{meta.seq_len} bars, then {meta.horizon} steps ahead",
        "Data": f"{data.rows:,} bars, {_when(data.first)} to {_when(data.last)}, from {files or '?'}",
        "Training": f"{training.epochs_run} epochs, the best was {training.best_epoch}, "
        f"stopped: {training.stopped}; {training.seconds:.1f} s on {training.device}, "
        f"seed {training.seed}",
        "Measured on": training.measured_on or "test bars, which it has not learnt from",
    }


def _lineage(meta: Meta) -> dict[str, str]:
    training = meta.training
    return {
        "Mode": training.mode,
        "Started from": training.source or "nothing: new weights",
        "Champion before": meta.parent or "none",
        "Version": meta.version,
        "Generation": str(meta.generation),
        "Learnt until": _when(learnt_until(meta)),
        "Bars": meta.data.fingerprint[:16],
    }


def _percent(value: float | None) -> str:
    return "" if value is None else f"{value:.0%}"


def _signed(value: Any) -> str:
    return f"{value:+.2%}".replace("-", "\N{MINUS SIGN}") if isinstance(value, int | float) else ""


def _when(stamp: datetime | None) -> str:
    return "" if stamp is None else stamp.strftime("%Y-%m-%d %H:%M").removesuffix(" 00:00")


def _dict(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
