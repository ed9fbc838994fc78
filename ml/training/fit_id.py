"""The identity of a training: the same bars and configuration are not trained twice."""

import hashlib
import json

from ml.config import PromoteConfig, TrainConfig

# Raised when a change of the code makes the same bars and configuration give another model.
FIT_VERSION = 2

# What changes how fast a model is trained, and not which model it becomes.
_WITHOUT_EFFECT = {"device", "threads", "engine", "deadline_seconds"}


def fit_id(fingerprint: str, config: TrainConfig, rule: PromoteConfig) -> str:
    """32 hex digits for (content of the bars, what is trained, the rule, version of the training code).

    The rule belongs to it: what lost by one rule may win by another.
    """
    identity = {
        "version": FIT_VERSION,
        "bars": fingerprint,
        "config": config.model_dump(mode="json", exclude=_WITHOUT_EFFECT),
        "rule": rule.model_dump(mode="json", include={"min_skill", "tolerance"}),
    }
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:32]
