"""Automations that no deployment owns: automations.yaml, brought to Prefect's server."""

from pathlib import Path

import yaml
from prefect.client.orchestration import SyncPrefectClient
from prefect.events.schemas.automations import Automation, AutomationCore


def bring_automations(client: SyncPrefectClient, file: Path) -> None:
    """Make those that are missing, and bring the others up to date; one that was paused stays paused.

    One that is as the file says is left alone: a change would make the server forget whom it waits for.

    Raises:
        httpx.HTTPError, PrefectHTTPStatusError: the server is away, or does not take it.
    """
    told = yaml.safe_load(file.read_text(encoding="utf-8"))["automations"]
    for wanted in map(AutomationCore.model_validate, told):
        there = client.read_automations_by_name(wanted.name)
        if not there:
            client.create_automation(wanted)
        for automation in there:
            kept = wanted.model_copy(update={"enabled": automation.enabled})
            if _core(automation) != kept:
                client.update_automation(automation.id, kept)


def _core(automation: Automation) -> AutomationCore:
    return AutomationCore.model_validate(automation.model_dump(include=set(AutomationCore.model_fields)))
