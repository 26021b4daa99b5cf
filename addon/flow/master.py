"""Our mitmproxy master: only the parts it needs, in one ordered list, checked before it serves.

The order is the behaviour: who speaks, what may run on the connection, with which certificates, and then
the gate. Each concern opens nothing by itself (see `sealed`), so one that fails or is missing leaves the
request refused.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from types import MappingProxyType, SimpleNamespace
from typing import cast

import certifi
from mitmproxy import master, options
from mitmproxy.addons import core
from mitmproxy.proxy import mode_specs
from mitmproxy.utils import asyncio_utils
from wharfinger.certs import bundle
from wharfinger.certs.authority import Authority
from wharfinger.flow import lean
from wharfinger.flow.admission import Admission
from wharfinger.flow.dial import Dialer
from wharfinger.flow.dispatch import Observer, Table
from wharfinger.flow.handler import ClientHandler
from wharfinger.flow.identity import Identity
from wharfinger.flow.listener import Doors, Listener
from wharfinger.flow.options import LOCKED, OptionLock, Unsafe, deviations
from wharfinger.flow.parts import Parts
from wharfinger.flow.tls import Tls, TrustFor
from wharfinger.flow.tunnel import Tunnel
from wharfinger.flow.ways import Way
from wharfinger.isolation.attaching import Hello
from wharfinger.limits.rates import Rate

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Edge:
    """What the proxy needs besides its parts: sockets, certificates, addresses."""

    sock: socket.socket
    authority: Authority
    trust_for: TrustFor
    dialer: Dialer
    minting: Rate
    """How often a leaf certificate is made."""
    observers: Sequence[Observer] = ()
    doors: Doors = MappingProxyType({})
    """The sockets of doors to APIs."""


def concerns(parts: Parts, edge: Edge) -> tuple[object, ...]:
    """The ordered hook list."""
    return (
        Identity(parts),
        Tunnel(parts),
        Tls(parts, edge.authority, edge.trust_for, edge.minting),
        Admission(parts),
    )


ADDONS = ("core", "proxyserver", "optionlock")
"""mitmproxy's addon chain: no onboarding page, no scripts, no rewriting, no TLS addon of its own."""
HANDLED = frozenset(
    {
        ("next_layer", "Identity"),
        ("http_connect", "Identity"),
        ("requestheaders", "Identity"),
        ("next_layer", "Tunnel"),
        ("tls_clienthello", "Tunnel"),
        ("tls_failed_client", "Tunnel"),
        ("tls_start_client", "Tls"),
        ("tls_start_server", "Tls"),
        ("requestheaders", "Admission"),
        ("requestopening", "Admission"),
        ("request", "Admission"),
        ("agent_message", "Admission"),
    }
)
"""Which hook is whose."""


class ProxyMaster(master.Master):
    """Runs the proxy until `shutdown`."""

    def __init__(self, parts: Parts, edge: Edge, hooks: Sequence[object] | None = None) -> None:
        super().__init__(options.Options(), with_termlog=False)
        self._legacy_log_events.uninstall()
        self.parts = parts
        self.table = Table(concerns(parts, edge) if hooks is None else hooks, edge.observers)
        self.listener = Listener(
            edge.sock,
            self._handler,
            self.options,
            parts.limits.connections,
            doors=edge.doors,
        )
        self.dialer = edge.dialer
        self.addons.add(core.Core(), self.listener)
        self.options.update(**{name: value for name, value in LOCKED.items() if name in self.options})
        self.addons.add(OptionLock(self.options))
        self.check()
        self._settled = _settled(self.options)
        lean.apply()

    def _handler(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        _: options.Options,
        mode: mode_specs.ProxyMode,
        door: Hello | None,
        way: Way,
    ) -> ClientHandler:
        return ClientHandler(
            reader,
            writer,
            self._settled,
            mode,
            table=self.table,
            dialer=self.dialer,
            sessions=self.parts.sessions,
            door=door,
            way=way,
        )

    def check(self) -> None:
        """Raise `Unsafe` if the options in force, or the roots, would not keep the promises."""
        wrong = [*deviations(self.options), *_bad_roots()]
        if wrong:
            raise Unsafe("; ".join(wrong))

    def deviations(self) -> list[str]:
        """In what the proxy, as it runs now, is not the one that was meant: options, addons, hooks."""
        wrong = deviations(self.options)
        addons = tuple(getattr(addon, "name", type(addon).__name__.lower()) for addon in self.addons.chain)
        if addons != ADDONS:
            wrong.append(f"the addons are {', '.join(addons)}")
        wrong.extend(f"hook {name} of {owner} is missing" for name, owner in HANDLED - self.table.handled())
        wrong.extend(f"hook {name} of {owner} is foreign" for name, owner in self.table.handled() - HANDLED)
        return wrong

    async def serve(self, ready: asyncio.Event) -> None:
        """Accept connections until `shutdown`; `ready` is set once they are accepted."""
        with (
            asyncio_utils.install_exception_handler(self._asyncio_exception_handler),
            asyncio_utils.set_eager_task_factory(),
        ):
            await self.listener.setup_servers()
            ready.set()
            await self.should_exit.wait()
            self.parts.sessions.kept.close()
            await self.listener.close()

    def addresses(self) -> Collection[tuple[str, int]]:
        """Where the proxy listens."""
        return [(str(host), int(port)) for host, port, *_ in self.listener.listen_addrs()]


def _bad_roots() -> list[str]:
    with open(certifi.where(), "rb") as roots:  # noqa: PTH123 - a path of the package, read once
        return [f"the trust store holds {name}" for name in bundle.check_roots(roots.read())]


def _settled(held: options.Options) -> options.Options:
    """The options as plain attributes: they are locked, and mitmproxy copies each deeply when it is read."""
    names = held.keys()
    return cast(options.Options, SimpleNamespace(**{name: getattr(held, name) for name in names}))
