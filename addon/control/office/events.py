"""Events of the audit log as they come, for programs: server-sent events at `/api/v1/events`.

    event: before        the last ones that are there already, if `last` asks for some
    id: 1042
    data: [{"seq": 1041, …}, {"seq": 1042, …}]

    event: events        those that came since
    event: missed        so many could not be told: whoever listens was too slow
    event: signed-out    the token is good no more; the stream ends

A client that connects again says in `Last-Event-ID` what it has had, as browsers do, and misses nothing that
is still here. The stream ends with the token's session, which it does not keep alive.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from wharfinger.audit.reader import Record
from wharfinger.control.office.api import PREFIX, problem, token_of
from wharfinger.control.office.openapi import STREAM
from wharfinger.control.office.pages.page import STATUS
from wharfinger.control.office.streams import OpenStreams
from wharfinger.control.office.visit import Office, whoever
from wharfinger.control.protocol import Code, ControlError
from wharfinger.faults import Fault

_STILL_SECONDS = 10.0
"""How often it is said at least that the stream is there."""
_CHECK_SECONDS = 1.0
"""How often it is asked at most whether the session still holds."""
_OF_ONE_SESSION = 8
_IN_TOTAL = 32
_AT_ONCE = 200
"""Events of one message."""
_LAST = 1_000
"""Events that are told at most of those that are there already."""


def routes(office: Office) -> list[Route]:
    """The stream."""
    streams = OpenStreams(_OF_ONE_SESSION, _IN_TOTAL)

    async def stream(request: Request) -> Response:
        try:
            token = token_of(office, request, changes=False)
            person = await whoever(office, token, background=True)
            after, before = _asked(request, office.tail.last)
            if not office.tail.loaded:
                raise Fault("the audit log is still being read", "ask again in a moment")
        except ControlError as error:
            return problem(STATUS[error.code], error.code.value, error.message, error.hint)
        except Fault as fault:
            return problem(503, "unavailable", fault.message, fault.hint)
        if streams.full(person.session):
            return problem(429, Code.TOO_MANY.value, "too many streams are open", "close some of them")
        return streams.answer(person.session, _told(office, token, after, before))

    return [Route(PREFIX + STREAM, stream, methods=["GET"])]


def _asked(request: Request, newest: int) -> tuple[int, int]:
    """Behind which event to begin, and up to which they were there before. Raises `ControlError`."""
    had = request.headers.get("last-event-id", "")
    last = request.query_params.get("last", "0")
    if not all(text.isascii() and text.isdigit() and len(text) < 16 for text in (had or "0", last)):
        raise ControlError(Code.BAD_REQUEST, '"last" and Last-Event-ID are whole numbers')
    if unknown := request.query_params.keys() - {"last"}:
        raise ControlError(Code.BAD_REQUEST, f'"{min(unknown)[:100]}" is not a field of this call')
    if had:
        return min(int(had), newest), -1
    return newest - min(int(last), _LAST), newest


async def _told(office: Office, token: str, seen: int, before: int) -> AsyncIterator[str]:
    yield f"retry: 1000\nid: {max(seen, 0)}\n\n"  # where to go on, should it end before anything comes
    loop = asyncio.get_running_loop()
    checked = loop.time()
    while True:
        if not await office.tail.changes(seen, _STILL_SECONDS):
            yield ": still here\n\n"
        elif found := await run_in_threadpool(office.tail.after, seen, _AT_ONCE):
            if max(seen, 0) >= before and seen < found[0].seq - 1:
                yield f"event: missed\ndata: {found[0].seq - 1 - seen}\n\n"
            old = [record for record in found if record.seq <= before]
            new = found[len(old) :]
            for name, records in (("before", old), ("events", new)):
                if records:
                    yield _message(name, records)
            seen = found[-1].seq
        if loop.time() - checked < _CHECK_SECONDS:
            continue
        checked = loop.time()
        try:
            await whoever(office, token, background=True)
        except ControlError:
            yield "event: signed-out\ndata: 1\n\n"
            return
        except Fault:
            return  # no proxy answers: whoever listens connects again


def _message(name: str, records: Sequence[Record]) -> str:
    lines = ",".join(record.line.decode("ascii") for record in records)
    return f"event: {name}\nid: {records[-1].seq}\ndata: [{lines}]\n\n"
