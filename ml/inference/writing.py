"""Forecast files: a CSV of the fan, a JSON of where it comes from, and perhaps a picture.

They are written beside their names first, then renamed in the order picture, CSV, JSON: the JSON is
the commit. It holds the sha256 of the others, so that a reader can tell a pair that belongs together
from one whose writer died between two renames; running the forecast again completes it. The CSV depends
on bars and model alone: forecasting again from the same bar gives the same bytes.
"""

import hashlib
import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from filelock import FileLock, Timeout

from ml.artifacts.expiry import bars_since, expired
from ml.config import Settings
from ml.data import atomic
from ml.errors import ArtifactWriteError, TickerflowError
from ml.evaluation.plots import RandomWalk, Record, forecast_plot
from ml.inference.service import FORECAST_COLUMNS, ForecastService, Prediction
from ml.inference.walk import walk_radius
from ml.outcomes import Failure, ForecastOutcome
from ml.series import SeriesKey

FORMAT: Final = 1
_DIGITS: Final = 10  # significant; a double has 16, but the last ones differ between processors
_LOCK_SECONDS: Final = 60


@dataclass(frozen=True, slots=True)
class Written:
    """Where a forecast's files are; a picture is not drawn for each."""

    csv: Path
    json: Path
    plot: Path | None


def forecast_series(
    key: SeriesKey, settings: Settings, n_steps: int, service: ForecastService | None = None
) -> ForecastOutcome:
    """Bring a series up to date, forecast it, and write its files into ``settings.predictions_dir``.

    An expected failure does not raise: it is the outcome's. What was written before then stays.

    Args:
        key: the series.
        settings: folders, how to read, and whether to draw (``run.plots``).
        n_steps: 1 to 500.
        service: to share loaded models and bars between calls; by default one for this call.
    """
    started = time.perf_counter()
    identity = {"ticker": key.ticker, "interval": str(key.interval)}
    try:
        prediction = (service or ForecastService.of(settings)).predict(key, n_steps)
        draw = settings.run.plots != "never"
        last = prediction.series.bars.iloc[-1]
        since = bars_since(prediction.meta, prediction.series.bars["timestamp"])
        words = expired(prediction.meta, since, datetime.now(UTC), settings.watch)
        written = write_prediction(prediction, settings.predictions_dir, draw=draw, expired=words)
    except TickerflowError as error:
        seconds = time.perf_counter() - started
        return ForecastOutcome(**identity, status="failed", failure=Failure.of(error), seconds=seconds)
    record = _record(prediction)
    return ForecastOutcome(
        **identity,
        status="ok",
        model=prediction.meta.model,
        version=prediction.meta.version,
        skill=record.skill,
        proven=prediction.meta.decision is not None and prediction.meta.decision.proven,
        expired=words,
        asof=last["timestamp"].to_pydatetime(),
        last_close=float(last["close"]),
        steps=n_steps,
        forecast=float(prediction.frame["forecast"].iloc[-1]),
        csv_path=str(written.csv),
        json_path=str(written.json),
        plot_path=str(written.plot or ""),
        seconds=time.perf_counter() - started,
    )


def write_prediction(
    prediction: Prediction, predictions_dir: Path, *, draw: bool = True, expired: str = ""
) -> Written:
    """Write ``{stem}_{ASOF}.csv``, ``.json`` and, where ``draw``, ``.png``; replace those of that bar.

    ``expired`` says why the model is too old; it stands in the JSON and over the picture.

    Raises:
        ArtifactWriteError: the folder cannot be written; the files of before are as they were.
    """
    asof = prediction.series.bars["timestamp"].iloc[-1]
    # By concatenation: with_suffix would cut a ticker at its dot.
    stem = f"{prediction.series.key.stem}_{asof:%Y%m%dT%H%M%SZ}"
    csv, document, plot = (predictions_dir / f"{stem}.{suffix}" for suffix in ("csv", "json", "png"))
    contents = {plot: _plot(prediction, expired)} if draw else {}
    contents[csv] = to_csv(prediction.frame)
    digests = {path.name: hashlib.sha256(held).hexdigest() for path, held in contents.items()}
    contents[document] = _describe(prediction, digests, expired)
    try:
        predictions_dir.mkdir(parents=True, exist_ok=True)
        # Two writers of one as-of bar: a pair is of one or of the other.
        with FileLock(predictions_dir / ".lock", timeout=_LOCK_SECONDS):
            _replace(predictions_dir, contents)
            if not draw:
                plot.unlink(missing_ok=True)  # that of an earlier forecast
    except (OSError, Timeout) as error:
        reason = (
            "another writer holds the folder" if isinstance(error, Timeout) else error.strerror or error
        )
        raise ArtifactWriteError(
            f"expected to write {csv}, found: {reason}",
            hint="free disk space or choose another folder with --predictions-dir; "
            "the forecasts of before are as they were",
            where=str(prediction.series.key),
        ) from error
    return Written(csv, document, plot if draw else None)


def _replace(folder: Path, contents: Mapping[Path, bytes]) -> None:
    """Replace files of a folder, in order; none of them before all are on the disk.

    The folder is flushed once: if the power fails before, the digests tell which renames have lasted.
    """
    parts = {path: atomic.temporary(folder) for path in contents}
    try:
        for path, part in parts.items():
            with part.open("xb") as file:
                file.write(contents[path])
                file.flush()
                os.fsync(file.fileno())
        for path, part in parts.items():
            part.replace(path)
    finally:
        for part in parts.values():
            part.unlink(missing_ok=True)
    atomic.sync_folder(folder)


def to_csv(frame: pd.DataFrame) -> bytes:
    """The forecast file: prices with 10 significant digits, timestamps as ``2026-11-23T00:00:00Z``."""
    seconds = frame["timestamp"].to_numpy(dtype="datetime64[s]")  # UTC
    columns = [
        [f"{step}" for step in frame["step"].tolist()],
        [f"{stamp}Z" for stamp in np.datetime_as_string(seconds).tolist()],
        *([_price(price) for price in frame[name].tolist()] for name in FORECAST_COLUMNS[2:]),
    ]
    lines = [",".join(FORECAST_COLUMNS), *map(",".join, zip(*columns, strict=True))]
    return ("\n".join(lines) + "\n").encode()


def _describe(prediction: Prediction, digests: Mapping[str, str], expired: str) -> bytes:
    series, meta = prediction.series, prediction.meta
    record = _record(prediction)
    document: dict[str, Any] = {
        "format": FORMAT,
        "ticker": series.key.ticker,
        "interval": str(series.key.interval),
        "asof": _instant(series.bars["timestamp"].iloc[-1]),
        "last_close": float(series.bars["close"].iloc[-1]),
        "created_at": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "steps": len(prediction.frame),
        "verdict": record.verdict,
        "skill": record.skill,
        "proven": meta.decision is not None and meta.decision.proven,
        "decision": meta.decision.reason if meta.decision else "",
        "expired": expired,
        "coverage": {"80": record.coverage_80, "95": record.coverage_95, "windows": record.windows},
        "model": {
            "name": meta.model,
            "version": meta.version,
            "generation": meta.generation,
            "features": list(meta.features),
            "seq_len": meta.seq_len,
            "horizon": meta.horizon,
        },
        "metrics": meta.metrics,
        "baselines": meta.baselines,
        "calendar": series.calendar.code,
        "bars": {
            "fingerprint": series.fingerprint,
            "rows": len(series.bars),
            "first": _instant(series.bars["timestamp"].iloc[0]),
            # Whether the last bar, or all of them, have other prices later, shows beside the one before.
            "before": _before(series.bars),
        },
        "files": dict(digests),
    }
    return json.dumps(document, indent=2, allow_nan=False).encode() + b"\n"


def _before(bars: pd.DataFrame) -> dict[str, Any] | None:
    """The bar before the last, if there is one."""
    if len(bars) < 2:
        return None
    bar = bars.iloc[-2]
    return {"timestamp": _instant(bar["timestamp"]), "close": float(bar["close"])}


def _plot(prediction: Prediction, expired: str) -> bytes:
    bars, steps = prediction.series.bars, len(prediction.frame)
    walk = RandomWalk.of(float(bars["close"].iloc[-1]), walk_radius(bars, prediction.meta, steps))
    title = f"{prediction.series.key}" + (f", {expired}" if expired else "")
    return forecast_plot(title, bars, prediction.frame, walk, _record(prediction))


def _record(prediction: Prediction) -> Record:
    meta = prediction.meta
    windows = _number(meta.metrics.get("windows"))
    return Record(
        model=meta.model,
        skill=meta.decision.skill if meta.decision else None,
        coverage_80=_number(meta.metrics.get("coverage_80")),
        coverage_95=_number(meta.metrics.get("coverage_95")),
        windows=None if windows is None else int(windows),
        horizon=meta.horizon,
    )


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _price(value: float) -> str:
    return repr(float(f"{value:.{_DIGITS}g}"))


def _instant(stamp: pd.Timestamp) -> str:
    return f"{stamp:%Y-%m-%dT%H:%M:%SZ}"
