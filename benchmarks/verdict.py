"""Is the verdict calibrated, and does training find a signal that is there?

    python -m benchmarks.verdict [--workers 2] [--share 1.0] [--out FOLDER]

Random walks, of which no model can be better, and series with a known signal (`benchmarks.signals`) are
learnt with the default settings, judged on the test windows and compared with the random walk, all by
the product's own functions. On a known signal the forecaster who knows the process is judged on the same
windows, at the steps where the signal lies. Training was tuned on other seeds than these.

Writes verdict.csv (each series, as soon as it is judged: a run that was stopped goes on) and verdict.md
(the table), and says which targets are met; the exit status is 1 where one is not. Remove the folder
when the code has changed.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pandas as pd
from rich.progress import track

from benchmarks import signals
from ml.config import DEFAULT_FEATURES, PromoteConfig, TrainConfig
from ml.evaluation.judge import TestWindows, relative_errors
from ml.evaluation.verdict import Comparison, compare
from ml.training.learning import learn

SEED = 20_261_122  # of the first series of each kind; each next one has the next number
HORIZON = TrainConfig().horizon

LEAST_BETTER, LEAST_SHARE = 0.90, 0.75


@dataclass(frozen=True)
class Kind:
    """One kind of series.

    Attributes:
        words: what it is.
        generate: makes a series of it.
        count: series.
        n_bars: bars of each.
        over: steps where the signal lies; none where there is no signal: the whole horizon is judged.
        features: by default the product's.
    """

    words: str
    generate: signals.Generator
    count: int
    n_bars: int
    over: tuple[int, ...] = ()
    features: tuple[str, ...] | None = None


KINDS = {
    "walk": Kind("random walk", signals.random_walk, 300, 1250),
    "garch": Kind("random walk, GARCH(1,1)", signals.garch, 300, 1250),
    "ar": Kind("AR(1), phi 0.3", signals.autoregression, 100, 3000, (1,)),
    "weekday": Kind(
        "day of the week", signals.weekday, 100, 3000, (1,), (*DEFAULT_FEATURES, "day_of_week")
    ),
    "drift": Kind(
        "slowly switching drift", signals.switching_drift, 100, 3000, tuple(range(5, HORIZON + 1))
    ),
}


def judge(task: tuple[str, int]) -> dict[str, object]:
    """Learn one series of a kind, and judge it and who knows the process."""
    name, index = task
    kind = KINDS[name]
    series = kind.generate(kind.n_bars, HORIZON, SEED + index)
    began = time.process_time()
    learnt = learn(series.bars, TrainConfig(features=kind.features))
    seconds = time.process_time() - began
    test = TestWindows(series.bars, np.asarray(learnt.dataset.split.test), HORIZON)
    rule = PromoteConfig(over=kind.over)
    walk = relative_errors(np.zeros(HORIZON), test)

    def against_walk(changes: np.ndarray) -> Comparison:
        return compare(relative_errors(changes, test), walk, rule)

    found = against_walk(learnt.forecaster.changes(series.bars, test.anchors))
    truth = against_walk(series.truth[test.anchors])
    return {
        "kind": name,
        "seed": SEED + index,
        "standing": found.standing,
        "p_better": found.p_better,
        "skill": found.skill,
        "true_standing": truth.standing,
        "true_skill": truth.skill,
        "better_at": " ".join(str(k) for k, step in found.by_step.items() if step.standing == "better"),
        "gain": float(np.mean(learnt.spec.target.gain)),
        "seconds": seconds,
    }


def table(rows: pd.DataFrame) -> pd.DataFrame:
    """A line for each kind."""
    lines = []
    for name, kind in KINDS.items():
        of = rows[rows["kind"] == name]
        if of.empty:
            continue
        line: dict[str, object] = {
            "series": kind.words,
            "number": len(of),
            "bars": kind.n_bars,
            "steps": _steps(kind.over),
            "better": f"{(of['standing'] == 'better').mean():.1%}",
            "worse": f"{(of['standing'] == 'worse').mean():.1%}",
            "skill": f"{of['skill'].mean():+.2%}",
            "true better": "",
            "true skill": "",
            "skill / true": "",
            "CPU s": f"{of['seconds'].mean():.2f}",
        }
        if kind.over:
            line["true better"] = f"{(of['true_standing'] == 'better').mean():.1%}"
            line["true skill"] = f"{of['true_skill'].mean():+.2%}"
            line["skill / true"] = f"{of['skill'].mean() / of['true_skill'].mean():.0%}"
        lines.append(line)
    return pd.DataFrame(lines)


def verdicts(rows: pd.DataFrame) -> list[tuple[bool, str]]:
    """Whether each target is met, and in words."""
    from scipy.stats import binom

    found = []
    for name, kind in KINDS.items():
        of = rows[rows["kind"] == name]
        if of.empty:
            continue
        better = int((of["standing"] == "better").sum())
        if not kind.over:
            level = PromoteConfig().level
            most = int(binom.ppf(0.95, len(of), level))  # what a right level gives in 19 runs of 20
            words = f"{better} of {len(of)} called better, at most {most} expected at {level:.0%}"
            found.append((better <= most, f"{kind.words}: {words}"))
            continue
        share = of["skill"].mean() / of["true_skill"].mean()
        good = better >= LEAST_BETTER * len(of) and share >= LEAST_SHARE
        words = f"{better} of {len(of)} called better, {share:.0%} of the true model's skill"
        found.append((good, f"{kind.words}: {words}"))
    return found


def _still_to_judge(path: Path, names: Sequence[str], share: float) -> list[tuple[str, int]]:
    """The first series of each kind, then the second: a run that is stopped has some of each."""
    tasks = [
        (max(1, round(share * KINDS[name].count)), index, name)
        for name in names
        for index in range(max(1, round(share * KINDS[name].count)))
    ]
    tasks.sort(key=lambda task: (task[1] + 1) / task[0])
    judged = set()
    if path.exists():
        judged = set(pd.read_csv(path)[["kind", "seed"]].itertuples(index=False, name=None))
    return [(name, index) for _, index, name in tasks if (name, SEED + index) not in judged]


def _steps(over: Sequence[int]) -> str:
    if not over:
        return f"1-{HORIZON}"
    return str(over[0]) if len(over) == 1 else f"{over[0]}-{over[-1]}"


def _markdown(frame: pd.DataFrame) -> str:
    cells = [list(frame.columns), ["---"] * len(frame.columns), *frame.astype(str).to_numpy().tolist()]
    return "\n".join(f"| {' | '.join(row)} |" for row in cells) + "\n"


def main() -> int:
    """Judge all series; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--share", type=float, default=1.0, help="share of each kind's series to run")
    parser.add_argument("--only", nargs="+", choices=list(KINDS), default=list(KINDS))
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/verdict"))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / "verdict.csv"
    tasks = _still_to_judge(path, options.only, options.share)
    began = time.monotonic()
    with ProcessPoolExecutor(options.workers, mp_context=get_context("spawn")) as pool:
        for row in track(pool.map(judge, tasks, chunksize=2), "series", total=len(tasks)):
            pd.DataFrame([row]).to_csv(path, mode="a", header=not path.exists(), index=False)
    rows = pd.read_csv(path)
    lines = table(rows)
    (options.out / "verdict.md").write_text(_markdown(lines))
    print(lines.to_string(index=False))
    targets = verdicts(rows)
    for good, words in targets:
        print(f"{'met   ' if good else 'MISSED'} {words}")
    seconds = time.monotonic() - began
    print(f"{len(tasks)} series in {seconds:.0f} s, seed {SEED}, written to {options.out}")
    return 0 if all(good for good, _ in targets) else 1


if __name__ == "__main__":
    sys.exit(main())
