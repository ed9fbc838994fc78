"""The identity of a training: the same bars and configuration are not trained twice."""

import hashlib
import json

from ml.config import PromoteConfig, TrainConfig

# Raised when a change of the code makes the same bars and configuration give another model.
FIT_VERSION = 3

# What changes how fast a model is trained, and not which model it becomes.
WITHOUT_EFFECT = {"device", "threads", "engine", "deadline_seconds"}


def fit_id(fingerprint: str, config: TrainConfig, rule: PromoteConfig, source: str | None = None) -> str:
    """32 hex digits for (content of the bars, what is trained, the rule, version of the training code).

    The rule belongs to it: what lost by one rule may win by another. So does ``source``, the version
    that weights or configuration came from.
    """
    identity = {
        "version": FIT_VERSION,
        "bars": fingerprint,
        "config": config.model_dump(mode="json", exclude=WITHOUT_EFFECT),
        "source": source or "",
        "rule": rule.model_dump(mode="json", exclude={"force", "lock_seconds"}),
    }
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:32]
