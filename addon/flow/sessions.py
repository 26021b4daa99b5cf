"""What the runtime knows of each client connection: whose it is, what it has open, where it may dial.

A connection without a session belongs to nobody and gets 407. A server connection without a route is
never dialled.
"""

from __future__ import annotations

import asyncio
import enum
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from mitmproxy.connection import Client, Connection
from wharfinger import turns
from wharfinger.audit.event import Outcome
from wharfinger.deciding.answers import Answer
from wharfinger.deciding.permits import Admission, Ending, Permit, Session
from wharfinger.flow.held import Held
from wharfinger.flow.kept import Kept
from wharfinger.flow.ways import Way
from wharfinger.isolation.attaching import Hello
from wharfinger.rules.protocols.speech import Opening


class Stage(enum.StrEnum):
    """Life of one request in the proxy."""

    CLOSED = "closed"
    OPEN = "open"
    SENT = "sent"
    ENDED = "ended"


TRANSITIONS: dict[Stage, frozenset[Stage]] = {
    Stage.CLOSED: frozenset({Stage.OPEN, Stage.ENDED}),
    Stage.OPEN: frozenset({Stage.SENT, Stage.ENDED}),
    Stage.SENT: frozenset({Stage.ENDED}),
    Stage.ENDED: frozenset(),
}
"""Every request starts closed. A pair that is not here is an error."""


class Broken(RuntimeError):
    """A request was moved between two stages that do not follow one another."""


@dataclass(slots=True, eq=False)
class Exchange:
    """One request and its response, as the proxy sees it."""

    flow_id: str
    stage: Stage = Stage.CLOSED
    permit: Permit | None = None
    started: float = field(default_factory=time.monotonic)
    opening: Opening | None = None
    """Where the body is a stream whose opening is decided on: what finds its end."""
    opened: bytes | None = None
    """That opening, once it has been read."""
    held: int = 0
    """Bytes of its body that are held in memory."""
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once the agent does not wait for the answer any more."""

    def move(self, stage: Stage) -> None:
        """Go to `stage`, or raise `Broken`."""
        if stage not in TRANSITIONS[self.stage]:
            raise Broken(f"a request cannot go from {self.stage} to {stage}")
        self.stage = stage

    def open(self, permit: Permit) -> None:
        """Note the permit that the gate gave for this request."""
        self.move(Stage.OPEN)
        self.permit = permit


@dataclass(frozen=True, slots=True)
class Route:
    """Where one server connection may dial, and for what it may then be used."""

    host: str
    port: int
    scheme: str
    agent_id: str
    credentials: tuple[str, ...]
    generation: int = 0
    """Of the configuration that it was dialled under: pins, private networks and trust are of that one."""
    certificate: tuple[str, int] | None = None
    """The credential, and its generation, that the connection itself is opened with."""


class Ear(asyncio.Event):
    """Set while what an upstream sends can be taken up; else it stays in the socket."""

    def __init__(self) -> None:
        super().__init__()
        self.set()

    def allow(self, allowed: bool) -> None:
        """Say whether it can."""
        if allowed:
            self.set()
        else:
            self.clear()


@dataclass(slots=True, eq=False)
class Link:
    """One client connection."""

    close: Callable[[], None]
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    since: float = field(default_factory=time.monotonic)
    unfinished: float = 0.0
    """Since when a part of a head waits for the rest of it; 0 where none does."""
    may_read: asyncio.Event = field(default_factory=asyncio.Event)
    """Set while what the agent sends can be taken up; else it stays in the socket."""
    may_hear: asyncio.Event = field(default_factory=asyncio.Event)
    """The same for what its upstreams send."""
    withdraw: Callable[[str, str], bool] = lambda _flow_id, _reason: False
    """Tell the layers that a flow is not allowed any more, and why; whether the connection ends by that."""
    door: Hello | None = None
    """The run whose own door it came in by; None where it came to the listener that all share."""
    way: Way = None
    """How it came in: as to a proxy, or as to a server."""
    multiplexed: bool = False
    """Whether it speaks HTTP/2: one request can then be cut off without the others."""
    ears: WeakKeyDictionary[Connection, Ear] = field(default_factory=WeakKeyDictionary)
    session: Session | None = None
    identified: Callable[[], object] = lambda: None
    """Called once it has been said who speaks."""
    tunnel: tuple[str, int] | None = None
    """The authority of the CONNECT, canonical, once it was accepted."""
    name_fits: bool = False
    """The TLS server name was seen to be the host of the CONNECT; until then there is no handshake."""
    exchanges: dict[str, Exchange] = field(default_factory=dict)
    early: dict[str, Answer] = field(default_factory=dict)
    """Flows refused on their head: their bodies are not read."""

    def ear(self, connection: Connection) -> Ear:
        """Whether what one upstream sends can be taken up."""
        ear = self.ears.get(connection)
        if ear is None:
            ear = self.ears[connection] = Ear()
        return ear

    def identify(self, session: Session) -> None:
        """Note who speaks."""
        self.session = session
        turns.known(session.who.agent)
        self.identified()

    def await_rest(self, *, part: bool) -> None:
        """Note since when a part of a head waits for the rest of it."""
        if not part:
            self.unfinished = 0.0
        elif not self.unfinished:
            self.unfinished = time.monotonic()

    def leave(self) -> None:
        """Whoever waits on behalf of its agent may stop."""
        self.gone.set()
        for exchange in self.exchanges.values():
            exchange.gone.set()


class Sessions:
    """All client connections of the runtime."""

    def __init__(self, finish: Callable[[Permit, Ending], None], held: Held | None = None) -> None:
        """`held`: how much of bodies may be held; without it there is no end to that but one body's own."""
        self._finish = finish
        self.held = held
        self.kept = Kept()
        self._links: dict[str, Link] = {}
        self._routes: WeakKeyDictionary[Connection, Route] = WeakKeyDictionary()

    def connected(
        self,
        client: Client,
        close: Callable[[], None],
        withdraw: Callable[[str, str], bool] = lambda _flow_id, _reason: False,
        door: Hello | None = None,
        way: Way = None,
    ) -> Link:
        """A client has connected; `close` cuts both sides of it off. For the rest see `Link`."""
        link = self._links[client.id] = Link(close, withdraw=withdraw, door=door, way=way)
        link.may_read.set()
        link.may_hear.set()
        return link

    def leaving(self, client: Client) -> None:
        """The client has closed its side: whoever waits on its behalf may stop."""
        if link := self._links.get(client.id):
            link.leave()

    def disconnected(self, client: Client) -> None:
        """The connection is over: end what it left open."""
        link = self._links.pop(client.id, None)
        if link is None:
            return
        link.leave()
        for exchange in tuple(link.exchanges.values()):
            self.end(link, exchange, Ending(Outcome.CLIENT_GONE))

    def link(self, client: Client) -> Link | None:
        """The connection of `client`, None once it has ended."""
        return self._links.get(client.id)

    def links(self) -> tuple[Link, ...]:
        """All live connections."""
        return tuple(self._links.values())

    def exchange(self, client: Client, flow_id: str) -> Exchange | None:
        """The exchange of the flow `flow_id`; made closed at first sight, None once the client has left."""
        link = self._links.get(client.id)
        if link is None:
            return None
        if flow_id not in link.exchanges:
            made = link.exchanges[flow_id] = Exchange(flow_id)
            if link.gone.is_set():
                made.gone.set()
        return link.exchanges[flow_id]

    def end(self, link: Link | None, exchange: Exchange, ending: Ending) -> None:
        """End an exchange once; whatever comes later changes nothing."""
        if link is not None:
            link.exchanges.pop(exchange.flow_id, None)
            link.early.pop(exchange.flow_id, None)
        if exchange.stage is Stage.ENDED:
            return
        self.let_go(link, exchange, exchange.held)
        sent = exchange.stage is Stage.SENT
        exchange.move(Stage.ENDED)
        if exchange.permit is not None:
            self._finish(exchange.permit, ending if sent else ending.unsent())

    def hold(self, link: Link | None, exchange: Exchange, size: int) -> bool:
        """Hold so many bytes more of the body of `exchange` until it ends; False where there is no room."""
        if self.held is None:
            return True
        if exchange.stage is Stage.ENDED or not self.held.take(_holder(link), size):
            return False
        exchange.held += size
        return True

    def let_go(self, link: Link | None, exchange: Exchange, size: int) -> None:
        """Give back so many of the bytes that are held for `exchange`, or as many as there are."""
        size = min(size, exchange.held)
        if self.held is not None and size:
            self.held.give_back(_holder(link), size)
            exchange.held -= size

    def recheck(self, objection: Callable[[Permit], str | None]) -> int:
        """Close every connection on which something is under way that would not be let out now."""
        closed = 0
        for link in tuple(self._links.values()):
            for exchange in tuple(link.exchanges.values()):
                if exchange.stage is not Stage.SENT or exchange.permit is None:
                    continue
                reason = objection(exchange.permit)
                if reason is not None:
                    link.withdraw(exchange.flow_id, reason)
                    self.end(link, exchange, Ending(Outcome.WITHHELD, reason=f"cut off: {reason}"))
                    if not link.multiplexed:
                        link.close()
                    closed += 1
        return closed

    def admitted(self, client: Client, flow_id: str, admission: Admission) -> None:
        """Open the exchange if the gate gave a permit and the client is still there."""
        if admission.permit is None:
            return
        exchange = self.exchange(client, flow_id)
        if exchange is None:
            self._finish(admission.permit, Ending(Outcome.CLIENT_GONE).unsent())
            return
        exchange.open(admission.permit)

    def refuse_early(self, client: Client, flow_id: str, answer: Answer) -> None:
        """Refuse a flow on its head: its body is not read to the end."""
        if link := self._links.get(client.id):
            link.early[flow_id] = answer

    def early(self, client: Client, flow_id: str) -> Answer | None:
        """The refusal of a flow on its head, if there was one."""
        link = self._links.get(client.id)
        return link.early.get(flow_id) if link else None

    def count(self, agent: str) -> int:
        """Live connections of `agent`."""
        return sum(
            1 for link in self._links.values() if link.session is not None and link.session.who.agent == agent
        )

    def __len__(self) -> int:
        return len(self._links)

    def open_route(self, connection: Connection, route: Route) -> None:
        """Let `connection` be dialled, to this place and no other."""
        self._routes[connection] = route

    def route(self, connection: Connection) -> Route | None:
        """Where `connection` may dial, if anywhere."""
        return self._routes.get(connection)


def _holder(link: Link | None) -> str:
    """For whom something is held; what nobody has identified itself for counts as one agent's."""
    return "" if link is None or link.session is None else link.session.who.agent
