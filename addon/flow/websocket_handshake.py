"""How a WebSocket is opened (RFC 6455 section 4): two handshakes, one on each side of the proxy.

To the agent the proxy is the server, to the upstream the client, each with a key of its own. So of what the
agent chose only the subprotocols go upstream, and what the upstream has to prove is proven to the proxy. No
extension is offered to the upstream or granted to the agent: messages are plain on both sides.
"""

from __future__ import annotations

from mitmproxy import http
from wsproto.utilities import generate_accept_token, generate_nonce

_UPGRADE = ((b"Connection", b"Upgrade"), (b"Upgrade", b"websocket"))
_KEY = "sec-websocket-key"
_PROTOCOL = "sec-websocket-protocol"
_EXTENSIONS = "sec-websocket-extensions"


class NotSwitched(Exception):
    """The upstream's 101 is not an answer to the handshake; the message says why."""


def asking() -> list[tuple[bytes, bytes]]:
    """The fields of a request that ask the upstream for a WebSocket, under a fresh key."""
    return [*_UPGRADE, (b"Sec-WebSocket-Version", b"13"), (b"Sec-WebSocket-Key", generate_nonce())]


def asks(request: http.Request | None) -> bool:
    """Whether a sealed copy asks for a WebSocket."""
    return request is not None and _KEY in request.headers


def granting(agent: http.Request, asked: http.Request, response: http.Response) -> list[tuple[bytes, bytes]]:
    """The fields of the 101 for the agent's own request, once the upstream's has been checked.

    `asked` is the sealed copy. Raises `NotSwitched`.
    """
    fields = response.headers
    if _tokens(fields, "upgrade") != ["websocket"] or "upgrade" not in _tokens(fields, "connection"):
        raise NotSwitched("it does not switch to WebSocket")
    if fields.get_all("sec-websocket-accept") != [_accept(asked)]:
        raise NotSwitched("it does not prove that the handshake was read")
    if fields.get_all(_EXTENSIONS):
        raise NotSwitched("it uses an extension that was not offered")
    granted = [*_UPGRADE, (b"Sec-WebSocket-Accept", _accept(agent).encode())]
    if chosen := fields.get_all(_PROTOCOL):
        offered = [name for value in asked.headers.get_all(_PROTOCOL) for name in _split(value)]
        if len(chosen) != 1 or chosen[0].strip() not in offered:
            raise NotSwitched("it chose a subprotocol that was not offered")
        granted.append((b"Sec-WebSocket-Protocol", chosen[0].strip().encode("latin-1")))
    return granted


def _accept(request: http.Request) -> str:
    token: bytes = generate_accept_token(request.headers[_KEY].strip().encode("latin-1"))
    return token.decode("ascii")


def _tokens(fields: http.Headers, name: str) -> list[str]:
    return [token.lower() for value in fields.get_all(name) for token in _split(value)]


def _split(value: str) -> list[str]:
    return [part.strip() for part in value.split(",")]
