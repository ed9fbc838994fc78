"""Training and forecasting from the command line, on a real Prefect server."""

import json
import os

import pytest
import torch

from tests.apps.conftest import House, Run
from tests.universe import quick_options, write_series

pytestmark = pytest.mark.usefixtures("prefect_server")


def test_train_then_forecast_then_look_then_go_back(house: House, run: Run) -> None:
    write_series(house.raw, "GOOD")
    write_series(house.raw, "SHORT", 30)
    report = house.root / "train.json"
    trained = run("train", *quick_options(), "--force", "--report", str(report))
    assert trained.status == 1
    assert "SKIP=1 TOTAL=2" in trained.out
    rows = {row["ticker"]: row for row in json.loads(report.read_text(encoding="utf-8"))["series"]}
    assert rows["SHORT"]["status"] == "failed"
    assert rows["SHORT"]["code"] == "TF021"
    good = rows["GOOD"]
    assert good["status"] == "promoted"
    assert {"mae", "rmse"} <= set(good["metrics"]) & set(good["baseline"])
    assert isinstance(good["skill"], float)
    assert good["seconds"] > 0

    left = house.root / "predictions" / "..0123456789abcdef.part"
    left.parent.mkdir()
    left.touch()
    os.utime(left, (0, 0))
    forecast = run("forecast", "--steps", "7", "--json")
    assert not left.exists()
    assert forecast.status == 0
    (row,) = json.loads(forecast.out)["series"]
    lines = (house.root / "predictions" / row["csv_path"].rpartition("/")[2]).read_text(encoding="utf-8")
    assert len(lines.splitlines()) == 8
    assert run("forecast", "--ticker", "NONE").status == 2

    # The same bars and configuration are not trained twice, unless it is asked for.
    again = json.loads(run("train", *quick_options(), "--ticker", "GOOD", "--json").out)
    assert again["series"][0]["skipped"] is True
    forced = json.loads(
        run("train", *quick_options(), "--seed", "8", "--ticker", "GOOD", "--force", "--json").out
    )
    assert forced["series"][0]["version"] != good["version"]

    (champion,) = json.loads(run("models", "list", "--json").out)["result"]
    assert champion["version"] == forced["series"][0]["version"]
    assert run("models", "show", "--ticker", "GOOD").status == 0
    assert run("models", "show", "GOOD", "1d").status == 0
    assert len(json.loads(run("models", "history", "GOOD", "--json").out)["result"]) == 2
    back = json.loads(run("models", "rollback", "--ticker", "GOOD", "--json").out)["result"]
    assert back["version"] == good["version"]

    for weights in (house.root / "models").rglob("*.pth"):
        weights.write_bytes(weights.read_bytes()[:-1])
    listed = run("models", "list", "--json")
    assert listed.status == 1
    assert "TF060" in json.loads(listed.out)["result"][0]["problem"]
    assert run("models", "show", "GOOD").status == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--model", "oracle"], "lstm"),
        (["--features", "moonphase"], "there are: close"),
        (["--epochs", "0"], "--epochs"),
        (["--over", "1,11"], "1 to 10, found 11"),
        pytest.param(
            ["--device", "cuda"],
            "CUDA device",
            marks=pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device"),
        ),
    ],
)
def test_names_and_bounds_are_checked_before_anything_starts(
    arguments: list[str], said: str, house: House, run: Run
) -> None:
    write_series(house.raw, "GOOD", 40)
    called = run("train", *arguments)
    assert called.status == 2
    assert said in called.err
    assert not (house.root / "store").exists()
