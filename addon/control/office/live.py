"""What happens now, told to open pages by server-sent events: which kind of thing changed, never what.

A page that hears of it fetches its part anew, in its own session. The stream ends with the session; that
it is open does not keep the session alive.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from wharfinger.control.office.streams import OpenStreams
from wharfinger.control.office.visit import Office, whoever
from wharfinger.faults import Fault

_CHECK_SECONDS = 10.0
"""How often it is asked whether the session still holds."""
_OF_ONE_SESSION = 8
_IN_TOTAL = 128
TOPICS = {
    "approvals": frozenset({"held", "approval"}),
    "agents": frozenset({"control", "started"}),
}
"""Name of an event → the kinds of audit events that it stands for. `book` stands for all."""


def routes(office: Office) -> list[Route]:
    """The stream at `/live`."""
    streams = OpenStreams(_OF_ONE_SESSION, _IN_TOTAL)

    async def stream(request: Request) -> Response:
        token = office.site.session(request.headers.get("cookie", ""))
        try:
            person = await whoever(office, token or "", background=True)
        except Fault:
            return PlainTextResponse("sign in first", 401)
        if streams.full(person.session):
            return PlainTextResponse("too many pages are open", 429, {"Retry-After": "30"})
        return streams.answer(person.session, _told(office, token or ""))

    return [Route("/live", stream, methods=["GET"])]


async def _told(office: Office, token: str) -> AsyncIterator[str]:
    seen = office.tail.last
    yield "retry: 3000\n\n"
    while True:
        kinds = await office.tail.changes(seen, _CHECK_SECONDS)
        seen = office.tail.last
        try:
            await whoever(office, token, background=True)
        except Fault:
            yield "event: signed-out\ndata: 1\n\n"
            return
        if not kinds:
            yield ": still here\n\n"
        for topic in (*(name for name, of in TOPICS.items() if kinds & of), *(("book",) if kinds else ())):
            yield f"event: {topic}\ndata: {seen}\n\n"
