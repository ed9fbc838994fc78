"""What serves a series, as every answer that names it says."""

from typing import Any

from ml.artifacts.meta import Meta


def told_of(meta: Meta) -> dict[str, Any]:
    """The fields of an answer that are of its model and of the decision on it."""
    decision = meta.decision
    return {
        "model": meta.model,
        "version": meta.version,
        "generation": meta.generation,
        "skill": decision.skill if decision else None,
        "proven": decision is not None and decision.proven,
        "verdict": decision.verdict if decision else "promoted",
        "reason": decision.reason if decision else "",
    }
