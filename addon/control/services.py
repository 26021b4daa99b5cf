"""What the actions work on: handed in by whoever puts a runtime, or a command without one, together."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

from wharfinger.control.dispatcher import By, Proof, Role, SignedIn
from wharfinger.control.protocol import Code, ControlError
from wharfinger.keeping import people
from wharfinger.rules.types import JSON
from wharfinger.signin.session import Kind

if TYPE_CHECKING:
    from datetime import datetime

    from wharfinger.approvals.approvals import Approvals
    from wharfinger.approvals.grants import Grants
    from wharfinger.channels.courier import Courier
    from wharfinger.clock import Clock
    from wharfinger.deciding.activity import Activity
    from wharfinger.keeping.agents import Agent
    from wharfinger.keeping.reviews import Reviews
    from wharfinger.keeping.store import Store
    from wharfinger.limits.ledger import Ledger
    from wharfinger.rules.policies.denials import Denial
    from wharfinger.rules.policies.limits import Limits
    from wharfinger.signin.sessions import Sessions


class DeclaredAgent(Protocol):
    """An agent as the configuration declares it."""

    @property
    def owner(self) -> str:
        """The person who answers for it."""
        ...

    @property
    def policies(self) -> Iterable[str]:
        """What it may do."""
        ...

    @property
    def environment(self) -> str | None:
        """Where it runs."""
        ...

    @property
    def description(self) -> str:
        """What it is for."""
        ...

    @property
    def source(self) -> object | None:
        """The networks that it comes from, where its address says who it is."""
        ...

    @property
    def status(self) -> str:
        """`active` or `suspended`."""
        ...


class DeclaredPerson(Protocol):
    """A person as the configuration declares it."""

    @property
    def role(self) -> str:
        """`viewer`, `approver` or `admin`."""
        ...


class DeclaredTool(Protocol):
    """A tool as the configuration declares it."""

    @property
    def name(self) -> str:
        """What rules call it."""
        ...

    @property
    def digest(self) -> str:
        """Of its template."""
        ...

    @property
    def proposed(self) -> bool:
        """Whether it waits for a person's approval."""
        ...


class DeclaredTools(Protocol):
    """The tools of the configuration."""

    def get(self, name: str) -> DeclaredTool | None:
        """The tool of that name, if there is one."""
        ...

    def __iter__(self) -> Iterator[DeclaredTool]:
        """All of them."""
        ...


class DeclaredPolicy(Protocol):
    """A policy, as far as the actions read it."""

    @property
    def limits(self) -> Limits:
        """What it limits."""
        ...


class Declared(Protocol):
    """What the actions read of the configuration in force."""

    @property
    def policies(self) -> Mapping[str, DeclaredPolicy]:
        """The policies by name."""
        ...

    @property
    def tools(self) -> DeclaredTools:
        """The tools by name."""
        ...

    @property
    def agents(self) -> Mapping[str, DeclaredAgent]:
        """The agents by name."""
        ...

    @property
    def people(self) -> Mapping[str, DeclaredPerson]:
        """The people by name."""
        ...


class Tokens(Protocol):
    """What issues the tokens of runs: `wharfinger.keeping.keys.Keys`."""

    def agent_token(
        self, agent_id: str, generation: int, run_id: str | None = None, ends: datetime | None = None
    ) -> str:
        """The proxy password of an agent, or of one run of it."""
        ...


class Credentials(Protocol):
    """What keeps credentials: `wharfinger.credentials.keeper.Keeper`."""

    async def listing(self) -> JSON:
        """How they stand, and what the store holds; no value."""
        ...

    async def put(
        self, name: str, value: str, now: datetime, *, replace: bool, key: str, passphrase: str | None
    ) -> JSON:
        """Write a value into the store, and have it used; with `replace` only over another."""
        ...

    async def remove(self, name: str, passphrase: str | None) -> JSON:
        """Take an entry out of the store."""
        ...

    async def rekey(self, key: str, passphrase: str | None, new: str | None) -> JSON:
        """Seal the store under a new key."""
        ...

    async def refresh(self, name: str) -> JSON:
        """Have a credential fetched again."""
        ...


class BeginRun(Protocol):
    """What accepts the token of a run from now on: `wharfinger.deciding.live.Live.begin_run`."""

    def __call__(self, run_id: str, agent: str, reason: str | None, *, confinement: str = "none") -> None:
        """Only at its own door, where it is isolated."""
        ...


@dataclass(slots=True, kw_only=True)
class Services:
    """Everything the actions need. What only a running proxy can do is None without one."""

    approvals: Approvals
    store: Store
    clock: Clock
    keys: Tokens
    reviews: Reviews
    ledger: Ledger
    grants: Grants
    sessions: Sessions
    configuration: Callable[[], Declared]
    """The configuration in force."""
    denied: Callable[[Iterable[Denial]], None] | None = None
    """Told the emergency deny list in the same step in which a change of it has become durable."""
    agent_changed: Callable[[Agent], None] | None = None
    """Told in the same step in which a suspension, its end or a rotation has become durable."""
    tools_changed: Callable[[frozenset[str]], None] | None = None
    """Told the digests of all approved tools, in the same step in which a change of them is durable."""
    run_began: BeginRun | None = None
    """Told of a run before its token is given out."""
    run_ended: Callable[[str], None] | None = None
    status: Callable[[], Awaitable[JSON]] | None = None
    metrics: Callable[[], Awaitable[JSON]] | None = None
    """Everything that is counted, as `wharfinger.metering.families` writes it."""
    ready: Callable[[], Awaitable[JSON]] | None = None
    """What a proxy needs to serve requests, each with whether it has it."""
    explain: Callable[[Mapping[str, Any]], Awaitable[JSON]] | None = None
    """Takes the arguments of `explain` (`on_runtime`); sends nothing."""
    activity: Activity | None = None
    """When agents were last seen."""
    agent_retired: Callable[[Agent], None] | None = None
    """Told in the same step in which an agent has been retired for good."""
    reach: Callable[[str], Iterable[str]] | None = None
    """Gives the names of the credentials that an agent's policies can reach."""
    screen: Callable[[Mapping[str, str]], Iterable[str]] | None = None
    """Takes variables by name, gives the names of those whose value holds a credential."""
    credentials: Credentials | None = None
    files: Callable[[], tuple[Mapping[str, bytes], str]] | None = None
    """The files of the configuration in force by path (another mapping for each), and its policy digest."""
    reload: Callable[[str], Awaitable[JSON]] | None = None
    """Takes the person, and writes the event by itself, with the new policy digest."""
    channels: Callable[[], Courier | None] | None = None
    """The channels of a running proxy; None where it has none."""
    resume_book: Callable[[str], Awaitable[JSON]] | None = None
    """Takes the person, and writes the event by itself, once the book goes on."""
    forget_segment: Callable[[int], Awaitable[JSON]] | None = None
    stop: Callable[[str, str], Awaitable[object]] | None = None
    """Takes the person and a reason, and returns before anything has stopped."""


class StoreAuthority:
    """Who is who: keys from the store, roles from the configuration in force."""

    def __init__(self, store: Store, sessions: Sessions, configuration: Callable[[], Declared]) -> None:
        """`configuration` gives the one in force at the time of asking."""
        self._store = store
        self._sessions = sessions
        self._configuration = configuration

    async def keys(self, person: str) -> tuple[bytes, ...]:
        """The public keys in use of a person."""
        return tuple(key.public for key in await self._store.run(people.registered, person))

    async def any_keys(self) -> bool:
        """Whether anyone has a key at all, one that was revoked included."""
        return await self._store.run(people.ever_registered)

    async def session(self, token: str, *, background: bool) -> SignedIn | None:
        """Who has signed in to the session of this token."""
        session = await self._sessions.find(token, use=not background)
        if session is None:
            return None
        ceiling = Role.ADMIN if session.role is None else Role[session.role.upper()]
        proof = Proof.SESSION if session.kind is Kind.BROWSER else Proof.TOKEN
        return SignedIn(session.person, By(proof, session.id, ceiling))

    def role(self, person: str) -> Role | None:
        """The role of a person; None for one the configuration does not have."""
        declared = self._configuration().people.get(person)
        return None if declared is None else Role[declared.role.upper()]


def needs_runtime(action: str) -> NoReturn:
    """Say that `action` needs a running proxy."""
    raise ControlError(Code.FAILED, f"{action} needs a running proxy", "start one with: wharfinger up")
