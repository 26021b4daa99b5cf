"""Logins that are bound to a connection (NTLM, Negotiate), which a proxy cannot pass on.

RFC 4559 and MS-NTHT authenticate the TCP connection, not the request: what comes later on it would be the
same user's, whoever sent it.
"""

from __future__ import annotations

import re
from typing import Final

_BOUND: Final = re.compile(r"(?:^|,)[ \t]*(?:ntlm|negotiate|kerberos)(?=$|[ \t,])", re.ASCII | re.IGNORECASE)


def binds(value: str) -> bool:
    """Whether an `Authorization` or `WWW-Authenticate` field speaks of such a login."""
    return _BOUND.search(value) is not None
