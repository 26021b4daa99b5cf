"""`doors`: listeners of which each leads to one API, for clients that take a base URL (DESIGN 5.1).

A door listens on loopback only: what comes there is not encrypted.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, WithJsonSchema, field_validator
from wharfinger.rules.models.base import Written, wrong
from wharfinger.rules.models.values import Endpoint, Listen
from wharfinger.rules.requests import spelling
from wharfinger.rules.requests.refusal import Refused

_HTTPS: Final = "https://"


def origin(value: Any) -> Endpoint:
    """`https://api.example.com` as host and port."""
    if not isinstance(value, str) or not value.startswith(_HTTPS):
        raise wrong("this is not the origin of an API", "write it like https://api.example.com")
    try:
        return Endpoint(*spelling.authority(value.removeprefix(_HTTPS).removesuffix("/"), 443))
    except Refused:
        raise wrong(
            f'"{value}" is not the origin of an API', "write scheme, host and port alone, without a path"
        ) from None


Origin = Annotated[
    Endpoint,
    BeforeValidator(origin),
    WithJsonSchema({"type": "string", "pattern": "^https://[^/?#@\\s]+/?$"}),
]


@dataclass(frozen=True, slots=True)
class Base:
    """The URL that an API's paths stand below: where it is, and its own path, empty or `/v1`."""

    origin: Endpoint
    path: str


def base(value: Any) -> Base:
    """`https://api.example.com/v1` as what it says."""
    if not isinstance(value, str):
        raise wrong("expected a URL", "write it like https://api.example.com/v1")
    parts = urlsplit(value)
    path = parts.path.rstrip("/")
    if parts.query or parts.fragment or f"{_HTTPS}{parts.netloc}{parts.path}" != value:
        raise wrong(f'"{value}" is not the base of an API', "write it like https://api.example.com/v1")
    try:
        spelling.target(path or "/")
    except Refused:
        raise wrong(f'the path of "{value}" can be read in two ways', "write plain segments") from None
    return Base(origin(f"{_HTTPS}{parts.netloc}"), path)


BaseUrl = Annotated[
    Base, BeforeValidator(base), WithJsonSchema({"type": "string", "pattern": "^https://[^?#\\s]+$"})
]


class Door(Written):
    """A listener for one API: what comes there goes to that API, the way that all requests go."""

    listen: Listen = Field(description="Address and port, on loopback: 127.0.0.1:8101.")
    to: Origin = Field(description="The API: https://, its host, and its port if it is not 443.")

    @field_validator("listen")
    @classmethod
    def _on_loopback(cls, value: Endpoint) -> Endpoint:
        try:
            address = ipaddress.ip_address(value.host)
        except ValueError:
            address = None
        if not isinstance(address, ipaddress.IPv4Address) or not address.is_loopback:
            raise wrong(
                f'"{value}" is not an IPv4 address of loopback, and what comes to a door is not encrypted',
                "write it like 127.0.0.1:8101",
            )
        if value.port == 0:
            raise wrong("a door needs a port that agents can be told", "write it like 127.0.0.1:8101")
        return value

    @property
    def url(self) -> str:
        """Where it is, for clients."""
        return f"http://{self.listen}"


def check_apart(doors: Iterable[Door], taken: Iterable[Endpoint]) -> None:
    """Raise for two listeners of one port, and for two doors to one API."""
    ports = {listen.port for listen in taken if listen.port}
    led: set[Endpoint] = set()
    for door in doors:
        if door.listen.port in ports:
            raise wrong(f"two listeners have the port {door.listen.port}", "give each of them its own")
        if door.to in led:
            raise wrong(f"two doors lead to {door.to}", "remove one of them")
        ports.add(door.listen.port)
        led.add(door.to)
