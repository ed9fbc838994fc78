"""What the routes work on: the settings of the application, and its one service of forecasts.

These are coroutines although they wait for nothing: plain functions would each go to a thread and back,
which takes longer than a forecast that is kept.
"""

from typing import Annotated, cast

from fastapi import Depends, Request

from apps.http.ahead import Ahead
from apps.http.rendered import RenderedAnswers
from ml.config import Settings
from ml.inference.service import ForecastService


async def settings_of(request: Request) -> Settings:
    """The settings that the application was made with."""
    return cast(Settings, request.app.state.settings)


async def service_of(request: Request) -> ForecastService:
    """The application's forecasts, with its models and bars in memory."""
    return cast(ForecastService, request.app.state.service)


async def rendered_of(request: Request) -> RenderedAnswers:
    """The application's answers of before."""
    return cast(RenderedAnswers, request.app.state.rendered)


async def ahead_of(request: Request) -> Ahead:
    """What makes the application's answers before they are asked for."""
    return cast(Ahead, request.app.state.ahead)


TheSettings = Annotated[Settings, Depends(settings_of)]
TheService = Annotated[ForecastService, Depends(service_of)]
TheRendered = Annotated[RenderedAnswers, Depends(rendered_of)]
TheAhead = Annotated[Ahead, Depends(ahead_of)]
