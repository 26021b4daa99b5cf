"""The office put together: routes, guard, and what runs beside them."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from wharfinger.control.office import api, events, live, watched
from wharfinger.control.office.assets import Assets
from wharfinger.control.office.guard import Guard
from wharfinger.control.office.pages import by_link, sign_in
from wharfinger.control.office.pages.page import routes
from wharfinger.control.office.pages.table import NAVIGATION, PAGES
from wharfinger.control.office.rendering import environment
from wharfinger.control.office.runtime import Runtime
from wharfinger.control.office.site import Site
from wharfinger.control.office.tail import Tail
from wharfinger.control.office.visit import Office, render

_BOOK = "audit"
"""Folder of the book in the data folder."""


def application(data: Path, port: int, url: str = "") -> Starlette:
    """The office's web application, for the proxy that serves the data folder, found by others at `url`."""
    assets = Assets.read()
    templates = environment(assets)
    templates.globals["navigation"] = NAVIGATION
    office = Office(Site.of(port, url), Runtime(data), Tail(data / _BOOK), templates)

    office.tail.told.append(office.changes.take)

    async def missing(request: Request, error: Exception) -> Response:
        status = getattr(error, "status_code", 404)
        message = "there is no such page" if status == 404 else "this cannot be done here"
        return render(office, "trouble.html", status, message=message, hint="", code=status)

    @contextlib.asynccontextmanager
    async def running(app: Starlette) -> AsyncIterator[None]:
        office.tail.start()
        yield
        office.tail.stop()

    return Starlette(
        routes=[
            *watched.routes(office),
            assets.route(),
            *sign_in.routes(office),
            *live.routes(office),
            *events.routes(office),  # before those of the API, whose last one takes all that is left
            *api.routes(office),
            *by_link.routes(office),
            *routes(office, PAGES),
        ],
        middleware=[Middleware(Guard, office.site)],
        exception_handlers={404: missing, 405: missing},
        lifespan=running,
    )
