"""Where the office is: the hosts and origins it answers to, and the cookie it knows people by."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

_NAMES = ("127.0.0.1", "localhost", "[::1]", "wharfinger.localhost")
"""The last is no other site's: browsers send a cookie to every port of a host, so that a page on another
port of 127.0.0.1 gets ours, too."""


@dataclass(frozen=True, slots=True)
class Site:
    """One office: on loopback, and at the address that it has for others if there is one."""

    port: int
    public: str = ""
    """Origin at which a proxy with a certificate passes on to us, such as https://wharf.example.com."""

    @classmethod
    def of(cls, port: int, url: str = "") -> Site:
        """The office at `port`, for others at `url`."""
        parts = urlsplit(url)
        return cls(port, f"{parts.scheme}://{parts.netloc}".lower() if parts.netloc else "")

    @property
    def hosts(self) -> frozenset[str]:
        """The `Host` headers it answers to."""
        own = {f"{name}:{self.port}" for name in _NAMES}
        return frozenset(own | ({self.public.partition("://")[2]} if self.public else set()))

    @property
    def origins(self) -> frozenset[str]:
        """The `Origin` headers of its own pages."""
        own = {f"http://{name}:{self.port}" for name in _NAMES}
        return frozenset(own | ({self.public} if self.public else set()))

    @property
    def secure(self) -> bool:
        """Whether browsers come by https."""
        return self.public.startswith("https://")

    @property
    def cookie(self) -> str:
        """Name of the session's cookie. `__Host-` binds it to its host, which needs https (or, for some
        browsers, loopback); the port keeps the offices of one machine apart.
        """
        return f"{'__Host-' if self.secure else ''}wharfinger-{self.port}"

    def set_cookie(self, token: str, seconds: int) -> str:
        """The header that gives it; with 0 seconds, the one that takes it back."""
        secure = "; Secure" if self.secure else ""
        return f"{self.cookie}={token}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}"

    def session(self, cookies: str) -> str | None:
        """The token in a `Cookie` header. None where there is more than one: then one is not ours."""
        pairs = [part.strip().partition("=") for part in cookies.split(";")]
        found = [value for name, _, value in pairs if name == self.cookie]
        return found[0] if len(found) == 1 and found[0] else None
