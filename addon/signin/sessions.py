"""Who is signed in, and signing in and out.

Rules: a token is known only to whoever holds it; here is its SHA-256. A session ends an hour after it was
last used, twelve hours after it began, and when its person's password changes; a machine's token at its
date. Deadlines hold on wall and monotonic clock, the stricter wins. What a session may do is not kept
with it: the person's role in the configuration in force decides, each time.

All sessions are in memory, so that looking one up costs the proxy no reading; the store has them for the
next start, and learns once a minute that one is in use.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from wharfinger.approvals.deadlines import Deadline
from wharfinger.faults import Fault
from wharfinger.signin import passwords, rows
from wharfinger.signin.passwords import Passwords
from wharfinger.signin.session import Began, Kind, Session, digest, new_token
from wharfinger.signin.throttle import Throttle

if TYPE_CHECKING:
    from wharfinger.clock import Clock
    from wharfinger.keeping.store import Store

IDLE = timedelta(hours=1)
WHOLE = timedelta(hours=12)
LINK_GOOD = timedelta(minutes=10)
TOKEN_DAYS = 365
"""The longest that a machine's token may be good."""
_NOTED = timedelta(minutes=1)
_OF_ONE_PERSON = 32
"""Sessions of one person; where there are more, the one unused for longest ends."""
_BY_LINK = "link"
"""The name that attempts with links are counted under: whose they are is not known before."""


class NotSignedIn(Fault):
    """Name or password is wrong, or the link is not good: never which."""


class NoSuchSession(Fault):
    """No session has this id."""


@dataclass(frozen=True, slots=True)
class Issued:
    """A session just begun, and its token, which is told this once."""

    session: Session
    token: str


@dataclass(slots=True)
class _Held:
    session: Session
    idle: Deadline
    whole: Deadline
    noted: Session


class Sessions:
    """All sessions of one data folder. Used from one event loop, by the holder of the data lock."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._passwords = Passwords()
        self._throttle = Throttle(clock)
        self._held: dict[bytes, _Held] = {}

    async def open(self) -> None:
        """Take up what an earlier run left; what has ended meanwhile goes."""
        for session in await self._store.run(rows.every):
            self._held[session.digest] = self._hold(session)
        await self.sweep()

    def close(self) -> None:
        """Let go of the thread that checks passwords."""
        self._passwords.close()

    # Signing in.

    async def by_password(self, person: str, password: str) -> Issued:
        """Begin a session; raises `NotSignedIn`, `TooMany`, `Busy`. Tells nothing of who there is."""
        self._throttle.attempt(person)
        kept = await self._store.run(rows.password, person)
        if not await self._passwords.matches(kept, password):
            raise NotSignedIn("this name and this password do not go together")
        self._throttle.succeeded(person)
        return await self._browser(person, Began.PASSWORD)

    async def by_link(self, token: str) -> Issued:
        """Begin a session with a one-time link, which is used up; raises `NotSignedIn`, `TooMany`."""
        self._throttle.attempt(_BY_LINK)
        person = await self._store.run(rows.take_link, digest(token), self._clock.now())
        if person is None:
            raise NotSignedIn(
                "this link is not good: it was used, is older than ten minutes, or there is a newer one",
                "make another: wharfinger people link NAME",
            )
        self._throttle.succeeded(_BY_LINK)
        return await self._browser(person, Began.LINK)

    async def link(self, person: str) -> str:
        """The text of a new one-time link, good for ten minutes; it ends the person's earlier one."""
        token, now = new_token("link"), self._clock.now()
        await self._store.run(rows.add_link, digest(token), person, now + LINK_GOOD, now)
        return token

    async def add_token(
        self, person: str, label: str, role: str, good: timedelta, *, began: Began = Began.SESSION
    ) -> Issued:
        """A machine's token, with at most `role`."""
        token, now = new_token("token"), self._clock.now()
        name = f"t_{secrets.token_hex(5)}"
        new = Session(name, digest(token), person, Kind.TOKEN, began, label, role, now, now, now + good)
        return await self._begin(new, token)

    # Passwords.

    async def has_password(self, person: str) -> bool:
        """Whether the person has one."""
        return await self._store.run(rows.password, person) is not None

    async def with_passwords(self) -> frozenset[str]:
        """The people who have one."""
        return await self._store.run(rows.with_passwords)

    async def confirm(self, person: str, password: str) -> None:
        """Raise `NotSignedIn` or `TooMany` unless this is the person's password."""
        self._throttle.attempt(person)
        if not await self._passwords.matches(await self._store.run(rows.password, person), password):
            raise NotSignedIn("this is not the present password")
        self._throttle.succeeded(person)

    async def set_password(self, person: str, password: str, keep: str = "") -> None:
        """Set it, and end all browser sessions of the person but the one with id `keep`."""
        passwords.check(password, person)
        kept = await self._passwords.derive(password)
        await self._store.run(rows.set_password, person, kept, self._clock.now())
        await self._drop(
            one.session
            for one in tuple(self._held.values())
            if one.session.person == person and one.session.kind is Kind.BROWSER and one.session.id != keep
        )

    # Sessions that there are.

    async def find(self, token: str, *, use: bool = True) -> Session | None:
        """The session of a token, with `use` counting as a use of it; None for one that is not good."""
        held = self._held.get(digest(token))
        if held is None or self._over(held):
            return None
        if not use:
            return held.session
        now = self._clock.now()
        held.session = replace(held.session, seen=now)
        if held.session.kind is Kind.BROWSER:
            held.idle = Deadline.at(self._clock, now + IDLE, IDLE)
        if now - held.noted.seen >= _NOTED:
            held.noted = held.session
            await self._store.run(rows.seen, held.session.id, now)
        return held.session

    def live(self, kind: Kind, person: str | None = None) -> tuple[Session, ...]:
        """Sessions that are good, of one person or of all, oldest first."""
        found = [
            held.session
            for held in self._held.values()
            if held.session.kind is kind
            and (person is None or held.session.person == person)
            and not self._over(held)
        ]
        return tuple(sorted(found, key=lambda session: (session.created, session.id)))

    def get(self, session_id: str) -> Session:
        """A session that is good, by its id; raises `NoSuchSession`."""
        for held in self._held.values():
            if held.session.id == session_id and not self._over(held):
                return held.session
        raise NoSuchSession(f'there is no session "{session_id[:100]}"')

    async def end(self, session_id: str) -> None:
        """End it, from this moment on; raises `NoSuchSession`."""
        await self._drop((self.get(session_id),))

    async def sweep(self) -> None:
        """Let go of what has ended by itself."""
        await self._drop(held.session for held in tuple(self._held.values()) if self._over(held))

    async def _begin(self, new: Session, token: str) -> Issued:
        await self.sweep()
        await self._make_room(new.person, new.kind)
        await self._store.run(rows.add, new)
        self._held[new.digest] = self._hold(new)
        return Issued(new, token)

    async def _browser(self, person: str, began: Began) -> Issued:
        token, now = new_token("browser"), self._clock.now()
        name = f"s_{secrets.token_hex(5)}"
        new = Session(name, digest(token), person, Kind.BROWSER, began, "", None, now, now, now + WHOLE)
        return await self._begin(new, token)

    async def _make_room(self, person: str, kind: Kind) -> None:
        mine = sorted(self.live(kind, person), key=lambda session: session.seen)
        await self._drop(mine[: max(0, len(mine) - _OF_ONE_PERSON + 1)])

    async def _drop(self, ended: Iterable[Session]) -> None:
        gone = tuple(ended)
        for session in gone:
            self._held.pop(session.digest, None)
        if gone:
            await self._store.run(rows.remove, tuple(session.id for session in gone))

    def _hold(self, session: Session) -> _Held:
        whole = session.ends - session.created
        end = Deadline.at(self._clock, session.ends, whole)
        idle = end
        if session.kind is Kind.BROWSER:
            idle = Deadline.at(self._clock, session.seen + IDLE, IDLE)
        return _Held(session, idle, end, session)

    def _over(self, held: _Held) -> bool:
        return held.idle.passed(self._clock) or held.whole.passed(self._clock)
