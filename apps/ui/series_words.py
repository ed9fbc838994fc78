"""The series page in words: what a forecast says, how far to trust it, how a model compares."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

from apps.ui import words

Json = Mapping[str, Any]
Colour = Literal["green", "gray", "orange", "red"]

# Of a standing, or of a damaged model: colour and icon of its badge. No skill is grey, without an arrow.
BADGES: Final[Mapping[str, tuple[Colour, str]]] = {
    "better": ("green", ":material/verified:"),
    "not_worse": ("gray", ":material/drag_handle:"),
    "undecided": ("orange", ":material/help:"),
    "worse": ("red", ":material/trending_down:"),
    "damaged": ("red", ":material/error:"),
    "": ("gray", ":material/model_training:"),
}
EVENTS: Final = {
    "promoted": "Promoted",
    "forced": "Promoted by force",
    "rejected": "Rejected",
    "rolled_back": "Rolled back to",
    "demoted": "Demoted",
}
REASONS: Final = {
    "unparsable_timestamp": "the time cannot be read",
    "missing_value": "a price is missing or not a number",
    "non_positive_price": "a price is zero or negative",
    "inconsistent_ohlc": "the high or the low contradicts the other prices",
    "negative_volume": "the volume is negative",
    "duplicate_timestamp": "a later row has the same time",
}


def is_told(row: Json, problem: str) -> bool:
    """Whether the alerts of a series, which stand above every view, say so already."""
    return any(alert["words"] == problem for alert in row["alerts"])


def outlook(forecast: Json, level: int) -> str:
    """What a forecast says of its last step; of a model that is not proven, that there is no signal."""
    last = forecast["steps"][-1]
    close = forecast["last_close"]
    ahead = words.count(last["step"], "bar")
    low, high = (words.price(last[f"{side}_{level}"]) for side in ("lower", "upper"))
    band = f"{level / 10:g} of 10 outcomes should land between **{low}** and **{high}**"
    if not forecast["proven"]:
        return (
            "**No signal.** This model is not proven to beat the random walk: its line is no reason to "
            f"expect a rise or a fall. In {ahead}, by {words.stamp(last['timestamp'])}, {band}."
        )
    change = last["forecast"] / close - 1
    moved = words.share(change, 2)
    way = "above" if change > 0 else "below"
    where = (
        f"**{words.price(last['forecast'])}**, {moved.lstrip('+−')} {way} the last close"
        if moved[0] in "+−"
        else "the last close"
    )
    return f"In {ahead}, by {words.stamp(last['timestamp'])}, the model expects {where}; {band}."


def record(score: Json | None, version: str, levels: Sequence[int], tested: Json) -> str:
    """What the bands of a version promised and held; never a fan chart without it.

    Of what has not come due yet, what held on test bars: ``tested`` are the metrics of the version.
    """
    found = [one for one in score["versions"] if one["version"] == version] if score else []
    lines = []
    for level in levels:
        held = found[0][f"coverage_{level}"] if found else None
        told = words.coverage(held, level, found[0]["steps"] if found else 0)
        before = tested.get(f"coverage_{level}")
        if held is None and before is not None:
            told += f"; on test bars {before:.0%} did"
        lines.append(f"**{level}% band**: {told}.")
    if found:
        made = words.count(found[0]["forecasts"], "forecast")
        lines.append(
            f"**Error**: over its {made} that came due the model {words.skill(found[0]['skill'])}."
        )
    return "\n".join(f"- {line}" for line in lines)


def comparison(page: Json) -> list[dict[str, str]]:
    """Figures on test bars, one a row: the model's, the random walk's, and the difference in words."""
    model, walk = page["metrics"], page["baselines"]["naive"]
    rows = []
    for name, title, tail in (
        ("mae", "Mean absolute error", ""),
        ("rmse", "Root mean squared error", ""),
        ("mape", "Mean error in percent", "%"),
    ):
        if model.get(name) is None or walk.get(name) is None:
            continue
        gap = 1 - model[name] / walk[name] if walk[name] else None
        rows.append(
            {
                "On test bars": title,
                "Model": _figure(model[name], tail),
                "Random walk": _figure(walk[name], tail),
                "In words": _less(gap),
            }
        )
    if model.get("directional_accuracy") is not None:
        right = model["directional_accuracy"]
        rows.append(
            {
                "On test bars": "Direction called right",
                "Model": f"{right:.1%}",
                "Random walk": words.NOTHING,
                "In words": "where prices rise on most bars, so does calling every bar a rise",
            }
        )
    for level in (80, 95):
        held = model.get(f"coverage_{level}")
        if held is not None:
            rows.append(
                {
                    "On test bars": f"Outcomes in the {level}% band",
                    "Model": f"{held:.1%}",
                    "Random walk": words.NOTHING,
                    "In words": _kept(held, level / 100),
                }
            )
    return rows


def settled(page: Json) -> str:
    """How a model was trained, in one sentence."""
    training, split = page["training"], page["split"]
    parts = [f"{words.count(len(page['features']), 'feature')} over {page['seq_len']} bars"]
    if training.get("epochs_run"):
        parts.append(
            f"{words.count(training['epochs_run'], 'epoch')}, of which the "
            f"{_ordinal(training['best_epoch'])} was kept"
        )
    test = split.get("test")
    if test:
        parts.append(
            f"tested from {words.stamp(test['first'])} to {words.stamp(test['last'])} "
            f"({words.count(test['windows'], 'window')})"
        )
    return f"{page['champion']['model']}: {'; '.join(parts)}."


def reason(name: str) -> str:
    """Why a row is no bar; a reason that this page does not know, as it is."""
    return REASONS.get(name, name.replace("_", " "))


def event(name: str) -> str:
    """What happened to a version; what this page does not know, as it is."""
    return EVENTS.get(name, name.replace("_", " ").capitalize() or "Damaged")


def gaps(quality: Json) -> str:
    """What is missing between the bars."""
    if not quality["rows"]:
        return "No bars could be read."
    span = f"{words.count(quality['rows'], 'bar')} from {words.stamp(quality['first'])} to "
    span += words.stamp(quality["last"])
    if not quality["n_gaps"]:
        return f"{span}, without a gap."
    missing = words.count(quality["missing_bars"], "bar")
    return f"{span}; {missing} missing in {words.count(quality['n_gaps'], 'gap')}."


def _figure(value: float, tail: str) -> str:
    """An error: with four digits, also where the last are noughts, so that two can be compared."""
    if tail:
        return f"{value:.2f}%"
    return f"{value:#.4g}" if value < 999.5 else f"{value:,.0f}"


def _less(gap: float | None) -> str:
    if gap is None:
        return words.NOTHING
    if round(abs(gap) * 100, 1) == 0:
        return "the same"
    return f"{abs(gap):.1%} {'smaller: better' if gap > 0 else 'larger: worse'}"


def _kept(held: float, promised: float) -> str:
    off = round((held - promised) * 100, 1)
    if abs(off) < 2:
        return "as promised"
    return f"{abs(off):g} points {'more' if off > 0 else 'fewer'} than promised"


def _ordinal(number: int) -> str:
    tail = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{tail}"
