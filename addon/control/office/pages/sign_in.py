"""Signing in, with a password or a one-time link, and signing out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from wharfinger.control.office.pages.page import STATUS
from wharfinger.control.office.visit import Office, check_csrf, read_form, render
from wharfinger.control.protocol import Code, ControlError
from wharfinger.faults import Fault

_SECONDS = 12 * 3600
_LINK = "/sign-in/link"
"""A link is this path and `#`, followed by what it is: browsers send that part to no server."""


def routes(office: Office) -> list[Route]:
    """What is there for people who have not signed in."""
    return [
        Route("/sign-in", _form(office, "sign_in.html"), methods=["GET"]),
        Route("/sign-in", _take(office, "sign_in.html"), methods=["POST"]),
        Route(_LINK, _form(office, "sign_in_link.html"), methods=["GET"]),
        Route(_LINK, _take(office, "sign_in_link.html"), methods=["POST"]),
        Route("/sign-out", _sign_out(office), methods=["POST"]),
    ]


def own_path(text: str) -> str:
    """A path of ours to go on to after signing in; `/` for anything else."""
    parts = urlsplit(text)
    plain = text.isascii() and text.isprintable() and "\\" not in text
    ours = not parts.scheme and not parts.netloc and text.startswith("/") and not text.startswith("//")
    return text if plain and ours else "/"


type Endpoint = Callable[[Request], Awaitable[Response]]


def _form(office: Office, template: str) -> Endpoint:
    async def form(request: Request) -> Response:
        return render(office, template, wanted=own_path(request.query_params.get("next", "/")), trouble=None)

    return form


def _take(office: Office, template: str) -> Endpoint:
    async def take(request: Request) -> Response:
        wanted = "/"
        try:
            form = await read_form(request)
            wanted = own_path(form.get("next", "/"))
            begun = await office.runtime.ask(None, "sessions.begin", _presented(form))
        except ControlError as error:
            status = STATUS[error.code]
            return render(office, template, status, wanted=wanted, trouble=error)
        except Fault as fault:
            return render(office, template, 503, wanted=wanted, trouble=fault)
        await _end(office, request)  # whatever session this browser had is over
        answer = RedirectResponse("/account" if begun["began"] == "link" else wanted, 303)
        answer.headers["Set-Cookie"] = office.site.set_cookie(begun["token"], _SECONDS)
        return answer

    return take


def _presented(form: dict[str, str]) -> dict[str, str]:
    given = {name: form[name] for name in ("person", "password", "link") if form.get(name)}
    if not given or ("link" not in given and len(given) < 2):
        raise ControlError(Code.BAD_REQUEST, "say who you are, and your password")
    return given


def _sign_out(office: Office) -> Endpoint:
    async def sign_out(request: Request) -> Response:
        token = office.site.session(request.headers.get("cookie", ""))
        if token is not None:
            try:
                form = await read_form(request)
                check_csrf(token, form.get("csrf"))
            except ControlError as error:
                return render(office, "trouble.html", 403, message=error.message, hint=error.hint, code=403)
            await _end(office, request)
        answer = RedirectResponse("/sign-in", 303)
        answer.headers["Set-Cookie"] = office.site.set_cookie("", 0)
        return answer

    return sign_out


async def _end(office: Office, request: Request) -> None:
    token = office.site.session(request.headers.get("cookie", ""))
    if token is not None:
        try:
            await office.runtime.ask(token, "sessions.end")
        except Fault:
            return  # it had ended already, or ends with the proxy
