"""Actions on signing in: passwords, one-time links, sessions of browsers, tokens of machines.

Nobody is told whether a name is a person's. What fails is in the book with the name of the person it was
tried for, if there is such a person.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any

from wharfinger.control.dispatcher import Action, Context, Done, Outcome, Parameter, Proof, Role
from wharfinger.control.protocol import Code, ControlError
from wharfinger.control.services import Services, needs_runtime
from wharfinger.rules.types import JSON
from wharfinger.signin.passwords import LONGEST, Busy
from wharfinger.signin.session import Began, Kind, Session
from wharfinger.signin.sessions import LINK_GOOD, TOKEN_DAYS, Issued, NoSuchSession, NotSignedIn
from wharfinger.signin.throttle import TooMany

_LABEL = 100


def actions(services: Services, record: Callable[[Done], Awaitable[object]]) -> tuple[Action, ...]:
    """Signing in and out, one's password, sign-in links, tokens of machines."""
    at = _SignIn(services, record)
    begin = (
        Parameter("person", required=False),
        Parameter("password", required=False, secret=True),
        Parameter("link", required=False, secret=True),
    )
    password = (Parameter("password", secret=True), Parameter("current", required=False, secret=True))
    token = (
        Parameter("label"),
        Parameter("role", required=False),
        Parameter("days", int, required=False),
    )
    viewer, signed_in, key = Role.VIEWER, Proof.SESSION, Proof.KEY
    return (
        Action("sessions.begin", at.begin, begin),
        Action("sessions.show", at.show, (), viewer, recorded=False),
        Action("sessions.list", at.listing, (), viewer, recorded=False),
        Action("sessions.end", at.end, (Parameter("id", required=False),), viewer, proof=signed_in),
        Action("people.password", at.password, password, viewer, proof=signed_in),
        Action("people.link", at.link, (Parameter("person"),), viewer, proof=key),
        Action("tokens.add", at.add_token, token, viewer, proof=signed_in),
        Action("tokens.list", at.tokens, (), viewer, recorded=False),
        Action("tokens.revoke", at.revoke_token, (Parameter("id"),), viewer, proof=signed_in),
    )


class _SignIn:
    def __init__(self, services: Services, record: Callable[[Done], Awaitable[object]]) -> None:
        self._at = services
        self._record = record

    # Sessions.

    async def begin(self, context: Context, args: Mapping[str, Any]) -> JSON:
        person, password, link = (args.get(name, "") for name in ("person", "password", "link"))
        if bool(link) == bool(person) or bool(person) != bool(password):
            raise ControlError(Code.BAD_REQUEST, "sessions.begin: a person and a password, or a link")
        if len(person) > LONGEST or len(password) > LONGEST or len(link) > LONGEST:
            raise ControlError(Code.NOT_SIGNED_IN, "this is too long to be right")
        sessions = self._at.sessions
        try:
            issued = await (sessions.by_link(link) if link else sessions.by_password(person, password))
            return await self._begun(issued)
        except (TooMany, Busy) as fault:
            raise ControlError(Code.TOO_MANY, fault.message, fault.hint) from None
        except NotSignedIn as fault:
            await self._failed(person, fault.message)
            raise ControlError(Code.NOT_SIGNED_IN, fault.message, fault.hint) from None

    async def _begun(self, issued: Issued) -> JSON:
        """Tell of a session, once the book has it; one that the book does not take is none."""
        session = issued.session
        declared = self._at.configuration().people.get(session.person)
        try:
            if declared is None:
                raise NotSignedIn("this name and this password do not go together")
            args = {"session": session.id, "by": session.began.value}
            await self._record(Done("sessions.begin", session.person, args, Outcome.BEGUN))
        except BaseException:
            await self._at.sessions.end(session.id)
            raise
        return session.as_json() | {"token": issued.token, "role": declared.role}

    async def _failed(self, person: str, why: str) -> None:
        known = person if person in self._at.configuration().people else "(unknown)"
        await self._record(Done("sessions.begin", known, {}, Outcome.REFUSED, why))

    async def show(self, context: Context, args: Mapping[str, Any]) -> JSON:
        shown: dict[str, JSON] = {
            "person": context.name,
            "role": context.role.name.lower(),
            "password": await self._at.sessions.has_password(context.name),
        }
        if context.by.session:
            session = self._at.sessions.get(context.by.session)
            shown |= {name: session.as_json()[name] for name in ("id", "kind", "began", "created", "ends")}
        return shown

    async def listing(self, context: Context, args: Mapping[str, Any]) -> JSON:
        return self._of(Kind.BROWSER, context)

    async def end(self, context: Context, args: Mapping[str, Any]) -> JSON:
        session_id = args.get("id") or context.by.session
        if not session_id:
            raise ControlError(Code.BAD_REQUEST, "sessions.end: say which", "see: sessions.list")
        return await self._end(context, session_id, Kind.BROWSER)

    # Passwords and links.

    async def password(self, context: Context, args: Mapping[str, Any]) -> JSON:
        """Set one's own. In a session that did not just begin with a link, the present one is needed."""
        sessions, person = self._at.sessions, context.name
        if context.by.proof is not Proof.KEY and await sessions.has_password(person):
            session = sessions.get(context.by.session)
            fresh = self._at.clock.now() - session.created < LINK_GOOD
            if not (session.began is Began.LINK and fresh):
                await self._confirm(person, args.get("current", ""))
        await sessions.set_password(person, args["password"], keep=context.by.session)
        return {"person": person}

    async def _confirm(self, person: str, password: str) -> None:
        try:
            await self._at.sessions.confirm(person, password[: LONGEST + 1])
        except (TooMany, Busy) as fault:
            raise ControlError(Code.TOO_MANY, fault.message, fault.hint) from None
        except NotSignedIn as fault:
            raise ControlError(Code.FORBIDDEN, fault.message, fault.hint) from None

    async def link(self, context: Context, args: Mapping[str, Any]) -> JSON:
        if self._at.status is None:
            needs_runtime("people.link")
        person = args["person"]
        if person != context.name and context.role < Role.ADMIN:
            raise ControlError(Code.FORBIDDEN, "a sign-in link is for oneself", "an admin may make any")
        if person not in self._at.configuration().people:
            raise ControlError(
                Code.FAILED, f'"{person[:100]}" is not in people.yaml', "add the person there first"
            )
        return {
            "person": person,
            "link": await self._at.sessions.link(person),
            "seconds": int(LINK_GOOD.total_seconds()),
        }

    # Tokens of machines.

    async def add_token(self, context: Context, args: Mapping[str, Any]) -> JSON:
        label, role, days = args["label"], args.get("role", "viewer"), args.get("days", 90)
        if not 0 < len(label) <= _LABEL or not label.isprintable():
            raise ControlError(Code.BAD_REQUEST, f"tokens.add: a label of 1 to {_LABEL} characters")
        if role not in _ROLES:
            raise ControlError(Code.BAD_REQUEST, f"tokens.add: a role is {', '.join(_ROLES)}")
        if Role[role.upper()] > context.role:
            raise ControlError(Code.FORBIDDEN, f"a token may do no more than you: {role} is above your role")
        if not 0 < days <= TOKEN_DAYS:
            raise ControlError(Code.BAD_REQUEST, f"tokens.add: good for 1 to {TOKEN_DAYS} days")
        began = Began.KEY if context.by.proof is Proof.KEY else Began.SESSION
        issued = await self._at.sessions.add_token(
            context.name, label, role, timedelta(days=days), began=began
        )
        return issued.session.as_json() | {"token": issued.token}

    async def tokens(self, context: Context, args: Mapping[str, Any]) -> JSON:
        return self._of(Kind.TOKEN, context)

    async def revoke_token(self, context: Context, args: Mapping[str, Any]) -> JSON:
        return await self._end(context, args["id"], Kind.TOKEN)

    def _of(self, kind: Kind, context: Context) -> list[JSON]:
        """One's own, or everybody's for an admin."""
        person = None if context.role >= Role.ADMIN else context.name
        return [session.as_json() for session in self._at.sessions.live(kind, person)]

    async def _end(self, context: Context, session_id: str, kind: Kind) -> JSON:
        session = self._mine(context, session_id, kind)
        await self._at.sessions.end(session.id)
        return {"id": session.id}

    def _mine(self, context: Context, session_id: str, kind: Kind) -> Session:
        session = self._at.sessions.get(session_id)
        if session.kind is not kind or (session.person != context.name and context.role < Role.ADMIN):
            raise NoSuchSession(f'there is no session "{session_id[:100]}"')
        return session


_ROLES = tuple(role.name.lower() for role in Role if role)
