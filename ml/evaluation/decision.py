"""The rule: which challenger becomes the champion."""

from dataclasses import dataclass

from ml.config import PromoteConfig
from ml.evaluation import metrics


@dataclass(frozen=True)
class Comparison:
    """A challenger beside the random walk and the champion on the same windows; MAE in price units.

    ``champion`` is None where there is none, or where it cannot forecast these bars any more.
    """

    name: str
    windows: int
    steps: int
    mae: float
    mae_naive: float
    champion: str | None = None
    mae_champion: float | None = None
    mae_challenger: float | None = None  # over the steps that both forecast

    @property
    def skill(self) -> float:
        """Against the random walk."""
        return metrics.skill(self.mae, self.mae_naive)


@dataclass(frozen=True)
class Decision:
    """The verdict and its reason, a readable sentence with numbers."""

    promote: bool
    forced: bool
    reason: str


def decide(comparison: Comparison, rule: PromoteConfig) -> Decision:
    """Promote unless the challenger is worse than the random walk or than the champion, or by force."""
    skilled = comparison.skill >= rule.min_skill
    beats_champion = (
        comparison.mae_champion is None
        or comparison.mae_challenger is None
        or comparison.mae_challenger <= comparison.mae_champion * (1.0 + rule.tolerance)
    )
    facts = [_against_naive(comparison, rule)]
    if comparison.champion is not None:
        facts.append(_against_champion(comparison, rule))
    accepted = skilled and beats_champion
    if rule.force and not accepted:
        facts.append("promoted by --force")
    reason = "; ".join(facts)
    return Decision(accepted or rule.force, rule.force and not accepted, reason)


def _against_naive(comparison: Comparison, rule: PromoteConfig) -> str:
    skill = comparison.skill
    if skill > 0:
        relation = f"{skill:.2%} better than the random walk"
    elif skill == 0:
        relation = "exactly as good as the random walk, for it repeats the last close,"
    else:
        relation = f"{-skill:.2%} worse than the random walk"
    wanted = f", at least {rule.min_skill:.2%} wanted" if rule.min_skill != 0 else ""
    return (
        f"{comparison.name} is {relation} over {comparison.steps} steps "
        f"(MAE {comparison.mae:.6g} against {comparison.mae_naive:.6g}, "
        f"{comparison.windows} windows{wanted})"
    )


def _against_champion(comparison: Comparison, rule: PromoteConfig) -> str:
    if comparison.mae_champion is None or comparison.mae_challenger is None:
        return f"the champion {comparison.champion} cannot forecast these bars any more"
    difference = metrics.skill(comparison.mae_challenger, comparison.mae_champion)
    if difference > 0:
        relation = f"{difference:.2%} better than"
    elif difference == 0:
        relation = "as good as"
    else:
        relation = f"{-difference:.2%} worse than"
    tolerated = f", {rule.tolerance:.2%} tolerated" if rule.tolerance else ""
    return (
        f"{relation} the champion {comparison.champion} "
        f"(MAE {comparison.mae_challenger:.6g} against {comparison.mae_champion:.6g}{tolerated})"
    )
