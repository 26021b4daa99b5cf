"""What a page of the office is, and what is done before and after its work."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route
from wharfinger.control.dispatcher import Role
from wharfinger.control.office.visit import (
    TOKEN_FIELD,
    TOKEN_HEADER,
    Office,
    Visit,
    Work,
    check_csrf,
    read_form,
    render,
    sign_in_path,
    whoever,
)
from wharfinger.control.protocol import Code, ControlError
from wharfinger.faults import Fault

STATUS = {
    Code.BAD_REQUEST: 400,
    Code.UNKNOWN: 404,
    Code.UNSIGNED: 403,
    Code.FORBIDDEN: 403,
    Code.SIGNED_OUT: 401,
    Code.NOT_SIGNED_IN: 403,
    Code.TOO_MANY: 429,
    Code.FAILED: 409,
    Code.TIMEOUT: 504,
    Code.INTERNAL: 500,
}
_BACK = """<!doctype html><html lang="en"><meta charset="utf-8"><title>wharfinger</title>
<meta http-equiv="refresh" content="0"><p><a href="">Go on to the console</a></p></html>"""
"""For whoever comes from another site: browsers hold the cookie back, and give it to a page of ours."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page, or one thing that can be done on it."""

    path: str
    work: Work
    title: str = ""
    """What the navigation calls it; empty where it is not in the navigation."""
    role: Role = Role.VIEWER
    """The least role that may come here. What is done there is decided by the proxy besides."""
    post: bool = False
    """Whether it changes something; then it is there by POST only."""
    live: bool = False
    """Whether it is a part that pages fetch by themselves, which does not keep a session alive."""


def routes(office: Office, pages: Iterable[Page]) -> list[Route]:
    """The pages as routes."""
    return [
        Route(page.path, _endpoint(office, page), methods=["POST"] if page.post else ["GET"])
        for page in pages
    ]


def _endpoint(office: Office, page: Page):  # type: ignore[no-untyped-def]
    async def endpoint(request: Request) -> Response:
        try:
            return await page.work(await _arrive(office, page, request))
        except ControlError as error:
            if error.code is Code.SIGNED_OUT:
                return _signed_out(office, request)
            return _trouble(office, request, STATUS[error.code], error)
        except Fault as fault:
            return _trouble(office, request, 503, fault)

    return endpoint


async def _arrive(office: Office, page: Page, request: Request) -> Visit:
    """Find out who comes; raises `ControlError`."""
    token = office.site.session(request.headers.get("cookie", ""))
    if token is None:
        raise ControlError(Code.SIGNED_OUT, "nobody has signed in")
    background = page.live and "hx-request" in request.headers
    visit = Visit(request, office, token, await whoever(office, token, background=background), background)
    if visit.person.role < page.role:
        raise ControlError(Code.FORBIDDEN, f"this needs the role {page.role.name.lower()}", "ask an admin")
    if page.post:
        form = await read_form(request)
        check_csrf(token, form.pop(TOKEN_FIELD, None) or request.headers.get(TOKEN_HEADER))
        visit.form = form
    return visit


def _signed_out(office: Office, request: Request) -> Response:
    if request.method == "GET" and request.headers.get("sec-fetch-site") == "cross-site":
        return HTMLResponse(_BACK)
    where = sign_in_path(request)
    if "hx-request" in request.headers:  # a part of a page: have the whole page go
        return Response(status_code=401, headers={"HX-Redirect": "/sign-in"})
    answer = RedirectResponse(where, 303)
    answer.headers["Set-Cookie"] = office.site.set_cookie("", 0)
    return answer


def _trouble(office: Office, request: Request, status: int, fault: Fault) -> Response:
    template = "trouble_part.html" if "hx-request" in request.headers else "trouble.html"
    return render(office, template, status, message=fault.message, hint=fault.hint, code=status)
