"""How agents come in at a listener: as to a proxy, as to the server of one API, or as to any server.

Whichever it is, the request that comes of it goes one and the same way. Where a client names no proxy, it is
the listener (`Reverse`) or the TLS server name (`Transparent`) that says where it goes, never an address, and
never a `Host` alone on an encrypted connection.
"""

from __future__ import annotations

from dataclasses import dataclass

from mitmproxy import http
from wharfinger.rules import doors
from wharfinger.rules.requests import spelling
from wharfinger.rules.requests.refusal import Refused

UNNAMED = "unnamed.invalid"
"""Where a request goes whose `Host` has not been read: nowhere."""

_OF_BROWSERS = ("origin", "sec-fetch-site")
"""Fields that a browser puts into what its pages ask of others, and that no page can take out."""


@dataclass(frozen=True, slots=True)
class Reverse:
    """As to the server of one API: it is a door of the settings, and leads to `host` and `port` alone."""

    host: str
    port: int
    listens: tuple[str, int]

    @property
    def authority(self) -> str:
        """The `Host` of what goes there."""
        return self.host if self.port == 443 else f"{self.host}:{self.port}"

    def enter(self, request: http.Request) -> tuple[str, str] | None:
        """Make `request` one to the API: the login that stood in its path. Raises `Refused`.

        Its `Host` must be this door's own, so that no page reaches it by a name that leads here.
        """
        if any(name in request.headers for name in _OF_BROWSERS):
            raise Refused("a door to an API is not for pages in a browser")
        address, port = self.listens
        if _host(request) not in {(address, port), ("localhost", port)}:
            raise Refused(
                "the Host is not that of this door", "Use the base URL as `wharfinger env` prints it."
            )
        request.headers["host"] = self.authority
        login, path = doors.read_login(request.data.path.decode("latin-1"))
        request.data.path = path.encode("latin-1")
        return login


@dataclass(frozen=True, slots=True)
class Transparent:
    """As to any server: the connections of a namespace, whatever address they were meant for."""

    port: int
    """That they were meant for."""

    def named(self, server_name: str | None) -> tuple[str, int] | None:
        """Where an encrypted connection leads, None where its server name is none."""
        try:
            host = spelling.host(server_name or "")
        except Refused:
            return None
        return None if is_address(host) else (host, self.port)

    def enter(self, request: http.Request) -> None:
        """Have a request that is not encrypted go where its `Host` says. Raises `Refused`."""
        host, port = _host(request)
        if port != self.port:
            raise Refused("the port of the Host is not the one that was connected to")
        request.data.host, request.data.port = host, port


def is_address(host: str) -> bool:
    """Whether a host, in canonical form, is an address and no name."""
    return host.startswith("[") or host.replace(".", "").isdigit()


type Way = Reverse | Transparent | None
"""None: as to a proxy."""


def _host(request: http.Request) -> tuple[str, int]:
    hosts = request.headers.get_all("host")
    if len(hosts) != 1:
        raise Refused("a request has one Host")
    return spelling.authority(hosts[0], 80)
