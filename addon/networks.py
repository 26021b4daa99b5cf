"""Addresses that are not to be dialled: what no setting may name, and what needs one.

Sources: the IANA special-purpose address registries (RFC 6890 and successors); 168.63.129.16 and
100.100.100.200 are the cloud metadata addresses of Azure and Alibaba, fd00:ec2::254 that of AWS.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection

type Address = ipaddress.IPv4Address | ipaddress.IPv6Address
type Network = ipaddress.IPv4Network | ipaddress.IPv6Network

NEVER = tuple(
    map(
        ipaddress.ip_network,
        (
            "0.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "240.0.0.0/4", "168.63.129.16/32",
            "100.100.100.200/32", "192.0.0.192/32", "::/128", "fe80::/10", "fec0::/10", "ff00::/8",
            "fd00:ec2::/32",
        ),
    )
)  # fmt: skip
"""Link-local, and with it the metadata services; multicast; unspecified."""
PRIVATE = tuple(
    map(
        ipaddress.ip_network,
        (
            "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24",
            "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
            "::1/128", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "3fff::/20", "5f00::/16",
            "fc00::/7",
        ),
    )
)  # fmt: skip
"""Loopback, private, carrier-grade NAT and reserved ranges."""
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_V4_COMPATIBLE = ipaddress.ip_network("::/96")


def embedded(address: Address) -> tuple[Address, ...]:
    """The address and every IPv4 address it carries."""
    if isinstance(address, ipaddress.IPv4Address):
        return (address,)
    inner: list[Address] = [address]
    if address.ipv4_mapped:
        inner.append(address.ipv4_mapped)
    if address.sixtofour:
        inner.append(address.sixtofour)
    if address.teredo:
        inner.extend(address.teredo)
    low = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    isatap = (int(address) >> 32) & 0xFDFFFFFF == 0x00005EFE
    if address in _NAT64 or (address in _V4_COMPATIBLE and int(address) > 1) or isatap:
        inner.append(low)
    return tuple(inner)


def within(address: Address, networks: Collection[Network]) -> bool:
    """Whether the address is in one of the networks."""
    return any(address.version == network.version and address in network for network in networks)


def may_dial(address: Address, private: Collection[Network]) -> bool:
    """Whether an address may be dialled, by whoever may reach these private networks."""
    parts = embedded(address)
    if any(within(part, NEVER) for part in parts):
        return False
    if not any(within(part, PRIVATE) for part in parts):
        return True
    return len(parts) == 1 and within(address, private)
