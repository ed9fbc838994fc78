"""Write the model card of a series: ``saved_models/cards/{stem}.html``."""

from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from ml.artifacts.files import writing
from ml.artifacts.pictures import version_folder
from ml.artifacts.store import LifeEvent, ModelStore, VersionRecord
from ml.config import Settings
from ml.data.atomic import write_text
from ml.errors import ArtifactError, NotPromotedError, TickerflowError
from ml.evaluation.card import Card, LifeRow, render_card
from ml.ledger.record import live_record
from ml.outcomes import TrainOutcome
from ml.series import SeriesKey

_MOST_EVENTS = 30


def card_path(models_dir: Path, key: SeriesKey) -> Path:
    """Where a series' card is."""
    return models_dir / "cards" / f"{key.stem}.html"


def write_card(key: SeriesKey, settings: Settings) -> Path:
    """Draw the card of what serves a series, replace the one before, and return its path.

    Raises:
        NotPromotedError: nothing serves the series.
        ArtifactError: what serves is damaged.
        LedgerError: the ledger cannot be read.
        ArtifactWriteError: the disk is full, or no permission.
    """
    page = draw_card(key, settings)
    path = card_path(settings.models_dir, key)
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, page)
    return path


def draw_card(key: SeriesKey, settings: Settings) -> str:
    """The card of what serves a series, as a page of HTML that needs no other file.

    Raises:
        NotPromotedError: nothing serves the series.
        ArtifactError: what serves is damaged.
        LedgerError: the ledger cannot be read.
    """
    store = ModelStore(settings.models_dir)
    meta = store.champion_meta(key)
    if meta is None:
        raise NotPromotedError(
            f"expected a promoted model of {key}, found none in {settings.models_dir}",
            hint=f"train one: tickerflow train --ticker {key.ticker} --interval {key.interval}",
            where=str(key),
        )
    record = VersionRecord(meta.version, "champion", meta, version_folder(settings.models_dir, meta))
    evaluation = store.evaluation(record)
    card = Card(
        meta=meta,
        evaluation=evaluation,
        life=[_row(event) for event in store.life(key, _MOST_EVENTS)],
        live=live_record(settings.predictions_dir, key),
        drawn_at=datetime.now(UTC),
    )
    try:
        return render_card(card)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise ArtifactError(
            f"expected an evaluation.json that Tickerflow has written, found another: {error!r}",
            hint="train again, which writes a new one",
            where=str(record.path),
        ) from error


def with_card(outcome: TrainOutcome, settings: Settings) -> TrainOutcome:
    """The outcome of a training with the card of what serves now.

    It is drawn where plots are, and again where there is one and another model serves by now. The
    verdict stands, whether the card can be written or not.
    """
    path = card_path(settings.models_dir, outcome.key)
    if outcome.plots or (outcome.status == "promoted" and path.is_file()):
        try:
            path = write_card(outcome.key, settings)
        except TickerflowError as error:
            reason = f"{outcome.reason}; its card could not be written: {error.message}"
            return outcome.model_copy(update={"reason": reason})
    elif not path.is_file():
        return outcome
    return outcome.model_copy(update={"card": str(path)})


def refresh_card(key: SeriesKey, settings: Settings) -> None:
    """Draw the card of a series again, where it has one: after a scoring, after a rollback."""
    if card_path(settings.models_dir, key).is_file():
        with suppress(TickerflowError):  # what was done stands, and the card can be drawn again
            write_card(key, settings)


def _row(life: LifeEvent) -> LifeRow:
    event = life.event
    if event is None:
        problem = str(life.problem) if life.problem else ""
        return LifeRow(None, "damaged", life.version, "", None, problem)
    what = event.verdict.replace("_", " ") + (", serves now" if life.serves else "")
    return LifeRow(event.at, what, event.version, event.model, event.skill, event.reason)
