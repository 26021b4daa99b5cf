"""Resolve once, check every address, dial the address that was checked.

Refused always: what no policy may name (link-local and with it the metadata services, multicast,
unspecified, the runtime's own listeners). Refused unless `resolve` or `network.private` pins that address
to that very name: loopback, private, CGNAT, reserved ranges, and IPv6 forms that carry such an IPv4
address (`wharfinger.networks`). The host at which people open the console is never looked up. Where
everything goes out through another proxy (`beyond`), the names are guarded in place of the addresses.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection
from pathlib import Path
from typing import Any

from wharfinger.flow import beyond
from wharfinger.networks import NEVER, Address, embedded, may_dial, within
from wharfinger.rules.models.settings import Settings
from wharfinger.rules.models.upstream import UpstreamProxy
from wharfinger.rules.requests.spelling import covers
from wharfinger.secret import Secret

CONNECT_TIMEOUT = 15.0
"""Seconds for one TCP connection to be made."""
RESOLVE_TIMEOUT = 10.0
"""Seconds for one name to be resolved."""

LOOK_UPS = 4
"""Names of one agent that are looked up at the same time."""
FORBIDDEN = (
    ("169.254.169.254", 80),
    ("[::ffff:169.254.169.254]", 80),
    ("[fe80::1]", 443),
    ("224.0.0.1", 443),
    ("0.0.0.0", 443),  # noqa: S104 - it is not listened on
)
"""Some of what no setting lets anybody dial, to see whether the guard is there."""


type Login = Callable[[str], Awaitable[Secret]]
"""The value of a credential, once it is there."""


class DialRefused(OSError):
    """A place that may not be dialled, or a name without an address that may."""


class Dialer:
    """Opens upstream connections. Holds no policy but that of addresses."""

    def __init__(
        self,
        settings: Callable[[], Settings],
        own_listeners: Callable[[], Collection[tuple[str, int]]],
        login: Login | None = None,
        trust_for: Callable[[str], Path] | None = None,
    ) -> None:
        """`login` gives the credential of a proxy to go out through, `trust_for` what vouches for it."""
        self._settings = settings
        self._own = own_listeners
        self._login = login
        self._trust_for = trust_for
        self._turns: defaultdict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(LOOK_UPS))

    def allowed(self, name: str, address: Address) -> bool:
        """Whether `name` may resolve to `address`."""
        private = self._settings().network.private
        own = [network for pattern, found in private.items() if covers(pattern, name) for network in found]
        return may_dial(address, own)

    def _is_own(self, address: Address, port: int) -> bool:
        for host, own_port in self._own():
            if port != own_port:
                continue
            listener = ipaddress.ip_address(host)
            for part in embedded(address):
                if part == listener or listener.is_unspecified or part.is_loopback:
                    return True
        return False

    async def resolve(self, name: str, port: int, agent: str = "") -> list[tuple[Address, int]]:
        """Addresses to dial for `name` on behalf of `agent`, all checked. Raises `DialRefused`."""
        if name == self._settings().channels.host:
            raise DialRefused(f"{name} is where people open the console")
        pin = self._settings().pin(name, port)
        if pin is not None:
            pinned = ipaddress.ip_address(pin.address)
            dialled = pin.port or port
            if any(within(part, NEVER) for part in embedded(pinned)) or self._is_own(pinned, dialled):
                raise DialRefused(f"{name} is pinned to an address that is never dialled")
            return [(pinned, dialled)]
        found = await self._look_up(name, port, agent)
        for address in found:
            if not self.allowed(name, address) or self._is_own(address, port):
                raise DialRefused(f"{name} resolves to an address that may not be dialled")
        return [(address, port) for address in found]

    async def gaps(self) -> list[str]:
        """Addresses that this would dial though it must not, in plain words: none, if it does its work."""
        own = [(f"[{host}]" if ":" in host else host, port) for host, port in self._own()]
        found: list[str] = []
        for name, port in (*FORBIDDEN, *own):
            try:
                await self.resolve(name, port)
            except DialRefused:
                continue
            found.append(f"{name}:{port} would be dialled")
        return found

    async def _look_up(self, name: str, port: int, agent: str) -> list[Address]:
        try:
            return [ipaddress.ip_address(name.strip("[]"))]
        except ValueError:
            pass
        try:
            async with asyncio.timeout(RESOLVE_TIMEOUT):
                infos = await self._ask(name, port, agent)
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

    async def _ask(self, name: str, port: int, agent: str) -> list[tuple[Any, ...]]:
        """Ask the system's resolver: in a thread, which is occupied until it answers, waited for or not.

        A name server that is silent on the names of one agent must not keep those of all others waiting.
        """
        loop, turns = asyncio.get_running_loop(), self._turns[agent]
        await turns.acquire()
        asking = loop.create_task(loop.getaddrinfo(name, port, type=socket.SOCK_STREAM))

        def answered(_: object) -> None:
            turns.release()
            if not asking.cancelled():
                asking.exception()  # nobody may wait for it any more

        asking.add_done_callback(answered)
        return list(await asyncio.shield(asking))

    async def dial(
        self, name: str, port: int, agent: str = ""
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect to `name` on behalf of `agent`. Raises `DialRefused` or `OSError`."""
        settings = self._settings()
        proxy = settings.upstream.proxy
        if proxy is not None and settings.pin(name, port) is None and proxy.serves(name):
            return await self._through(proxy, name, port, agent)
        return await self._connect(name, await self.resolve(name, port, agent))

    async def _through(
        self, proxy: UpstreamProxy, name: str, port: int, agent: str
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect to `name` by way of a proxy."""
        self._check_name(name, port)
        secure = None
        if proxy.secure:
            roots = self._trust_for(proxy.host) if self._trust_for is not None else None
            secure = ssl.create_default_context(cafile=roots)
        reader, writer = await self._connect(proxy.host, await self._ways_to(proxy, agent), secure)
        try:
            login = await self._login(proxy.credential) if proxy.credential and self._login else None
            await beyond.tunnel(reader, writer, f"{name}:{port}", login)
        except BaseException:
            writer.transport.abort()
            raise
        return reader, writer

    def _check_name(self, name: str, port: int) -> None:
        """Refuse what a proxy that resolves names must not be asked for."""
        settings = self._settings()
        if name == settings.channels.host:
            raise DialRefused(f"{name} is where people open the console")
        try:
            address = ipaddress.ip_address(name.strip("[]"))
        except ValueError:
            listed = any(covers(pattern, name) for pattern in settings.network.private)
            if name in beyond.NEVER or (beyond.is_inner(name) and not listed):
                raise DialRefused(f"{name} is a name of an inner network, which may not be dialled") from None
            return
        if not self.allowed(name, address) or self._is_own(address, port):
            raise DialRefused(f"{name} is an address that may not be dialled")

    async def _ways_to(self, proxy: UpstreamProxy, agent: str) -> list[tuple[Address, int]]:
        """Where the proxy itself is. It is the operator's own word, so it may be inside."""
        pin = self._settings().pin(proxy.host, proxy.port)
        if pin is not None:
            ways = [(ipaddress.ip_address(pin.address), pin.port or proxy.port)]
        else:
            ways = [(address, proxy.port) for address in await self._look_up(proxy.host, proxy.port, agent)]
        for address, port in ways:
            if any(within(part, NEVER) for part in embedded(address)) or self._is_own(address, port):
                raise DialRefused("the upstream proxy is at an address that is never dialled")
        return ways

    @staticmethod
    async def _connect(
        name: str, ways: list[tuple[Address, int]], secure: ssl.SSLContext | None = None
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect to the first of `ways` that answers."""
        last: OSError = DialRefused(f"{name} has no address")
        for address, dialled in ways:
            try:
                async with asyncio.timeout(CONNECT_TIMEOUT):
                    if secure is None:
                        return await asyncio.open_connection(str(address), dialled)
                    own = name.strip("[]")
                    return await asyncio.open_connection(
                        str(address), dialled, ssl=secure, server_hostname=own
                    )
            except TimeoutError:
                last = DialRefused(f"{name} did not answer in time")
            except OSError as error:
                last = OSError(error.errno, f"{name} cannot be reached")
        raise last
