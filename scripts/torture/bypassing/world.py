"""The names and addresses of the trials: a small Internet on the loopback of a network namespace of its own.

The addresses of the origins are public ones, so nothing in the configuration has to open a private address
to the proxy. Connections to any other address of the namespace are counted by traps.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Final

API, OTHER, QUERY = "api.example.com", "other.example.com", "query.example.com"
OPEN, PLAIN, FILES = "open.example.com", "plain.example.com", "files.example.com"
CDN, CHAT, EVIL = "cdn.example.com", "chat.example.com", "evil.example"
ODD = "odd.example.com"
"""Where keys go that are written oddly: see `values`."""
BROKEN = "broken.example.com"
"""Below it are origins that are not what they should be: see `broken`."""
BAD_CERTIFICATES: Final = (
    "expired", "early", "unknown", "self", "other", "suffix", "wild", "partial", "named", "purpose",
)  # fmt: skip
_KINDS: Final = (
    *BAD_CERTIFICATES, "closes", "resets", "hangs", "babbles", "plain", "alerts", "silent", "gone", "half",
    "half-gone", "short", "short-silent", "chunk", "chunks", "well",
)  # fmt: skip
BROKEN_ADDRESSES: Final[Mapping[str, str]] = {
    f"93.184.215.{number}": f"{kind}.{BROKEN}" for number, kind in enumerate(_KINDS, 100)
}
MUTE = f"mute.{BROKEN}"
"""A name that the name server never answers for."""
PROXY: Final = ("127.0.0.1", 8080)
CONSOLE: Final = ("127.0.0.1", 8081)

ADDRESSES: Final[Mapping[str, str]] = (
    {
        name: f"93.184.215.{number}"
        for number, name in enumerate((API, OTHER, QUERY, OPEN, PLAIN, FILES, CDN, CHAT, ODD), 10)
    }
    | {EVIL: "93.184.215.66"}
    | {name: address for address, name in BROKEN_ADDRESSES.items()}
)
"""What the name server answers for each host, and where its origin listens."""

PRIVATE: Final = (
    "10.0.0.5", "172.16.0.1", "192.168.1.1", "100.64.0.1", "169.254.169.254", "168.63.129.16",
    "100.100.100.200", "192.0.0.192", "192.0.2.7", "198.18.0.9", "203.0.113.8",
)  # fmt: skip
"""Addresses of the namespace that nothing may be sent to; loopback is another."""
PRIVATE_6: Final = ("fd00:ec2::254", "fc00::7", "fe80::5", "2001:db8::1")
NUMBERS: Final[Mapping[str, str]] = {address: name for name, address in ADDRESSES.items()}
TRAP_PORTS: Final = (80, 443, 22, 25, 53, 444, 3128, 5353, 6379, 8443, 9000)
"""Ports on which something listens, on every address."""

ALIAS: Final = "alias.example.com"
"""A name that only the hosts file knows: 10.0.0.5."""
INTERNAL: Final[Mapping[str, str]] = {
    f"n{number:02}.rebind.example.com": address
    for number, address in enumerate(
        (
            "127.0.0.1", "127.8.8.8", "0.0.0.0", *PRIVATE, "224.0.0.1", "255.255.255.255", "240.0.0.1",
            "::1", "::", "::ffff:127.0.0.1", "::ffff:10.0.0.5", "::ffff:169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::a9fe:a9fe", "2002:a9fe:a9fe::", "2002:7f00:1::1", "fd00:ec2::254", "fc00::7",
            "fe80::5", "fec0::1", "ff02::1", "2001:db8::1", "::a00:5", "fe80::5efe:a00:5", "100::1",
            "3fff::1", "2001:0:a00:5::1", "5f00::1",
        )
    )
}  # fmt: skip
"""Names that policy allows and that resolve to what must not be dialled."""
SHIFTY: Final[Mapping[str, str]] = {
    f"{how}{number}.rebind.example.com": how
    for how in ("mixed", "mixed6", "later", "cname", "alternate")
    for number in range(6)
}
"""Names that policy allows, and how their answers change: see `names`."""
REBOUND: Final = (*INTERNAL, *SHIFTY)


def is_trap(address: str) -> bool:
    """Whether nothing may ever be sent to this address."""
    plain = ipaddress.ip_address(address)
    mapped = plain.ipv4_mapped if isinstance(plain, ipaddress.IPv6Address) else None
    return str(mapped or plain) not in NUMBERS
