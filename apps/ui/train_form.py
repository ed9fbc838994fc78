"""The choices of a training: each is in the page's address, and what is left alone is not sent."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import streamlit as st

DEFAULT: Final = "default"
OWN: Final = "own choice"

_MODES: Final = {
    "scratch": "Learns anew from all bars.",
    "warm": "Goes on from the weights of the model that serves: quicker, for a few new bars.",
    "refit": "Fits the configuration that serves once more, on all bars up to today.",
}


@dataclass(frozen=True)
class Choice:
    """What was chosen: series by their names in links, and parameters that differ from the defaults."""

    series: tuple[str, ...]
    params: Mapping[str, str | int | float | list[str] | None]


def choose(names: list[str], options: Mapping[str, Any]) -> Choice:
    """Draw the form; ``options`` are those of the service, so that a new model needs no change here."""
    series = st.multiselect(
        "Series",
        names,
        key="series",
        bind="query-params",
        max_selections=options["max_queued"],
        placeholder="Choose one or more",
        help="Each is trained by a run of its own.",
    )
    model = _model(options)
    features = _features(options)
    computed = {one["name"] for one in options["models"] if one["baseline"]}
    epochs = None if model in computed else _epochs(options["epochs"])
    mode = _mode(options["modes"])
    params = {"model": model, "features": features, "epochs": epochs, "mode": mode}
    return Choice(tuple(series), params)


def _model(options: Mapping[str, Any]) -> str | None:
    described = {model["name"]: model["description"] for model in options["models"]}
    by_default = f"What tuning found for the series; without tuning, {options['default_model']}."
    with st.container(gap="xxsmall"):
        chosen = st.selectbox("Architecture", [DEFAULT, *described], key="model", bind="query-params")
        st.caption(described.get(chosen, by_default))
    return None if chosen == DEFAULT else chosen


def _features(options: Mapping[str, Any]) -> list[str] | None:
    """Features by a named set, or one by one; None leaves them to the settings."""
    sets = {name: found for name, found in options["feature_sets"].items() if found and name != DEFAULT}
    with st.container(gap="xxsmall"):
        chosen = st.selectbox(
            "Features",
            [DEFAULT, *sets, OWN],
            key="features",
            bind="query-params",
            help="What the model sees of each bar. All are computed from that bar and those before it.",
        )
        st.caption(", ".join(sets.get(chosen, options["default_features"] if chosen == DEFAULT else [])))
    if chosen != OWN:
        return list(sets[chosen]) if chosen in sets else None
    about = {one["name"]: f"{one['group']}: {one['description']}" for one in options["features"]}
    own = st.multiselect(
        "Features, one by one",
        list(about),
        key="feature",
        bind="query-params",
        default=[name for name in options["default_features"] if name in about],
    )
    if own:
        with st.expander("What these are"):
            st.markdown("\n".join(f"- `{name}` {about[name]}" for name in own))
    return own or None


def _epochs(epochs: Mapping[str, int]) -> int | None:
    chosen = st.number_input(
        "Epochs at most",
        min_value=epochs["least"],
        max_value=epochs["most"],
        value=epochs["default"],
        step=1,
        key="epochs",
        bind="query-params",
        help="Training ends sooner where more epochs improve nothing.",
    )
    return None if chosen is None or chosen == epochs["default"] else int(chosen)


def _mode(modes: list[str]) -> str | None:
    with st.container(gap="xxsmall"):
        chosen = st.segmented_control(
            "Start from", modes, default=modes[0], key="mode", bind="query-params", required=True
        )
        st.caption(_MODES.get(chosen or "", ""))
    return None if chosen == modes[0] else chosen
