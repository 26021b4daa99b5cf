"""What machines look at: whether the office lives, whether the proxy is ready, and the numbers of both.

`/healthz` and `/readyz` are answered to anybody who reaches the office, and say no more than names of checks.
`/metrics` names agents and tools, so it is answered to those only who present a token, as in the API.
"""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from wharfinger.control.office.api import problem, token_of
from wharfinger.control.office.pages.page import STATUS
from wharfinger.control.office.visit import Office
from wharfinger.control.protocol import ControlError
from wharfinger.faults import Fault
from wharfinger.metering.exposition import exposition


def routes(office: Office) -> list[Route]:
    """All three."""

    async def health(request: Request) -> Response:
        answers = await office.runtime.answers()
        body = {"office": "serving", "proxy": "answers" if answers else "unreachable"}
        return JSONResponse(body, 200 if answers else 503)

    async def ready(request: Request) -> Response:
        checks = await office.runtime.checks()
        good = checks is not None and all(checks.values())
        body = {"ready": good, "checks": {"office": True, "proxy": checks is not None, **(checks or {})}}
        return JSONResponse(body, 200 if good else 503)

    async def metrics(request: Request) -> Response:
        try:
            token = token_of(office, request, changes=False)
            families = await office.runtime.ask(token, "metrics", background=True)
        except ControlError as error:
            return problem(STATUS[error.code], error.code.value, error.message, error.hint)
        except Fault as fault:
            return problem(503, "unavailable", fault.message, fault.hint)
        text, media_type = await run_in_threadpool(exposition, families, request.headers.get("accept", ""))
        return Response(text, media_type=media_type)

    return [Route("/healthz", health), Route("/readyz", ready), Route("/metrics", metrics)]
