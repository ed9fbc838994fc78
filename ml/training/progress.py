"""What one training shows in a terminal: a bar over its epochs, a table of its result."""

import sys
from math import isnan
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from ml.outcomes import TrainOutcome
from ml.training.loop import Epoch


class EpochBar:
    """A progress bar on stderr; silent when stderr is not a terminal."""

    def __init__(self, title: str, epochs: int) -> None:
        console = Console(stderr=True)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("epoch {task.completed}/{task.total}"),
            TextColumn("{task.fields[losses]}"),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not sys.stderr.isatty(),
        )
        self._task = self._progress.add_task(title, total=epochs, losses="")

    def update(self, epoch: Epoch) -> None:
        """Show an epoch that was finished."""
        train = "" if epoch.train_loss is None else f"train {epoch.train_loss:.5f}  "
        held_back = "" if isnan(epoch.val_loss) else f"validation {epoch.val_loss:.5f}"
        self._progress.update(self._task, completed=epoch.epoch, losses=train + held_back)

    def __enter__(self) -> "EpochBar":
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()


def result_table(outcome: TrainOutcome) -> Table:
    """The figures of a training beside the random walk's, and the decision."""
    table = Table(title=f"{outcome.ticker} {outcome.interval}: {outcome.status}", title_justify="left")
    table.add_column("on test bars")
    table.add_column(outcome.challenger or "model", justify="right")
    table.add_column("random walk", justify="right")
    for name, value in outcome.metrics.items():
        if name == "skill" or name.startswith("coverage"):  # below, in words
            continue
        reference = outcome.baseline.get(name)
        table.add_row(name, f"{value:.6g}", "" if reference is None else f"{reference:.6g}")
    # Of what was trained, as all above; the outcome's own are those of what serves.
    if "skill" in outcome.metrics:
        table.add_row("skill", f"{outcome.metrics['skill']:+.2%}", "0")
    for level in (80, 95):
        if (share := outcome.metrics.get(f"coverage_{level}")) is not None:
            table.add_row(f"inside the {level}% band", f"{share:.1%}", "")
    table.add_row("epochs", str(outcome.epochs), "")
    table.add_row("seconds", f"{outcome.seconds:.1f}", "")
    return table
