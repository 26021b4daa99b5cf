"""What credential a request presents, and whether it may (DESIGN 3, invariant 5).

A placeholder is exchanged at a place its tool declares, for the hosts its credential declares, over
https, for the agent it was issued to. Anywhere else, in whatever spelling, the request is refused as
misuse. So is a credential of the agent's own making sent to a host that has one bound, unless the tool
says `auth: own`. A placeholder in a login field of its own host is no misuse where no tool fits: what an
SDK always sends is then refused for want of a rule, not for want of honesty. Cookies may be a login or
nothing at all, as those that a page of the same domain has set: there they are refused, and no misuse.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from wharfinger.rules import hmacs, sigv4
from wharfinger.rules.models.credentials import Credential
from wharfinger.rules.recognition.recognised import Recognised
from wharfinger.rules.requests import challenges, handshake, headers
from wharfinger.rules.requests.headers import Fields, Names
from wharfinger.rules.requests.placeholders import Owner
from wharfinger.rules.requests.refusal import Refusal, Refused
from wharfinger.rules.tools import placing
from wharfinger.rules.tools.tool import Tool
from wharfinger.rules.transient import transient
from wharfinger.rules.types import Code, Facts, Place, Placement, Request

SCHEMES: Final = frozenset({"bearer", "token", "apikey", "bot", "key"})
"""Words that stand before a bare credential in a header."""

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


_IN_SIGNED_URL: Final = ["X-Amz-Credential", "X-Amz-Security-Token"]
"""Parameters that hold the key in a URL with a signature of AWS's."""


class _Misuse(Exception):
    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(reason)
        self.refusal = Refusal(Code.MISUSE, reason, remedy)


def present(
    request: Request, read: Recognised, credentials: Mapping[str, Credential], facts: Facts
) -> Presented:
    """Look at everything a request presents. The request has been recognised, as `read`."""
    tool = read.winner
    credentialed = bool(tool is not None and tool.placements) or is_bound(read.host, credentials)
    fields = read.fields if read.fields is not None else headers.as_received(request)
    try:
        return _Look(request, read, credentials, facts, credentialed, fields).presented(tool)
    except _Misuse as misuse:
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
        presented = self._presented(placement)
        if presented is None:
            return placement
        candidates = [(value, texts) for value, texts in presented if any(texts)]
        if not candidates:
            return None
        if len(candidates) > 1 and not self._are_one(placement, candidates):
            raise _Misuse(f"the place of {placement.credential} holds two values", "Send one.")
        value, texts = candidates[0]
        owners = {owner for text in texts if (owner := self.facts.placeholders.exact(text)) is not None}
        if len(owners) == 1:
            (owner,) = owners
            if (owner.agent, owner.credential) == (self.request.agent, placement.credential):
                return replace(placement, sealed=owner.sealed) if owner.sealed else placement
        owners = owners or set(self.facts.placeholders.scan(value))
        if owners:
            self._misused(owners)
        raise _Misuse(
            f"the request holds a credential of your own where {placement.credential} goes",
            self._use(placement.credential),
        )

    def _presented(self, placement: Placement) -> list[tuple[str, list[str]]] | None:
        """What stands at a place, and what each value may mean; None for the placeholder itself."""
        match placement.place:
            case Place.QUERY:
                pairs = self.read.target.query if self.read.target is not None else ()
                return [(value, [value]) for name, value in pairs if name == placement.name and value]
            case Place.PATH:
                return self._in_path(placement)
            case Place.COOKIE:
                pairs = self._cookies()
                return [(value, [value]) for name, value in pairs if name == placement.name and value]
            case Place.BODY:
                return self._in_body(placement)
            case Place.SIGV4:
                return self._in_signature()
            case Place.TLS:
                return None  # it is the connection's, and no agent could present it
            case Place.HMAC:
                return self._in_hmac(placement)
        values = [value for name in placement.fields for value in self.fields.get(name, ())]
        if len(values) == 1 and self._is_mine(values[0], placement):
            return None
        return [(value, spelled(value, placement.format)) for value in values if value]

    def _in_path(self, placement: Placement) -> list[tuple[str, list[str]]]:
        segments = self.read.target.path.segments if self.read.target is not None else ()
        if placement.segment >= len(segments):
            return []
        text = segments[placement.segment]
        before, _, after = placement.format.partition("${secret}")
        text = text[len(before) : len(text) - len(after)]
        return [] if text == placement.unfilled else [(text, [text])]

    def _in_body(self, placement: Placement) -> list[tuple[str, list[str]]]:
        body = self.read.body.value
        value = body.get(placement.name) if isinstance(body, Mapping) else None
        if value is None or value == "":
            return []
        text = value if isinstance(value, str) else str(value)
        if self._around(placement) is None:
            raise _Misuse(
                f"the place of {placement.credential} holds what cannot be exchanged",
                self._use(placement.credential),
            )
        return [(text, [text])]

    def _in_signature(self) -> list[tuple[str, list[str]]]:
        """The key that the request is signed with; a session token, where there is one, must be the same."""
        keys = [value for value in self.fields.get("x-amz-security-token", ()) if value]
        regions = self.fields.get("x-amz-region-set", ())
        for value in filter(None, self.fields.get("authorization", ())):
            scope = sigv4.read(value, regions)
            keys.append(value if scope is None else scope.key)
        query = self.read.target.query if self.read.target is not None else ()
        if sigv4.is_presigned(query):
            keys.extend(self._in_signed_url(query))
        return [(key, [key]) for key in dict.fromkeys(keys)]

    def _in_signed_url(self, query: Iterable[tuple[str, str]]) -> list[str]:
        """The key of a URL that holds its own signature, and its session token."""
        found = sigv4.presigned(query)
        if found is None or self.fields.get("authorization"):
            raise _Misuse(
                "the URL's signature cannot be read", "Sign it as AWS's own clients do, or not at all."
            )
        return [text for text in (found[0].key, found[1]) if text]

    def _in_hmac(self, placement: Placement) -> list[tuple[str, list[str]]] | None:
        """The placeholder itself, or a signature that it was made with: that is worth as much."""
        values = [value for value in self.fields.get(placement.name.lower(), ()) if value]
        mine = self.facts.placeholders.of(self.request.agent, placement.credential)
        signing, body = placement.signing, self.request.body
        if len(values) == 1 and mine is not None and signing is not None and body is not None:
            times = self.fields.get(signing.time.lower(), ()) if signing.time else ()
            said = hmacs.parts(self.request.method, self.request.host, self.request.target, body)
            if hmacs.proves(signing, mine, values[0], times, said):
                return None
        return [(value, [value]) for value in values]

    def _around(self, placement: Placement) -> placing.Around | None:
        """The body around the place of a credential."""
        return placing.in_body(self.read.body, self.request.body or b"", placement.name)

    def _cookies(self) -> tuple[tuple[str, str], ...]:
        try:
            return placing.cookies(self.fields.get("cookie", ()))
        except Refused as refused:
            raise _Misuse(refused.refusal.reason, refused.refusal.help) from None

    def _is_mine(self, value: str, placement: Placement) -> bool:
        """Whether a value is, to the letter, what the tool's format makes of the agent's placeholder."""
        mine = self.facts.placeholders.of(self.request.agent, placement.credential)
        return mine is not None and value == placement.format.replace("${secret}", mine)

    def _use(self, credential: str) -> str:
        names = (credential, *(self.credentials[credential].env if credential in self.credentials else ()))
        return (
            f"Use the value of the environment variable {' or '.join(names)} as it is; "
            "the real credential is put in on the way."
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
                    self._use(placement.credential),
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
        texts = [self._other_target(found), *self.fields]
        for name, values in self.fields.items():
            if name not in known:
                texts.extend(values)
        texts.extend(map(sigv4.beside_key, self._signatures(found)))
        if "cookie" in known:
            texts.extend(self._other_cookies(found))
        placeholders = self.facts.placeholders
        body = self._other_body(found)
        head = "\0".join(texts).encode("latin-1", "replace")
        if body is None or len(body) > APART:
            owners = {*placeholders.scan(head), *placeholders.scan(body or b"")}
        else:
            owners = set(placeholders.scan(b"%b\0%b" % (head, body)))
        if owners:
            self._misused(owners)
        marks = self.facts.marks
        if marks is not None and (marks.scan(head) or marks.scan(body or b"")):
            raise _Misuse(
                "the request holds a link or a code that people decide by",
                "They are for the person they were sent to, and nobody else may pass them on.",
            )

    def _signatures(self, found: tuple[Placement, ...]) -> Iterator[str]:
        """The fields of a signature that say more than the key."""
        if any(each.place is Place.SIGV4 for each in found):
            for name in ("authorization", "x-amz-date", "x-amz-content-sha256", "x-amz-region-set"):
                yield from self.fields.get(name, ())

    def _other_target(self, found: tuple[Placement, ...]) -> str:
        """The target without the places of the credentials found in it."""
        target = self.request.target
        parameters = [each.name for each in found if each.place is Place.QUERY]
        if any(each.place is Place.SIGV4 for each in found):
            parameters += _IN_SIGNED_URL
        if parameters and self.read.target is not None:
            rest = (f"{k}={v}" for k, v in self.read.target.query if k not in parameters)
            target = "&".join((target.partition("?")[0], *rest))
        numbers = sorted({each.segment for each in found if each.place is Place.PATH}, reverse=True)
        for number in numbers:
            target = placing.without_segment(target, number)
        return target

    def _other_cookies(self, found: tuple[Placement, ...]) -> Iterator[str]:
        """Cookies beside those that hold credentials: a login of the agent's own, which has no place here."""
        names = {each.name for each in found if each.place is Place.COOKIE}
        for name, value in self._cookies():
            if name not in names:
                yield f"{name}={value}"
                if not self.facts.placeholders.scan(f"{name}={value}"):
                    raise _Misuse(
                        "the request holds a cookie of your own beside the credential's",
                        "Send the credential's cookie alone.",
                    )

    def _other_body(self, found: tuple[Placement, ...]) -> bytes | None:
        """The body, or what has been read of it, without the credentials found in it."""
        body = self.request.body if self.request.body is not None else self.request.opening
        for placement in found:
            if placement.place is Place.BODY and body is not None:
                around = placing.in_body(self.read.body, body, placement.name)
                if around is not None:
                    body = b"%b\0%b" % (around.before, around.after)
        return body

    def _misused(self, owners: set[Owner]) -> None:
        for owner in sorted(owners, key=lambda o: (o.agent == self.request.agent, o.agent, o.credential)):
            if owner.agent != self.request.agent:
                raise _Misuse(
                    f"the request holds another agent's placeholder: {owner.credential} of {owner.agent}",
                    "Use the placeholders of your own environment only.",
                )
            raise _Misuse(
                f"the request holds the placeholder for {owner.credential} where it does not belong",
                "A placeholder goes to its own host, in its own place, as it is; leave it out elsewhere.",
            )

    def _own_logins(self, tool: Tool | None, known: tuple[str, ...]) -> tuple[str, ...]:
        """Fields with a login of the agent's own that pass; refused where a credential is bound."""
        fields = sorted(name for name in self._logins() if name not in known)
        if any(map(challenges.binds, self.fields.get("authorization", ()))):
            raise _Misuse(
                "the request holds a login that is bound to its connection (NTLM or Negotiate)",
                "Connections upstream are not the agent's own: use another way to sign in.",
            )
        if tool is not None and tool.auth_own:
            return tuple(fields)
        if self.credentialed and fields:
            raise _Misuse(
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


def spelled(value: str, written: str = "${secret}") -> list[str]:
    """The texts that a header's value may present as a credential: bare, after a scheme, in `Basic`.

    `written` is the tool's own format.
    """
    before, _, after = written.partition("${secret}")
    texts = [value]
    if value.startswith(before) and value.endswith(after) and len(value) >= len(before) + len(after):
        texts.append(value[len(before) : len(value) - len(after)])
    scheme, _, rest = value.partition(" ")
    rest = rest.strip(" \t")
    if scheme.lower() in SCHEMES:
        return [text for text in (*texts, rest) if text] if rest else []
    if scheme.lower() == "basic":
        return [*texts, *_basic(rest)] if rest else []
    return texts


def _basic(text: str) -> list[str]:
    """User and password of RFC 7617 credentials, those that are there."""
    try:
        raw = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=None, validate=True)
    except (binascii.Error, UnicodeEncodeError, ValueError):
        return []
    user, _, password = raw.decode("latin-1").partition(":")
    return [part for part in (user, password) if part]
