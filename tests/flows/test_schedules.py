import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import DeploymentScheduleCreate
from prefect.client.schemas.schedules import CronSchedule


@pytest.mark.usefixtures("prefect_server")
def test_a_schedule_becomes_runs() -> None:
    # With SQLAlchemy 2.1 Prefect's scheduler stops, and says so in the server's log alone.
    nightly = DeploymentScheduleCreate(schedule=CronSchedule(cron="30 1 * * *"), slug="nightly")
    with get_client(sync_client=True) as client:
        flow = client.create_flow_from_name("scheduled")
        deployment = client.create_deployment(flow, "nightly", schedules=[nightly])
        client.request("POST", f"/deployments/{deployment}/schedule", json={"min_runs": 3})  # type: ignore[arg-type]
        runs = [run for run in client.read_flow_runs() if run.deployment_id == deployment]
    assert len(runs) >= 3
