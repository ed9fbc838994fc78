"""The names of leaks, what each does to the others, and what to do about them."""

from collections.abc import Set

from ml.errors import LeakageError

_HINTS = {
    "feature": "look for what reads ahead in it: a centred window, a shift back, a figure of all bars",
    "split": "leave a gap of horizon bars between the anchors of training, validation and test",
    "scaler": "fit it on the training bars alone",
    "target": "take its volatility and drift from the training bars alone",
    "outcomes": "end the training's outcomes before the validation bars",
    "slopes": "solve for them on the training's windows alone",
    "forecast": "a forecast may read the bars up to its anchor, and no later one",
    "bands": "a band may follow the closes up to its anchor, and no later one",
    "gain": "choose it on the validation's windows alone",
    "intervals": "calibrate them on the validation's windows alone",
}
# What is made of what: where the first moves, the others do so with it.
_MADE_OF: dict[str, set[str]] = {
    "feature": {"scaler", "slopes", "forecast", "gain", "intervals"},
    "split": {"scaler", "target", "outcomes", "slopes", "gain", "intervals"},
    "scaler": {"slopes", "gain", "intervals"},
    "target": {"slopes", "gain", "intervals"},
    "outcomes": {"slopes"},
    "forecast": {"gain", "intervals"},
    "gain": {"intervals"},
}


def leak(moved: Set[str]) -> LeakageError:
    """The error that names the leaks; what merely follows from another one is said after it."""
    features = sorted(name for name in moved if name.startswith("feature "))
    follow = {made for name in moved for made in _MADE_OF.get(name.split()[0], ())}
    order = [*features, *(name for name in _HINTS if name in moved)]
    causes = [name for name in order if name not in follow]
    also = [name for name in order if name in follow]
    with_it = f", and with it the {', '.join(also)}" if also else ""
    return LeakageError(
        f"expected nothing to change with the bars that come after it, found that this does: "
        f"{', '.join(causes)}{with_it}",
        hint=_HINTS[causes[0].split()[0]],
    )
