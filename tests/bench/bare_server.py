"""What a server of the gate's own libraries can do at most: it reads a body, and stores nothing.

In: requests. Out: 202. Never here: a look at anything.
"""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route


async def take(request: Request) -> PlainTextResponse:
    """Read a body and answer."""
    await request.body()
    return PlainTextResponse("taken", 202)


app = Starlette(routes=[Route("/webhook", take, methods=["POST"])])
