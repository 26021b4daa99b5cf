"""From mitmproxy's request to ours: the only reading of a flow that decides anything.

Wire bytes become `str` by latin-1, one character per byte. The destination is where the connection
goes (the CONNECT authority, or the authority of an absolute-form target), never the `Host` field,
SNI or `pretty_host`.
"""

from __future__ import annotations

from mitmproxy import http
from wharfinger.rules.types import Request


def read(request: http.Request, agent: str, body: bytes | None, opening: bytes | None = None) -> Request:
    """The `Request` that policy sees; `body` is None while it has not been read.

    `opening` is what has been read of a body that is not read whole.
    """
    data = request.data
    return Request(
        agent=agent,
        method=data.method.decode("latin-1"),
        scheme=data.scheme.decode("latin-1"),
        host=data.host,
        port=data.port,
        target=data.path.decode("latin-1"),
        headers=tuple(
            (name.decode("latin-1"), value.decode("latin-1")) for name, value in data.headers.fields
        ),
        body=body,
        http_version=data.http_version.decode("latin-1"),
        opening=opening,
    )
