"""What can be asked for is what the registries have."""

import httpx

from ml.config import Settings
from ml.features.indicators import parse_feature
from models import architectures


def test_options_are_those_of_the_registries_and_the_settings(
    client: httpx.Client, settings: Settings
) -> None:
    told = client.get("/ml/options").json()
    assert [model["name"] for model in told["models"]] == list(architectures())
    assert all(model["description"] for model in told["models"])
    assert {model["name"] for model in told["models"] if model["baseline"]} == {"drift", "naive"}
    assert told["default_features"] == list(settings.train.features or ())
    assert told["modes"] == ["scratch", "warm", "refit"]
    assert told["epochs"] == {"default": settings.train.epochs, "least": 1, "most": 10_000}
    assert (told["max_queued"], told["max_upload_mb"]) == (
        settings.api.max_queued,
        settings.api.max_upload_mb,
    )


def test_every_feature_that_is_offered_can_be_trained_with(client: httpx.Client) -> None:
    told = client.get("/ml/options").json()
    offered = {feature["name"]: feature for feature in told["features"]}
    for name, feature in offered.items():
        assert parse_feature(name).name == name
        assert feature["description"]
        assert feature["group"]
    assert offered["rsi_14"]["group"] == "oscillators"
    assert offered["obv"]["group"] == "volume"
    assert offered["hour"]["group"] == "calendar"
    for names in told["feature_sets"].values():
        assert [parse_feature(name).name for name in names] == names
