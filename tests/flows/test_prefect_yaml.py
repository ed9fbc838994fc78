import importlib
from pathlib import Path
from typing import Any

import pytest
import yaml
from prefect import Flow

from flows.alarms import EVENT as LOST
from flows.parameters import ForecastParams, Params, TrainParams
from flows.promotions import EVENT, RESOURCE

FILE = Path(__file__).resolve().parents[2] / "prefect.yaml"
DEPLOYMENTS: list[dict[str, Any]] = yaml.safe_load(FILE.read_text(encoding="utf-8"))["deployments"]


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=lambda deployment: str(deployment["name"]))
def test_a_deployment_names_a_flow_by_its_module_and_checks_its_parameters(
    deployment: dict[str, Any],
) -> None:
    module, _, name = deployment["entrypoint"].rpartition(".")
    assert isinstance(getattr(importlib.import_module(module), name), Flow)
    assert deployment["enforce_parameter_schema"] is True
    assert deployment["description"]


def test_no_run_says_anything_through_a_pipe_that_would_end_it_with_its_worker() -> None:
    pools = [deployment["work_pool"] for deployment in DEPLOYMENTS]
    assert all(pool["job_variables"]["stream_output"] is False for pool in pools)


def test_every_schedule_has_a_slug_and_a_zone() -> None:
    schedules = [schedule for deployment in DEPLOYMENTS for schedule in deployment["schedules"]]
    assert len({schedule["slug"] for schedule in schedules}) == len(schedules) >= 4
    assert all("/" in schedule["timezone"] or schedule["timezone"] == "UTC" for schedule in schedules)


@pytest.mark.parametrize(
    ("name", "event", "part", "params"),
    [
        ("after-promotion", EVENT, "forecast", ForecastParams),
        ("after-collapse", LOST, "train", TrainParams),
    ],
)
def test_a_trigger_listens_to_what_a_run_emits(
    name: str, event: str, part: str, params: type[Params]
) -> None:
    ((trigger,),) = (each["triggers"] for each in DEPLOYMENTS if each["name"] == name)
    assert trigger["expect"] == [event]
    assert trigger["match"] == {"prefect.resource.id": RESOURCE}
    assert trigger["parameters"]["params"]["value"]["template"] == (
        f"{{{{ event.payload.{part} | tojson }}}}"
    )
    # What the event carries as that part (see announce and announce_lost) are parameters of the flow.
    assert {"tickers", "intervals", "folders"} <= set(params.model_fields)
