"""`upstream.proxy`: another proxy that everything goes out through (DESIGN 5.1)."""

from __future__ import annotations

from typing import Any, ClassVar
from urllib.parse import urlsplit

from pydantic import Field, field_validator
from wharfinger.rules.models.base import Text, Written, wrong
from wharfinger.rules.models.values import PlainHost, Variable
from wharfinger.rules.requests import spelling
from wharfinger.rules.requests.refusal import Refused
from wharfinger.rules.requests.spelling import covers

_PORTS = {"http": 80, "https": 443}


class UpstreamProxy(Written):
    """A proxy that is asked for a tunnel (CONNECT) to every upstream, but for those named."""

    short: ClassVar[dict[str, Any] | None] = {"type": "string", "pattern": "^https?://"}
    remedies: ClassVar[dict[str, str]] = {
        "user": "write `credential`, and the login in credentials.yaml",
        "password": "write `credential`, and the login in credentials.yaml",
    }

    url: Text = Field(description="http:// or https://, its host and port.")
    credential: Variable = Field(default="", description="The credential to sign in with, of the kind basic.")
    direct: tuple[PlainHost, ...] = Field(
        default=(), description="Hosts that are dialled without it; those that `resolve` pins always are."
    )

    @classmethod
    def normal(cls, data: Any) -> Any:
        """The URL alone stands for a mapping."""
        return {"url": data} if isinstance(data, str) else data

    @field_validator("url")
    @classmethod
    def _is_origin(cls, value: str) -> str:
        parts = urlsplit(value)
        try:
            good = spelling.host(parts.netloc.rpartition("@")[2].rpartition(":")[0] or parts.netloc)
            port = parts.port
        except (ValueError, Refused):
            good, port = "", None
        if parts.username is not None or parts.password is not None:
            raise wrong("a login is never written in a file", "write `credential`, of the kind basic")
        if parts.scheme not in _PORTS or not good or port == 0 or parts.path.strip("/") or parts.query:
            raise wrong("this is not the URL of a proxy", "write it like http://proxy.corp.example:3128")
        return value

    @property
    def host(self) -> str:
        """Its host, in canonical form."""
        return str(urlsplit(self.url).hostname)

    @property
    def port(self) -> int:
        """Its port."""
        return urlsplit(self.url).port or _PORTS[urlsplit(self.url).scheme]

    @property
    def secure(self) -> bool:
        """Whether it is spoken to over TLS."""
        return urlsplit(self.url).scheme == "https"

    def serves(self, name: str) -> bool:
        """Whether a host is reached through it."""
        return not any(covers(pattern, name) for pattern in self.direct)
