"""What every request to the office must pass, and every answer carries, before and after any page.

Rules: only our own Host is answered, which keeps other sites from reading us by DNS rebinding. Nothing is
changed by GET or HEAD. Anything else comes from our own pages, as the browser says in `Origin`, or from a
machine that presents its token. What a request may weigh is bounded. Nothing of it is logged.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from wharfinger.control.office.site import Site

_log = logging.getLogger(__name__)

BODY_LIMIT = 64 * 1024
URL_LIMIT = 8 * 1024
SAFE = frozenset({"GET", "HEAD"})
SIGNED = frozenset({"/channels/slack"})
"""Where servers of others post what they sign themselves, with neither an origin nor a session."""
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Not no-referrer: browsers then say `Origin: null` with the forms of our own pages.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cache-Control": "no-store",
}


class TooLarge(Exception):
    """A request has a longer body than is read."""


class Guard:
    """See the module's head."""

    def __init__(self, app: ASGIApp, site: Site) -> None:
        self._app = app
        self._site = site

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            raise RuntimeError("the office speaks HTTP only")
        begun = False

        async def answer(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        refused = self._refused(scope)
        if refused is not None:
            await refused(scope, receive, answer)
            return
        try:
            await self._app(scope, _bounded(receive), answer)
        except TooLarge:
            if not begun:
                await _problem(413, f"a body is at most {BODY_LIMIT} bytes long")(scope, receive, answer)
        except Exception as error:
            _log.exception("a page failed: %s", type(error).__name__)
            if begun:
                raise
            await _problem(500, "internal error")(scope, receive, answer)

    def _refused(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        if len(hosts) != 1 or hosts[0] not in self._site.hosts:
            return _problem(421, "this host is not served here")
        if len(scope["raw_path"]) + len(scope["query_string"]) > URL_LIMIT:
            return _problem(414, f"an address is at most {URL_LIMIT} bytes long")
        if scope["method"] in SAFE:
            return None
        length = headers.get("content-length", "0")
        if not (length.isascii() and length.isdigit()) or int(length) > BODY_LIMIT:
            return _problem(413, f"a body is at most {BODY_LIMIT} bytes long")
        if scope["path"] not in SIGNED and not self._ours(headers):
            return _problem(403, "this did not come from a page of this console")
        return None

    def _ours(self, headers: Headers) -> bool:
        """Whether a request that may change something was made by our own page, or by a machine."""
        origins, sites = headers.getlist("origin"), headers.getlist("sec-fetch-site")
        if any(site != "same-origin" for site in sites):
            return False
        if origins:
            return len(origins) == 1 and origins[0] in self._site.origins and _same(origins, headers)
        return is_bearer(headers.getlist("authorization"))


def is_bearer(values: Iterable[str]) -> bool:
    """Whether an Authorization header presents a token, as no browser does of itself."""
    given = list(values)
    return len(given) == 1 and given[0][:7].lower() == "bearer "


def _same(origins: list[str], headers: Headers) -> bool:
    return origins[0].partition("://")[2] == headers["host"]


def _problem(status: int, message: str) -> JSONResponse:
    return JSONResponse({"error": {"code": _CODES[status], "message": message}}, status)


_CODES = {403: "forbidden", 413: "too_large", 414: "too_large", 421: "misdirected", 500: "internal"}


def _bounded(receive: Receive) -> Receive:
    read = 0

    async def bounded() -> Message:
        nonlocal read
        message = await receive()
        if message["type"] == "http.request":
            read += len(message.get("body", b""))
            if read > BODY_LIMIT:
                raise TooLarge
        return message

    return bounded
