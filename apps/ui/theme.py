"""Colours of charts, in light and in dark; those of widgets are in apps/.streamlit/config.toml.

One colour means one thing on every page: the model is teal, the random walk grey, what happened is
the ink of the text. Green and red say better and worse, and stand beside words, never alone.
"""

from dataclasses import dataclass
from typing import Final

import streamlit as st


@dataclass(frozen=True)
class Palette:
    """CSS colours by meaning."""

    ink: str
    muted: str
    grid: str
    paper: str
    panel: str
    model: str
    model_80: str
    model_95: str
    walk: str
    walk_80: str
    walk_95: str
    up: str
    down: str
    good: str
    bad: str
    warn: str


LIGHT: Final = Palette(
    ink="#16202b",
    muted="#5c6875",
    grid="#e6e9ed",
    paper="#fbfbf9",
    panel="#f2f3f0",
    model="#0b6e6e",
    model_80="rgba(11,110,110,0.28)",
    model_95="rgba(11,110,110,0.13)",
    walk="#7a8594",
    walk_80="rgba(122,133,148,0.22)",
    walk_95="rgba(122,133,148,0.10)",
    up="#2b7a6f",
    down="#b4534f",
    good="#1f7a4d",
    bad="#b3403a",
    warn="#9a5b00",
)
DARK: Final = Palette(
    ink="#e8ecf0",
    muted="#9ba7b4",
    grid="#2a343f",
    paper="#11171d",
    panel="#1a222b",
    model="#4fc3b7",
    model_80="rgba(79,195,183,0.30)",
    model_95="rgba(79,195,183,0.14)",
    walk="#93a0b0",
    walk_80="rgba(147,160,176,0.24)",
    walk_95="rgba(147,160,176,0.11)",
    up="#5cc0ae",
    down="#e58a83",
    good="#6cc996",
    bad="#f0908a",
    warn="#e9b35f",
)


def palette() -> Palette:
    """The colours for the theme that this session's browser shows."""
    return DARK if st.context.theme.type == "dark" else LIGHT
