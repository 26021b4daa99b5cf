"""One visit to a page: who it is, what they sent, and the ways to answer.

Rules: nobody sees a page who has not signed in; who they are and what they may is asked of the proxy, each
time. A form holds a secret that only pages of the same session have; without it nothing is changed.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, quote

from jinja2 import Environment
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from wharfinger.control.dispatcher import Role
from wharfinger.control.office.changes import Changes
from wharfinger.control.office.known import Configurations, Loaded
from wharfinger.control.office.runtime import Runtime
from wharfinger.control.office.shelf import Shelf
from wharfinger.control.office.site import Site
from wharfinger.control.office.tail import Tail
from wharfinger.control.protocol import Code, ControlError

_BODY_SECONDS = 10.0
_FIELDS = 200
TOKEN_FIELD = "csrf"  # noqa: S105 - the name of a field
TOKEN_HEADER = "x-csrf-token"  # noqa: S105 - the name of a header


@dataclass(frozen=True, slots=True)
class Office:
    """What pages work with."""

    site: Site
    runtime: Runtime
    tail: Tail
    templates: Environment
    configurations: Configurations = field(default_factory=Configurations)
    changes: Changes = field(default_factory=Changes)

    @property
    def shelf(self) -> Shelf:
        """The built-in tool files."""
        return self.configurations.shelf


@dataclass(frozen=True, slots=True)
class Person:
    """Who is signed in, as the proxy said for this visit."""

    name: str
    role: Role
    session: str
    """Id of their session."""
    has_password: bool

    def may(self, role: str) -> bool:
        """Whether they have this role, or one above it."""
        return self.role >= Role[role.upper()]


@dataclass(slots=True)
class Visit:
    """See the module's head."""

    request: Request
    office: Office
    token: str
    """Of the session."""
    person: Person
    background: bool = False
    """Whether a page renews itself, rather than a person asking for it."""
    form: Mapping[str, str] = field(default_factory=dict)
    """The fields of a POST, whose secret has been checked."""

    @property
    def query(self) -> Mapping[str, str]:
        """The parameters of the address."""
        return self.request.query_params

    @property
    def path(self) -> Mapping[str, str]:
        """The variable parts of the path."""
        return self.request.path_params

    async def ask(self, action: str, /, **args: Any) -> Any:
        """Have a control action done by this person; see `Runtime.ask`. What is None is left out."""
        given = {name: value for name, value in args.items() if value is not None}
        return await self.office.runtime.ask(self.token, action, given, background=self.background)

    async def configuration(self) -> Loaded:
        """The configuration in force."""
        return await self.office.configurations.current(self.ask)

    def page(self, template: str, /, status: int = 200, **values: Any) -> Response:
        """A page, or a part of one."""
        return render(self.office, template, status, visit=self, me=self.person, **values)

    def to(self, path: str) -> Response:
        """Go on to another page of ours, by GET."""
        return RedirectResponse(path, 303)

    @property
    def csrf(self) -> str:
        """What a form of this session holds."""
        return csrf(self.token)


type Work = Callable[[Visit], Awaitable[Response]]


def csrf(token: str) -> str:
    """The secret of a session's forms: it tells nothing of the session's token."""
    return hmac.new(token.encode(), b"wharfinger form 1", hashlib.sha256).hexdigest()


def render(office: Office, template: str, status: int = 200, **values: Any) -> Response:
    """A page for anyone."""
    text = office.templates.get_template(template).render(office=office, now=datetime.now(UTC), **values)
    return HTMLResponse(text, status)


async def whoever(office: Office, token: str, *, background: bool = False) -> Person:
    """Whose session it is; raises `ControlError` (signed out) where it is none."""
    said = await office.runtime.ask(token, "sessions.show", background=background)
    return Person(said["person"], Role[said["role"].upper()], said.get("id", ""), said["password"] is True)


async def read_form(request: Request) -> dict[str, str]:
    """The fields of a form; raises `ControlError` for what is not one, or names a field twice."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise ControlError(Code.BAD_REQUEST, "this is not a form")
    body = await read_body(request)
    try:
        pairs = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, strict_parsing=bool(body), errors="strict",
            max_num_fields=_FIELDS,
        )  # fmt: skip
    except ValueError:
        raise ControlError(Code.BAD_REQUEST, "this form cannot be read") from None
    if len(dict(pairs)) != len(pairs):
        raise ControlError(Code.BAD_REQUEST, "a field of this form stands twice")
    return dict(pairs)


async def read_body(request: Request) -> bytes:
    """The body, if it comes soon; its size is bounded by the guard."""
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            return await request.body()
    except TimeoutError:
        raise ControlError(Code.BAD_REQUEST, "the request did not come to its end") from None


def check_csrf(token: str, given: str | None) -> None:
    """Raise `ControlError` unless this came from a page of the same session."""
    if given is None or not hmac.compare_digest(csrf(token).encode(), given.encode("utf-8", "replace")):
        raise ControlError(
            Code.FORBIDDEN,
            "this form is not of your present session",
            "open the page again, and send it again",
        )


def sign_in_path(request: Request) -> str:
    """Where to sign in, and come back from to where one wanted to go."""
    path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return "/sign-in" if path == "/" or request.method != "GET" else f"/sign-in?next={quote(path)}"
