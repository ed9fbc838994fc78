"""One picture of a run: seconds a series on the left, errors beside the random walk's on the right."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter

from benchmarks.peers.score import STEPS, Row

# Okabe and Ito's colours, which colour-blind readers can tell apart.
_OURS, _THEIRS = "#0072B2", "#9a9a9a"
_STEP_MARKS = (("#E69F00", "o"), ("#009E73", "s"), ("#CC79A7", "D"))
_SPREAD = 0.22  # between the marks of one row


def draw(rows: Sequence[Row], path: Path, caption: str) -> None:
    """Write a PNG of the rows, the first at the top."""
    height = 1.9 + 0.42 * len(rows)
    figure = Figure(figsize=(11.5, height), dpi=110, layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=(1, 1.15))
    places = range(len(rows))
    for place, row in zip(places, rows, strict=True):
        colour = _OURS if row.key.startswith("tickerflow") or row.key == "champion" else _THEIRS
        if row.seconds is not None:
            left.barh(place, row.seconds, height=0.62, color=colour)
            ratio = f"   {row.ratio:.0f}x" if row.ratio is not None and row.ratio >= 1.5 else ""
            left.annotate(
                f"{row.seconds:.2f} s{ratio}",
                (row.seconds, place),
                (4, 0),
                textcoords="offset points",
                va="center",
                fontsize=9,
            )
        if row.skill_mean is not None:
            for number, (step, (mark_colour, mark)) in enumerate(zip(STEPS, _STEP_MARKS, strict=True)):
                right.plot(
                    1 - row.skill_mean[step],
                    place + (number - 1) * _SPREAD,
                    mark,
                    color=mark_colour,
                    markersize=6.5,
                    label=f"{step} bar{'s' * (step > 1)} ahead" if place == 0 else None,
                )
    left.set_xscale("log")
    low, high = left.get_xlim()
    left.set_xlim(low / 2, high * 6)  # room for the figures behind the bars
    left.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    left.xaxis.set_minor_formatter(NullFormatter())
    left.set_xlabel("seconds a series, fit and forecast (log scale)", loc="left")
    left.set_yticks(places, [row.title for row in rows])
    left.invert_yaxis()

    right.axvline(1, color="#222222", linewidth=1)
    right.set_xscale("log")
    bounds = right.get_xlim()
    candidates = (0.5, 1, 2, 3, 5, 10, 20, 50) if bounds[1] > 2.5 else (0.8, 0.9, 1, 1.1, 1.25, 1.5, 2)
    ticks = [tick for tick in candidates if bounds[0] <= tick <= bounds[1]]
    right.xaxis.set_major_locator(FixedLocator(ticks))
    right.xaxis.set_minor_formatter(NullFormatter())
    right.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    right.set_xlabel("MAE / MAE of the random walk, mean over series (log scale)")
    right.legend(
        frameon=False, fontsize=9, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=len(STEPS)
    )
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="x", color="#e6e6e6", linewidth=0.8)
        axes.set_axisbelow(True)
        axes.tick_params(axis="y", length=0)
    figure.suptitle(f"{caption}\n", fontsize=10, x=0.01, ha="left")
    figure.savefig(path)
