"""From trained weights to staged challengers: calibrated, certified, and written down."""

from collections.abc import Mapping

from ml.artifacts.meta import Meta
from ml.artifacts.store import Bundle, ModelStore
from ml.config import Settings
from ml.errors import TrainingError
from ml.evaluation.promotion import discard_staged
from ml.outcomes import Challenger, Failure, IngestOutcome
from ml.training.configuration import Plan
from ml.training.course import Course, Role, Taught
from ml.training.learning import Learnt, finish, solved
from ml.training.loop import Outcome
from ml.training.proof import prove
from ml.training.record import history, make_meta


def stage(
    course: Course,
    fits: Mapping[Role, Outcome],
    ingested: IngestOutcome,
    identity: str,
    settings: Settings,
) -> Challenger:
    """Stage what a course taught: the challenger, and where there are any the final and the rival.

    Where the training failed and nothing serves the series, a baseline stands in for it.

    Args:
        course: of the series.
        fits: of its lessons.
        ingested: account of the bars.
        identity: `fit_id` of the training.
        settings: where to stage.

    Raises:
        TrainingError: the training failed, and a champion serves on.
        LeakageError: what was trained knows the future.
        ArtifactError, ArtifactWriteError: as `ModelStore.stage`.
    """
    store = ModelStore(settings.models_dir)
    plan, bars, failure = course.plan, course.bars, None
    try:
        taught = course.finish(fits)
    except TrainingError as error:
        if store.serves(ingested.key):
            raise
        # A series with enough bars always has a forecast. Without the identity of what failed: that is
        # to be trained again.
        failure, identity = Failure.of(error), ""
        plan = Plan("scratch", plan.config.model_copy(update={"model": "naive"}), note=plan.note)
        baseline = finish(course.dataset, solved(), plan.config, bars)
        taught = Taught(baseline, baseline)
    certificate = prove(taught, plan, course).model_dump(mode="json")

    def staged(learnt: Learnt, meta: Meta) -> str:
        return str(store.stage(_bundle(learnt, meta), {"history": history(learnt.fit)}))

    def certified(learnt: Learnt) -> Meta:
        meta = make_meta(learnt, ingested, bars, plan, identity)
        return meta.model_copy(update={"certificate": certificate})

    challenger = Challenger(
        ticker=ingested.ticker,
        interval=ingested.interval,
        failure=failure,
        epochs=taught.judged.fit.epochs,
        staged=staged(taught.judged, certified(taught.judged)),
    )
    try:
        if taught.final is not None:
            # Nothing comes after its bars that could be changed: the proof is that of the same pipeline.
            final = staged(taught.final, certified(taught.final))
            challenger = challenger.model_copy(update={"final": final})
        if taught.rival is taught.judged:
            challenger = challenger.model_copy(update={"rival": challenger.staged})
        elif taught.rival is not None and course.rival is not None:
            meta = make_meta(taught.rival, ingested, bars, course.rival.plan, identity="")
            challenger = challenger.model_copy(update={"rival": staged(taught.rival, meta)})
    except BaseException:  # a signal too
        discard_staged(challenger, settings)
        raise
    return challenger


def _bundle(learnt: Learnt, meta: Meta) -> Bundle:
    weights = {name: tensor.detach() for name, tensor in learnt.network.state_dict().items()}
    return Bundle(meta, weights, learnt.dataset.scaler)
