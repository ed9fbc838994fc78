"""The rule: which challenger becomes the champion."""

from dataclasses import dataclass

from ml.config import PromoteConfig, Standing
from ml.evaluation.verdict import Comparison

_ORDER: tuple[Standing, ...] = ("worse", "undecided", "not_worse", "better")


@dataclass(frozen=True)
class Rival:
    """The champion, as the challenger met it.

    Attributes:
        name: architecture and version.
        verdict: on the challenger beside it; None where it cannot forecast these bars any more.
        note: where it was not met on all test windows as it serves: how, and why.
    """

    name: str
    verdict: Comparison | None
    note: str = ""


@dataclass(frozen=True)
class Decision:
    """Whether to promote, and the reason, a readable sentence with numbers."""

    promote: bool
    forced: bool
    reason: str


def decide(
    name: str, walk: Comparison, drift: Comparison, rival: Rival | None, rule: PromoteConfig
) -> Decision:
    """Promote what stands to the random walk and to the champion as the rule asks, or by force.

    Args:
        name: the challenger's.
        walk: the verdict on it beside the random walk.
        drift: beside the drift, which is told and does not decide.
        rival: the champion; None where there is none.
        rule: the least verdicts, by default anything but significantly worse: of two that cannot be told
            apart the fresh one serves.
    """
    facts = [
        f"{name} is {walk.relation} the random walk ({walk.numbers})",
        f"{drift.relation} the drift ({drift.brief})",
    ]
    missed = _missed(walk, rule.versus_walk, "the random walk")
    if rival is not None:
        facts.append(_against(rival))
        if rival.verdict is not None:
            missed += _missed(rival.verdict, rule.versus_champion, "the champion")
    if missed:
        facts.append("promoted by --force" if rule.force else f"refused: {' and '.join(missed)}")
    return Decision(not missed or rule.force, bool(missed) and rule.force, "; ".join(facts))


def _missed(verdict: Comparison, least: Standing, reference: str) -> list[str]:
    """What the policy asks for and the verdict is not; empty where it is met."""
    if _ORDER.index(verdict.standing) >= _ORDER.index(least):
        return []
    if verdict.standing == "worse":
        return [f"it is worse than {reference}"]
    return [f"the policy asks for '{least.replace('_', ' ')}' against {reference}"]


def _against(rival: Rival) -> str:
    if rival.verdict is None:
        return f"the champion {rival.name} cannot forecast these bars any more"
    note = f", {rival.note}" if rival.note else ""
    return f"{rival.verdict.relation} the champion {rival.name} ({rival.verdict.numbers}{note})"
