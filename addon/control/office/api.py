"""The JSON API under `/api/v1`: the same commands, by the same rules, for programs.

A machine presents its token (`Authorization: Bearer wt_…`). A page of ours presents the cookie of its
session and, where something is changed, the secret of its forms in `X-CSRF-Token`. `CALLS` is all there is;
the OpenAPI document at `/api/v1/openapi.json` is made of it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from wharfinger.control.office import openapi
from wharfinger.control.office.calls import CALLS, Call, Field, Place
from wharfinger.control.office.guard import is_bearer
from wharfinger.control.office.pages.page import STATUS
from wharfinger.control.office.visit import TOKEN_HEADER, Office, check_csrf, read_body
from wharfinger.control.protocol import Code, ControlError, read_object
from wharfinger.faults import Fault

PREFIX = "/api/v1"


def routes(office: Office) -> list[Route]:
    """All calls, and the document that describes them."""
    document = openapi.document(CALLS, PREFIX)

    async def described(request: Request) -> Response:
        return JSONResponse(document)

    async def missing(request: Request) -> Response:
        return problem(404, "unknown", "there is no such call", f"see {PREFIX}/openapi.json")

    by_path: dict[str, list[Call]] = {}
    for call in CALLS:
        by_path.setdefault(call.path, []).append(call)
    return [
        Route(f"{PREFIX}/openapi.json", described, methods=["GET"]),
        *(
            Route(PREFIX + path, _endpoint(office, calls), methods=[call.method for call in calls])
            for path, calls in by_path.items()
        ),
        Route(f"{PREFIX}/{{rest:path}}", missing, methods=["GET", "POST"]),
    ]


def _endpoint(office: Office, calls: list[Call]) -> Callable[[Request], Awaitable[Response]]:
    by_method = {call.method: call for call in calls}

    async def endpoint(request: Request) -> Response:
        call = by_method["GET" if request.method == "HEAD" else request.method]
        try:
            token = token_of(office, request, changes=call.changes)
            given = await _given(call, request)
            return JSONResponse(await call.work(office, token, given))
        except ControlError as error:
            return problem(STATUS[error.code], error.code.value, error.message, error.hint)
        except Fault as fault:
            return problem(503, "unavailable", fault.message, fault.hint)

    return endpoint


def token_of(office: Office, request: Request, *, changes: bool) -> str:
    """The token that this comes with; raises `ControlError`."""
    presented = request.headers.getlist("authorization")
    if presented:
        if not is_bearer(presented):
            raise ControlError(Code.SIGNED_OUT, "present one token, as: Authorization: Bearer wt_…")
        return presented[0][7:].strip()
    token = office.site.session(request.headers.get("cookie", ""))
    if token is None:
        raise ControlError(Code.SIGNED_OUT, "this needs a token", "make one: wharfinger tokens add LABEL")
    if changes:
        check_csrf(token, request.headers.get(TOKEN_HEADER))
    return token


async def _given(call: Call, request: Request) -> dict[str, Any]:
    """The fields of a call, checked; raises `ControlError` that names everything wrong with them."""
    query: dict[str, Any] = dict(request.query_params)
    wrong = ["a parameter stands twice"] if len(request.query_params.multi_items()) != len(query) else []
    body: Mapping[str, Any] = await _body(request) if call.method == "POST" else {}
    places = {Place.PATH: request.path_params, Place.QUERY: query, Place.BODY: body}
    for place in (Place.QUERY, Place.BODY):
        known = {each.name for each in call.fields if each.place is place}
        wrong += [
            f'"{name[:100]}" is not a field of this call' for name in places[place] if name not in known
        ]
    given: dict[str, Any] = {}
    for each in call.fields:
        value = places[each.place].get(each.name)
        if value is None:
            wrong += [f'"{each.name}" is missing'] if each.required else []
            continue
        read = _read(each, value)
        if read is None:
            wrong.append(f'"{each.name}" is not {each.expected}')
        else:
            given[each.name] = read
    if wrong:
        raise ControlError(Code.BAD_REQUEST, "; ".join(wrong)[:1000])
    return given


async def _body(request: Request) -> Mapping[str, Any]:
    body = await read_body(request)
    if not body:
        return {}
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise ControlError(Code.BAD_REQUEST, "send JSON, as application/json")
    return read_object(body)


def _read(field: Field, value: Any) -> Any:
    if field.kind is int and field.place is not Place.BODY:
        value = int(value) if value.isascii() and value.isdigit() and len(value) < 16 else None
    good = type(value) is field.kind and (not field.one_of or value in field.one_of)
    return value if good else None


def problem(status: int, code: str, message: str, hint: str = "") -> Response:
    """The one shape of an error."""
    return JSONResponse({"error": {"code": code, "message": message, "hint": hint}}, status)
