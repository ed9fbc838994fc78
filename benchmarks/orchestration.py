"""What Prefect, the shards and the bookkeeping cost beside the work itself.

    python -m benchmarks.orchestration [--series 256] [--cost 0.7] [--sizes 1,8,16,0] [--runners ...]

The machinery of the training flow (shards, runner, chains, journal, artifacts) takes made-up series
through four steps that burn a known CPU time, and nothing else. What a run uses beyond that is the cost
of orchestration. A size of 0 is Tickerflow's own choice. One temporary server serves all runs; the time
until it answers is printed first, and each run's time until its first step begins.

Wall clock is quoted beside CPU time, for on a shared machine only the latter is comparable.
"""

import argparse
import os
import tempfile
import time
from dataclasses import dataclass

os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")

from prefect import flow
from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

from apps.serving import TemporaryServer, name_api
from benchmarks.processes import Usage, family
from flows.running import run_all
from flows.sharding import make_shards
from flows.watching import Watch, watcher
from ml.config import RunConfig, Settings
from ml.evaluation.promotion import failed
from ml.outcomes import Challenger, IngestOutcome, Outcome, StagedSeries, TrainOutcome
from ml.series import SeriesKey
from tasks.journal import Journal
from tasks.shards import over_shard, shard_task

# Of the cost of a series, as a profile of a run over daily bars has it.
_SHARES = {"ingest": 0.05, "validate": 0.05, "train": 0.75, "promote": 0.15}


@dataclass(frozen=True, slots=True)
class Made:
    """A made-up series."""

    key: SeriesKey


def _burn(seconds: float) -> None:
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        sum(range(1000))


def _name(key: SeriesKey) -> dict[str, str]:
    return {"ticker": key.ticker, "interval": str(key.interval)}


def _trained(key: SeriesKey) -> TrainOutcome:
    figures = {"mae": 1.0, "rmse": 1.0, "skill": 0.01, "windows": 250.0}
    return TrainOutcome(
        **_name(key), status="promoted", reason="lstm: MAE 1.00 against 1.01", grade="PASS",
        model="lstm", challenger="lstm", version="20260101T000000Z-0123abcd", skill=0.01,
        metrics=figures, baseline=figures, epochs=10, seconds=1.0,
    )  # fmt: skip


@shard_task
def ingest(
    shard: list[Made], cost: float, settings: Settings, journal: Journal, label: str
) -> list[Outcome]:
    """Burn the first share."""

    def step(made: Made) -> Outcome:
        _burn(cost * _SHARES["ingest"])
        return StagedSeries(**_name(made.key), path="/nowhere.arrow")

    return over_shard(shard, step, failed, journal)


@shard_task
def validate(
    shard: list[StagedSeries], cost: float, settings: Settings, journal: Journal, label: str
) -> list[Outcome]:
    """Burn the second share."""

    def step(staged: StagedSeries) -> Outcome:
        _burn(cost * _SHARES["validate"])
        return IngestOutcome(**_name(staged.key), status="ok", rows=1250, fingerprint="0" * 64)

    return over_shard(shard, step, failed, journal)


@shard_task
def train(
    shard: list[IngestOutcome], cost: float, settings: Settings, journal: Journal, label: str
) -> list[Outcome]:
    """Burn the third share."""

    def step(ingested: IngestOutcome) -> Outcome:
        journal.append("training", ticker=ingested.ticker, interval=ingested.interval)
        _burn(cost * _SHARES["train"])
        return Challenger(**_name(ingested.key), staged="/nowhere")

    return over_shard(shard, step, failed, journal)


@shard_task
def promote(
    shard: list[Challenger], cost: float, settings: Settings, journal: Journal, label: str
) -> list[Outcome]:
    """Burn the rest."""

    def step(challenger: Challenger) -> Outcome:
        _burn(cost * _SHARES["promote"])
        return _trained(challenger.key)

    return over_shard(shard, step, failed, journal, journal.finished)


class _Clock:
    """A watcher that notes when the first training began."""

    first: float | None = None

    def found(self, *_: object) -> None:
        """Nothing to note."""

    def training(self, _: SeriesKey) -> None:
        self.first = self.first or time.monotonic()

    def trial(self, *_: object) -> None:
        """Nothing to note."""

    def finished(self, _: object) -> None:
        """Nothing to note."""


@flow(name="orchestration-benchmark")
def universe(n: int, cost: float, run: RunConfig) -> None:
    """Take ``n`` made-up series through four steps of ``cost`` CPU seconds together."""
    series = [Made(SeriesKey.of(f"T{number:05d}", "1d")) for number in range(n)]
    settings = Settings(run=run)
    with Watch(TrainOutcome, [made.key for made in series], []) as watch:
        steps = (ingest, validate, train, promote)
        run_all(steps, make_shards(series, run), settings, watch, failed, {"cost": cost})
    assert len(watch.summary().outcomes) == n


def _by_kind(processes: list[Usage]) -> dict[str, float]:
    cpu = {"parent": 0.0, "server": 0.0, "workers": 0.0}
    for one in processes:
        kind = "server" if "uvicorn" in one.command else "workers"
        cpu["parent" if one.pid == os.getpid() else kind] += one.cpu
        cpu["workers"] += one.children_cpu
    return cpu


def main() -> None:
    """Run each size on each runner, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--series", type=int, default=256)
    parser.add_argument("--cost", type=float, default=0.7, help="CPU seconds of work a series")
    parser.add_argument("--sizes", default="1,4,8,16,32,0")
    parser.add_argument("--runners", default="threads,processes")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        os.environ.setdefault("PREFECT_HOME", home)
        _measure(options)


def _measure(options: argparse.Namespace) -> None:
    began = time.monotonic()
    server = TemporaryServer()
    name_api(server.api_url)
    assert not server.problem(180)
    print(f"Prefect's server answers after {time.monotonic() - began:.1f} s")
    work = options.series * options.cost
    head = ("runner", "size", "shards", "wall s", "first s", "beyond s", "share", "CPU beyond", "by")
    print(
        f"{options.series} series x {options.cost} CPU s on {options.workers} workers: {work:.0f} CPU s"
    )
    print("| " + " | ".join(head) + " |\n|" + " --- |" * len(head))
    for runner in options.runners.split(","):
        for size in map(int, options.sizes.split(",")):
            run = RunConfig(workers=options.workers, runner=runner, shard_size=size)
            clock = _Clock()
            token = watcher.set(clock)
            before, began = _by_kind(family(os.getpid())), time.monotonic()
            with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
                universe(options.series, options.cost, run)
            wall, after = time.monotonic() - began, _by_kind(family(os.getpid()))
            watcher.reset(token)
            spent = {kind: after[kind] - before[kind] for kind in after}
            # On threads the work is this process's.
            beyond, ideal = sum(spent.values()) - work, work / options.workers
            first = (clock.first or began) - began
            shards = len(make_shards(range(options.series), run))  # type: ignore[type-var]
            cells = [
                runner, size or "auto", shards, f"{wall:.1f}", f"{first:.1f}",
                f"{wall - first - ideal:.1f}", f"{(wall - first - ideal) / wall:.0%}", f"{beyond:.1f}",
                ", ".join(f"{kind} {seconds:.1f}" for kind, seconds in spent.items()),
            ]  # fmt: skip
            print("| " + " | ".join(map(str, cells)) + " |", flush=True)


if __name__ == "__main__":
    main()
