"""mitmproxy's options: set once, locked, and checked for what is in force.

Each value below keeps a way around the gate shut; why is said beside it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from mitmproxy import exceptions
from mitmproxy.options import Options

LOCKED: Mapping[str, Any] = {
    "connection_strategy": "lazy",  # eager opens upstream before any hook has decided
    "upstream_cert": False,  # would look at the upstream's certificate first
    "rawtcp": False,  # bytes that are not HTTP would be relayed
    "websocket": False,  # no tool of this version declares one
    "http2": False,  # mitmproxy's own, which keeps what a slow peer does not read: ours is `http2`
    "http3": False,
    "ssl_insecure": False,
    "validate_inbound_headers": True,  # conflicting framing
    "normalize_outbound_headers": True,
    "ignore_hosts": [],  # ignored hosts become raw TCP
    "allow_hosts": [],
    "tcp_hosts": [],
    "udp_hosts": [],
    "show_ignored_hosts": False,
    "stream_large_bodies": None,  # would send a body before it is decided
    "store_streamed_bodies": False,
    "body_size_limit": None,  # our own limit knows streamed tools and answers in our words
    "keep_host_header": False,
    "proxy_debug": False,  # would log sealed requests
    "add_upstream_certs_to_client_chain": False,
    "client_certs": None,
    "certs": [],
    "connect_addr": None,
    "showhost": False,  # shows the spoofable Host
    "mode": ["regular"],
    "server": True,
    "ssl_verify_upstream_trusted_ca": None,
    "ssl_verify_upstream_trusted_confdir": None,
}

KEY_LOGS = ("SSLKEYLOGFILE", "MITMPROXY_SSLKEYLOGFILE")
"""Variables that make a TLS stack write its session keys to a file."""


class Unsafe(RuntimeError):
    """The proxy would not keep its promises; the message names every reason."""


class OptionLock:
    """The last addon: vetoes every change of a locked option, which mitmproxy then rolls back."""

    name = "optionlock"

    def __init__(self, options: Options) -> None:
        self._options = options

    def configure(self, updated: set[str]) -> None:
        """Raise `OptionsError` for a locked option that was changed."""
        changed = [
            name for name in updated if name in LOCKED and getattr(self._options, name) != LOCKED[name]
        ]
        if changed:
            raise exceptions.OptionsError(f"locked: {', '.join(sorted(changed))}")


def deviations(options: Options) -> list[str]:
    """Locked options whose value in force is another, and key logs that are switched on."""
    wrong = [
        f"option {name} is {getattr(options, name, 'missing')!r}, not {value!r}"
        for name, value in LOCKED.items()
        if name not in options or getattr(options, name) != value
    ]
    wrong.extend(f"{name} is set in the environment" for name in KEY_LOGS if os.environ.get(name))
    return wrong
