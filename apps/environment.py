"""Variables that are meant for Tickerflow, and that it does not know."""

import os
from collections.abc import Iterator, Mapping
from difflib import get_close_matches

from pydantic import BaseModel

from ml.config import Settings

PREFIX = "TICKERFLOW_"
# A secret: only the environment holds it, never a file or an option.
API_KEY = PREFIX + "API_KEY"
# Where the dashboard finds the service.
API_URL = PREFIX + "API_URL"


def unknown_variables(environment: Mapping[str, str] = os.environ) -> Iterator[str]:
    """Yield a sentence for each variable of ours that sets nothing, with the name it is near to."""
    known = [API_KEY, API_URL, *(PREFIX + name.upper() for name in _names(Settings))]
    for name in sorted(environment):
        if name.upper().startswith(PREFIX) and name.upper() not in known:
            near = get_close_matches(name.upper(), known, n=1)
            meant = f"did you mean {near[0]}?" if near else "tickerflow config show names what there is"
            yield f"{name} sets nothing: {meant}"


def _names(model: type[BaseModel]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        yield name
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from (f"{name}__{inner}" for inner in _names(field.annotation))
