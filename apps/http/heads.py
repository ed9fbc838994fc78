"""HEAD on every path that GET has: what load balancers and link checkers ask."""

from starlette.types import ASGIApp, Receive, Scope, Send


class AnswersHead:
    """Answers a HEAD as the GET that it is without its body, which the server below leaves out."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; uvicorn keeps its own count of methods, and so sends no body."""
        if scope["type"] == "http" and scope["method"] == "HEAD":
            scope = {**scope, "method": "GET"}
        await self._app(scope, receive, send)
