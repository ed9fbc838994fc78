"""What the routes work on: the settings of the application, and its one service of forecasts."""

from typing import Annotated, cast

from fastapi import Depends, Request

from ml.config import Settings
from ml.inference.service import ForecastService


def settings_of(request: Request) -> Settings:
    """The settings that the application was made with."""
    return cast(Settings, request.app.state.settings)


def service_of(request: Request) -> ForecastService:
    """The application's forecasts, with its models and bars in memory."""
    return cast(ForecastService, request.app.state.service)


TheSettings = Annotated[Settings, Depends(settings_of)]
TheService = Annotated[ForecastService, Depends(service_of)]
