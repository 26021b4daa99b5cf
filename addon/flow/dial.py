"""Resolve once, check every address, dial the address that was checked.

Refused always: what no policy may name (link-local and with it the metadata services, multicast,
unspecified, the runtime's own listeners). Refused unless `resolve` or `network.private` pins that address
to that very name: loopback, private, CGNAT, reserved ranges, and IPv6 forms that carry such an IPv4
address. Sources: the IANA special-purpose address registries (RFC 6890 and successors); 168.63.129.16
and 100.100.100.200 are the cloud metadata addresses of Azure and Alibaba, fd00:ec2::254 that of AWS.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Callable, Collection

from wharfinger.rules.models.settings import Settings
from wharfinger.rules.spelling import covers

type Address = ipaddress.IPv4Address | ipaddress.IPv6Address
type Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_NEVER = tuple(
    map(
        ipaddress.ip_network,
        (
            "0.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "240.0.0.0/4", "168.63.129.16/32",
            "100.100.100.200/32", "192.0.0.192/32", "::/128", "fe80::/10", "fec0::/10", "ff00::/8",
            "fd00:ec2::/32",
        ),
    )
)  # fmt: skip
_PRIVATE = tuple(
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
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_V4_COMPATIBLE = ipaddress.ip_network("::/96")

CONNECT_TIMEOUT = 15.0
"""Seconds for one TCP connection to be made."""
RESOLVE_TIMEOUT = 10.0
"""Seconds for one name to be resolved."""


class DialRefused(OSError):
    """A place that may not be dialled, or a name without an address that may."""


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


def _within(address: Address, networks: Collection[Network]) -> bool:
    return any(address.version == network.version and address in network for network in networks)


class Dialer:
    """Opens upstream connections. Holds no policy but that of addresses."""

    def __init__(
        self,
        settings: Callable[[], Settings],
        own_listeners: Callable[[], Collection[tuple[str, int]]],
    ) -> None:
        self._settings = settings
        self._own = own_listeners

    def allowed(self, name: str, address: Address) -> bool:
        """Whether `name` may resolve to `address`."""
        parts = embedded(address)
        if any(_within(part, _NEVER) for part in parts):
            return False
        if not any(_within(part, _PRIVATE) for part in parts):
            return True
        private = self._settings().network.private
        return len(parts) == 1 and any(
            covers(pattern, name) and _within(address, networks) for pattern, networks in private.items()
        )

    def _is_own(self, address: Address, port: int) -> bool:
        for host, own_port in self._own():
            if port != own_port:
                continue
            listener = ipaddress.ip_address(host)
            for part in embedded(address):
                if part == listener or listener.is_unspecified or part.is_loopback:
                    return True
        return False

    async def resolve(self, name: str, port: int) -> list[tuple[Address, int]]:
        """Addresses to dial for `name`, all checked. Raises `DialRefused`."""
        pin = self._settings().pin(name, port)
        if pin is not None:
            pinned = ipaddress.ip_address(pin.address)
            dialled = pin.port or port
            if any(_within(part, _NEVER) for part in embedded(pinned)) or self._is_own(pinned, dialled):
                raise DialRefused(f"{name} is pinned to an address that is never dialled")
            return [(pinned, dialled)]
        found = await self._look_up(name, port)
        for address in found:
            if not self.allowed(name, address) or self._is_own(address, port):
                raise DialRefused(f"{name} resolves to an address that may not be dialled")
        return [(address, port) for address in found]

    async def _look_up(self, name: str, port: int) -> list[Address]:
        try:
            return [ipaddress.ip_address(name.strip("[]"))]
        except ValueError:
            pass
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(RESOLVE_TIMEOUT):
                infos = await loop.getaddrinfo(name, port, type=socket.SOCK_STREAM)
        except TimeoutError:
            raise DialRefused(f"{name} could not be resolved in time") from None
        except OSError:
            raise DialRefused(f"{name} could not be resolved") from None
        found: list[Address] = []
        for info in infos:
            address = ipaddress.ip_address(str(info[4][0]).partition("%")[0])
            if address not in found:
                found.append(address)
        if not found:
            raise DialRefused(f"{name} has no address")
        return found

    async def dial(self, name: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect to `name`. Raises `DialRefused` or `OSError`."""
        last: OSError = DialRefused(f"{name} has no address")
        for address, dialled in await self.resolve(name, port):
            try:
                async with asyncio.timeout(CONNECT_TIMEOUT):
                    return await asyncio.open_connection(str(address), dialled)
            except TimeoutError:
                last = DialRefused(f"{name} did not answer in time")
            except OSError as error:
                last = OSError(error.errno, f"{name} cannot be reached")
        raise last
