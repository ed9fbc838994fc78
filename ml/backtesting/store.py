"""Where an evaluation keeps what it has done: started again, it does what is left.

``evaluation.json`` says that the folder is an evaluation, and of which layout;
``folds/{series}/{contender}/{n}.npz`` holds one fit's scored forecasts, with the digest of all that they
depend on; ``series/{series}.json`` is the account of a series. Each file is written atomically; a result
whose digest is not the one that is asked for does not count.
"""

import hashlib
import json
import zipfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
from pydantic import ValidationError

from ml.backtesting.contenders import Contender
from ml.backtesting.figures import SeriesFigures
from ml.backtesting.folds import Fold
from ml.backtesting.run import FoldScore, walk_loss
from ml.data import atomic
from ml.errors import ArtifactWriteError, StudyError
from ml.series import SeriesKey
from ml.training.fit_id import FIT_VERSION, WITHOUT_EFFECT

LAYOUT = 1
# Raised when a change of the code scores the same forecasts otherwise.
_SCORE_VERSION = 1
_MARK = "evaluation.json"


class EvaluationStore:
    """The folder of an evaluation."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def open(self) -> None:
        """Make the folder, or check that it is an evaluation's.

        Raises:
            StudyError: it holds something else, or an evaluation of another layout.
            ArtifactWriteError: it cannot be written.
        """
        mark = self.folder / _MARK
        try:
            text = mark.read_text(encoding="utf-8")
        except (FileNotFoundError, NotADirectoryError):
            if self.folder.exists() and (not self.folder.is_dir() or any(self.folder.iterdir())):
                raise self._foreign(f"no {_MARK} among other files") from None
            self.write(mark, json.dumps({"tickerflow": "evaluation", "layout": LAYOUT}) + "\n")
            return
        try:
            found = json.loads(text)
            layout = found["layout"] if isinstance(found, dict) else None
        except (ValueError, KeyError):
            layout = None
        if layout != LAYOUT:
            raise self._foreign(f"layout {layout!r}")

    def write(self, path: Path, content: str | bytes) -> None:
        """Replace a file of the folder; raises `ArtifactWriteError`."""
        try:
            atomic.write_bytes(path, content.encode() if isinstance(content, str) else content)
        except OSError as error:
            raise ArtifactWriteError(
                f"expected to write {path}, found: {error.strerror or error}",
                hint="free disk space, or choose another folder with --output",
            ) from error

    def write_score(self, key: SeriesKey, contender: Contender, score: FoldScore, digest: str) -> None:
        """Keep a fold's result; raises `ArtifactWriteError`."""
        path = self._fold_path(key, contender, score.fold)
        try:
            with atomic.replacing(path) as file:
                np.savez(
                    file,
                    digest=np.array(digest),
                    loss=score.loss,
                    inside_80=score.inside_80,
                    inside_95=score.inside_95,
                    epochs=np.array(score.epochs),
                    seconds=np.array(score.seconds),
                )
        except OSError as error:
            raise ArtifactWriteError(
                f"expected to write {path}, found: {error.strerror or error}",
                hint="free disk space, or choose another folder with --output",
            ) from error

    def read_score(
        self, key: SeriesKey, contender: Contender, fold: Fold, digest: str, bars: pd.DataFrame
    ) -> FoldScore | None:
        """A fold's result, where there is one of this digest; a damaged one is done again."""
        path = self._fold_path(key, contender, fold)
        try:
            # numpy leaves a file open that it cannot read.
            with path.open("rb") as file, np.load(file, allow_pickle=False) as kept:
                if str(kept["digest"]) != digest:
                    return None
                loss = kept["loss"]
                return FoldScore(
                    fold=fold,
                    loss=loss,
                    walk=walk_loss(bars["close"].to_numpy(dtype=np.float64), fold, loss.shape[1]),
                    inside_80=kept["inside_80"],
                    inside_95=kept["inside_95"],
                    epochs=int(kept["epochs"]),
                    seconds=float(kept["seconds"]),
                )
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return None

    def write_series(self, figures: SeriesFigures) -> Path:
        """Keep the account of a series, and return where it is."""
        path = self.series_path(figures.key)
        self.write(path, figures.model_dump_json(indent=1) + "\n")
        return path

    def read_series(self, keys: Iterable[SeriesKey]) -> list[SeriesFigures]:
        """The accounts of these series, as far as there are some.

        Raises `StudyError` for one that cannot be read.
        """
        found = []
        for key in keys:
            path = self.series_path(key)
            try:
                found.append(SeriesFigures.model_validate_json(path.read_bytes()))
            except FileNotFoundError:
                continue
            except (OSError, ValidationError) as error:
                raise StudyError(
                    f"expected the account of {key} at {path}, found: {str(error).splitlines()[0]}",
                    hint="remove the file and evaluate again: the fits are kept",
                    where=str(key),
                ) from error
        return found

    def series_path(self, key: SeriesKey) -> Path:
        """Where the account of a series is."""
        return self.folder / "series" / f"{key.stem}.json"

    def _fold_path(self, key: SeriesKey, contender: Contender, fold: Fold) -> Path:
        return self.folder / "folds" / key.stem / contender.name / f"{fold.index:03d}.npz"

    def _foreign(self, found: str) -> StudyError:
        return StudyError(
            f"expected an evaluation of layout {LAYOUT} or an empty folder at {self.folder}, "
            f"found {found}",
            hint="choose another folder, or a new one, with --output",
        )


def digest_of(fingerprint: str, contender: Contender, fold: Fold) -> str:
    """All that a fold's result depends on: bars, configuration, stretch, and the code's versions."""
    identity = {
        "versions": [FIT_VERSION, _SCORE_VERSION],
        "bars": fingerprint,
        "config": contender.config.model_dump(mode="json", exclude=WITHOUT_EFFECT),
        "fold": [[r.start, r.stop, r.step] for r in (fold.learn, fold.anchors)],
    }
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:32]
