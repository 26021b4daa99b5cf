"""What credential a request presents, and whether it may (DESIGN 3, invariant 5).

A placeholder is exchanged at a place its tool declares, for the hosts its credential declares, over
https, for the agent it was issued to. Anywhere else, in whatever spelling, the request is refused as
misuse. So is a credential of the agent's own making sent to a host that has one bound, unless the tool
says `auth: own`. A placeholder in a login field of its own host is no misuse where no tool fits: what an
SDK always sends is then refused for want of a rule, not for want of honesty. Cookies may be a login or
nothing at all, as those that a page of the same domain has set: there they are refused, and no misuse.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from wharfinger.rules import sigv4
from wharfinger.rules.models.credentials import Credential
from wharfinger.rules.recognition.places import Misuse, Places, spelled
from wharfinger.rules.recognition.recognised import Recognised
from wharfinger.rules.requests import challenges, handshake, headers
from wharfinger.rules.requests.headers import Fields, Names
from wharfinger.rules.requests.placeholders import Owner
from wharfinger.rules.requests.refusal import Refusal
from wharfinger.rules.tools.tool import Tool
from wharfinger.rules.transient import transient
from wharfinger.rules.types import Code, Facts, Place, Placement, Request

APART: Final = 64 << 10
"""Bytes of body from which it is searched apart from the head, rather than copied."""


@transient
class Presented:
    """What came of looking: how credentials are put in, or why the request is refused."""

    names: Names
    """Of the request's header fields."""
    placements: tuple[Placement, ...] = ()
    refusal: Refusal | None = None
    exchanged: tuple[str, ...] = ()
    """Header fields (lower case) that hold the placeholder and are replaced, not forwarded."""
    own: tuple[str, ...] = ()
    """Header fields (lower case) that hold the agent's own login and pass; masked wherever they are shown."""
    credentialed: bool = False
    """Whether a credential is bound to the host."""


def present(
    request: Request, read: Recognised, credentials: Mapping[str, Credential], facts: Facts
) -> Presented:
    """Look at everything a request presents. The request has been recognised, as `read`."""
    tool = read.winner
    credentialed = bool(tool is not None and tool.placements) or is_bound(read.host, credentials)
    fields = read.fields if read.fields is not None else headers.as_received(request)
    try:
        places = Places(request, read, credentials, facts, fields)
        return _Look(request, read, credentials, facts, credentialed, fields, places).presented(tool)
    except Misuse as misuse:
        return Presented(fields.names, refusal=misuse.refusal, credentialed=credentialed)


def is_bound(host: str, credentials: Mapping[str, Credential]) -> bool:
    """Whether any credential may go to this (canonical) host."""
    return any(_may_go(credential, host) for credential in credentials.values())


def _may_go(credential: Credential, host: str) -> bool:
    return host in credential.hosts or credential.goes_to(host)  # the former is most of them, and quicker


@dataclass(slots=True, eq=False)
class _Look:
    request: Request
    read: Recognised
    credentials: Mapping[str, Credential]
    facts: Facts
    credentialed: bool
    fields: Fields
    places: Places

    def presented(self, tool: Tool | None) -> Presented:
        placements = tool.placements if tool is not None else ()
        found = tuple([held for each in placements if (held := self._at_its_place(each)) is not None])
        exchanged: tuple[str, ...] = ()
        for placement in found:
            exchanged += placement.fields
        known = exchanged if tool is not None else self._at_home()
        self._nowhere_else(known, found)
        logins = self.fields.names.logins
        spoken = handshake.PROTOCOL_FIELD in self.fields
        own = self._own_logins(tool, known) if (logins and logins != known) or spoken else ()
        refusal = self._unplaceable(tool, found) or self._own_cookies(tool, exchanged)
        if refusal is None and len(found) < len(placements):
            refusal = self._absent(tool, placements, found)
        placed = found
        if self.facts.assume_placeholder:
            placed = self._assumed(placements, found)
        return Presented(
            self.fields.names, () if refusal else placed, refusal, exchanged, own, self.credentialed
        )

    # The declared place

    def _are_one(self, placement: Placement, candidates: list[tuple[str, list[str]]]) -> bool:
        """Whether a client says the same key in each of the fields that it may stand in, once in each."""
        if placement.place is not Place.HEADER:
            return False
        once = all(len(self.fields.get(name, ())) <= 1 for name in placement.fields)
        return once and bool(set.intersection(*(set(filter(None, texts)) for _, texts in candidates)))

    def _at_its_place(self, placement: Placement) -> Placement | None:
        """The placement, if the agent's placeholder is where the tool declares it; all else there is misuse.

        One of a value that an API has made says so.
        """
        presented = self.places.presented(placement)
        if presented is None:
            return placement
        candidates = [(value, texts) for value, texts in presented if any(texts)]
        if not candidates:
            return None
        if len(candidates) > 1 and not self._are_one(placement, candidates):
            raise Misuse(f"the place of {placement.credential} holds two values", "Send one.")
        value, texts = candidates[0]
        owners = {owner for text in texts if (owner := self.facts.placeholders.exact(text)) is not None}
        if len(owners) == 1:
            (owner,) = owners
            if (owner.agent, owner.credential) == (self.request.agent, placement.credential):
                return replace(placement, sealed=owner.sealed) if owner.sealed else placement
        owners = owners or set(self.facts.placeholders.scan(value))
        if owners:
            self._misused(owners)
        raise Misuse(
            f"the request holds a credential of your own where {placement.credential} goes",
            self.places.use(placement.credential),
        )

    def _absent(
        self, tool: Tool | None, placements: tuple[Placement, ...], found: tuple[Placement, ...]
    ) -> Refusal | None:
        if tool is None or tool.auth_optional or self.facts.assume_placeholder:
            return None
        there = {placement.credential for placement in found}
        for placement in placements:
            if placement.credential not in there:
                return Refusal(
                    Code.DENIED,
                    f"the request has no credential, and {tool.name} needs {placement.credential}",
                    self.places.use(placement.credential),
                )
        return None

    def _assumed(
        self, placements: tuple[Placement, ...], found: tuple[Placement, ...]
    ) -> tuple[Placement, ...]:
        """The places that hold a placeholder, and the first of each other credential that could be put in."""
        held = {placement.credential: placement for placement in found}
        placed = [*found]
        for each in placements:
            if each.credential not in held and self._unusable(each) is None:
                held[each.credential] = each
                placed.append(each)
        return tuple(placed)

    def _unplaceable(self, tool: Tool | None, found: tuple[Placement, ...]) -> Refusal | None:
        """Why one of the credentials that the call needs cannot be put in here, if so."""
        if tool is None:
            return None
        for placement in found if tool.auth_optional else tool.placements:
            refusal = self._unusable(placement)
            if refusal is not None:
                return refusal
        return None

    def _unusable(self, placement: Placement) -> Refusal | None:
        """Why a credential cannot be put in here, if it cannot."""
        name = placement.credential
        credential = self.credentials.get(name)
        if credential is None:
            help_ = f"Ask the operator to declare {name} in credentials.yaml."
            return Refusal(Code.DENIED, f"the tool needs the credential {name}, and there is none", help_)
        if not _may_go(credential, self.read.host):
            help_ = "Ask the operator to list the host in credentials.yaml."
            return Refusal(Code.DENIED, f"{name} may not go to this host", help_)
        chunked = sigv4.chunked(self.fields) if placement.place is Place.SIGV4 else ""
        if chunked and chunked not in sigv4.CHUNKED:
            help_ = "Let the client send the body without signing its chunks (https needs no more)."
            return Refusal(Code.DENIED, "the body's chunks are signed in a way that is not known", help_)
        if self.request.scheme != "https":
            return Refusal(Code.DENIED, f"{name} goes out over https only", "Use an https URL.")
        return None

    # Everywhere else

    def _logins(self) -> dict[str, list[str]]:
        """Fields that APIs read a credential from, and what each presents; empty ones are left out."""
        held = {}
        for name in self.fields.names.logins:
            texts = [text for value in self.fields[name] for text in spelled(value)]
            if any(texts):
                held[name] = texts
        if texts := handshake.logins(self.fields):
            held[handshake.PROTOCOL_FIELD] = texts
        return held

    def _at_home(self) -> tuple[str, ...]:
        """Login fields that hold the agent's placeholder for this very host, where no tool fits.

        Where the host cannot be read, for any.
        """
        return tuple(name for name, texts in self._logins().items() if self._is_home(texts))

    def _is_home(self, texts: Iterable[str]) -> bool:
        owners = [owner for text in texts if (owner := self.facts.placeholders.exact(text)) is not None]
        mine = [owner.credential for owner in owners if owner.agent == self.request.agent]
        if not self.read.host:
            return bool(mine)
        return self.request.scheme == "https" and any(
            name in self.credentials and self.credentials[name].goes_to(self.read.host) for name in mine
        )

    def _nowhere_else(self, known: tuple[str, ...], found: tuple[Placement, ...]) -> None:
        """Refuse a placeholder in any other byte of the request."""
        texts = [*self.places.beside(found, cookies="cookie" in known), *self.fields]
        for name, values in self.fields.items():
            if name not in known:
                texts.extend(values)
        placeholders = self.facts.placeholders
        body = self.places.body_beside(found)
        head = "\0".join(texts).encode("latin-1", "replace")
        if body is None or len(body) > APART:
            owners = {*placeholders.scan(head), *placeholders.scan(body or b"")}
        else:
            owners = set(placeholders.scan(b"%b\0%b" % (head, body)))
        if owners:
            self._misused(owners)
        marks = self.facts.marks
        if marks is not None and (marks.scan(head) or marks.scan(body or b"")):
            raise Misuse(
                "the request holds a link or a code that people decide by",
                "They are for the person they were sent to, and nobody else may pass them on.",
            )

    def _misused(self, owners: set[Owner]) -> None:
        for owner in sorted(owners, key=lambda o: (o.agent == self.request.agent, o.agent, o.credential)):
            if owner.agent != self.request.agent:
                raise Misuse(
                    f"the request holds another agent's placeholder: {owner.credential} of {owner.agent}",
                    "Use the placeholders of your own environment only.",
                )
            raise Misuse(
                f"the request holds the placeholder for {owner.credential} where it does not belong",
                "A placeholder goes to its own host, in its own place, as it is; leave it out elsewhere.",
            )

    def _own_logins(self, tool: Tool | None, known: tuple[str, ...]) -> tuple[str, ...]:
        """Fields with a login of the agent's own that pass; refused where a credential is bound."""
        fields = sorted(name for name in self._logins() if name not in known)
        if any(map(challenges.binds, self.fields.get("authorization", ()))):
            raise Misuse(
                "the request holds a login that is bound to its connection (NTLM or Negotiate)",
                "Connections upstream are not the agent's own: use another way to sign in.",
            )
        if tool is not None and tool.auth_own:
            return tuple(fields)
        if self.credentialed and fields:
            raise Misuse(
                f'the request holds a credential of your own in "{fields[0]}", and the host has one bound',
                "Leave it out, and use the placeholder of your environment where the tool takes one.",
            )
        return () if tool is not None else tuple(fields)

    def _own_cookies(self, tool: Tool | None, exchanged: tuple[str, ...]) -> Refusal | None:
        """Why cookies of the agent's own are not sent to a host that has a credential bound, if so.

        Where the proxy keeps a tool's cookies, what the agent sends in their stead is dropped.
        """
        if not self.credentialed or "cookie" in exchanged or not any(self.fields.get("cookie", ())):
            return None
        if tool is not None and (tool.auth_own or tool.kept or "cookie" in tool.passed):
            return None
        return Refusal(
            Code.DENIED,
            "the request holds cookies of your own, and the host has a credential bound",
            "Send no cookies there: what signs in is put in on the way.",
        )
