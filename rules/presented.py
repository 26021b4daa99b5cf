"""What credential a request presents, and whether it may (DESIGN 3, invariant 5).

A placeholder is exchanged at the one place its tool declares, for the hosts its credential declares, over
https, for the agent it was issued to. Anywhere else, in whatever spelling, the request is refused as
misuse. So is a credential of the agent's own making sent to a host that has one bound, unless the tool
says `auth: own`. A placeholder in a login field of its own host is no misuse where no tool fits: what an
SDK always sends is then refused for want of a rule, not for want of honesty.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from wharfinger.rules.models.agents import Credential
from wharfinger.rules.placeholders import Owner
from wharfinger.rules.recognise import Recognised
from wharfinger.rules.refusal import Refusal
from wharfinger.rules.tools import Tool
from wharfinger.rules.types import Code, Facts, Place, Placement, Request

LOGIN_FIELDS: Final = frozenset(
    {
        "authorization",
        "api-key",
        "apikey",
        "dd-api-key",
        "dd-application-key",
        "private-token",
        "job-token",
        "x-access-token",
        "x-amz-security-token",
        "x-api-key",
        "x-api-token",
        "x-apikey",
        "x-auth-key",
        "x-auth-token",
        "x-functions-key",
        "x-gitlab-token",
        "x-goog-api-key",
        "x-shopify-access-token",
        "x-vault-token",
    }
)
"""Header fields that APIs read a credential from, in lower case. `Cookie` is stripped, not judged."""

SCHEMES: Final = frozenset({"bearer", "token", "apikey", "bot", "key"})
"""Words that stand before a bare credential in a header."""


@dataclass(frozen=True, slots=True)
class Presented:
    """What came of looking: how credentials are put in, or why the request is refused."""

    placements: tuple[Placement, ...] = ()
    refusal: Refusal | None = None
    exchanged: frozenset[str] = frozenset()
    """Header fields (lower case) that hold the placeholder and are replaced, not forwarded."""
    own: tuple[str, ...] = ()
    """Header fields (lower case) that hold the agent's own login and pass; masked wherever they are shown."""
    credentialed: bool = False
    """Whether a credential is bound to the host."""


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
    try:
        fields = tuple([(name.lower(), value.strip(" \t")) for name, value in request.headers])
        logins = tuple([each for each in fields if each[0] in LOGIN_FIELDS and any(spelled(each[1]))])
        return _Look(request, read, credentials, facts, credentialed, fields, logins).presented(tool)
    except _Misuse as misuse:
        return Presented(refusal=misuse.refusal, credentialed=credentialed)


def is_bound(host: str, credentials: Mapping[str, Credential]) -> bool:
    """Whether any credential may go to this (canonical) host."""
    return any(credential.goes_to(host) for credential in credentials.values())


@dataclass(slots=True, eq=False)
class _Look:
    request: Request
    read: Recognised
    credentials: Mapping[str, Credential]
    facts: Facts
    credentialed: bool
    fields: tuple[tuple[str, str], ...]
    """Header fields, names in lower case, values without the blanks around them."""
    logins: tuple[tuple[str, str], ...]
    """Those that APIs read a credential from, if there is anything in them."""

    def presented(self, tool: Tool | None) -> Presented:
        placements = tool.placements if tool is not None else ()
        found = [placement for placement in placements if self._at_its_place(placement)]
        exchanged = frozenset(name for p in found if p.place is not Place.QUERY for name in p.fields)
        parameters = frozenset(p.name for p in found if p.place is Place.QUERY) if found else frozenset()
        at_home = self._at_home() if tool is None else frozenset[str]()
        self._nowhere_else(exchanged | at_home, parameters)
        own = self._own_logins(tool, exchanged | at_home)
        needed = found if tool is not None and tool.auth_optional else placements
        refusal = next(filter(None, map(self._unusable, needed)), None) or self._absent(
            tool, placements, found
        )
        placed = tuple(found)
        if self.facts.assume_placeholder:
            placed = tuple(each for each in placements if each in found or self._unusable(each) is None)
        return Presented(() if refusal else placed, refusal, exchanged, own, self.credentialed)

    # The declared place

    def _at_its_place(self, placement: Placement) -> bool:
        """Whether the agent's placeholder is where the tool declares it; anything else there is misuse."""
        if placement.place is Place.QUERY:
            pairs = self.read.target.query if self.read.target is not None else ()
            values = [value for name, value in pairs if name == placement.name]
            candidates = [(value, [value]) for value in values]
        else:
            names = placement.fields
            values = [value for name, value in self.fields if name in names]
            candidates = [(value, spelled(value, placement.format)) for value in values if value]
        candidates = [(value, texts) for value, texts in candidates if any(texts)]
        if not candidates:
            return False
        if len(candidates) > 1:
            raise _Misuse(f"the place of {placement.credential} holds two values", "Send one.")
        value, texts = candidates[0]
        owners = {owner for text in texts if (owner := self.facts.placeholders.exact(text)) is not None}
        if owners == {Owner(self.request.agent, placement.credential)}:
            return True
        owners = owners or set(self.facts.placeholders.scan(value))
        if owners:
            self._misused(owners)
        raise _Misuse(
            f"the request holds a credential of your own where {placement.credential} goes",
            self._use(placement.credential),
        )

    def _use(self, credential: str) -> str:
        names = (credential, *(self.credentials[credential].env if credential in self.credentials else ()))
        return (
            f"Use the value of the environment variable {' or '.join(names)} as it is; "
            "the real credential is put in on the way."
        )

    def _absent(
        self, tool: Tool | None, placements: tuple[Placement, ...], found: list[Placement]
    ) -> Refusal | None:
        if tool is None or tool.auth_optional or self.facts.assume_placeholder:
            return None
        for placement in placements:
            if placement not in found:
                return Refusal(
                    Code.DENIED,
                    f"the request has no credential, and {tool.name} needs {placement.credential}",
                    self._use(placement.credential),
                )
        return None

    def _unusable(self, placement: Placement) -> Refusal | None:
        """Why a credential cannot be put in here, if it cannot."""
        name = placement.credential
        credential = self.credentials.get(name)
        if credential is None:
            help_ = f"Ask the operator to declare {name} in credentials.yaml."
            return Refusal(Code.DENIED, f"the tool needs the credential {name}, and there is none", help_)
        if not credential.goes_to(self.read.host):
            help_ = "Ask the operator to list the host in credentials.yaml."
            return Refusal(Code.DENIED, f"{name} may not go to this host", help_)
        if self.request.scheme != "https":
            return Refusal(Code.DENIED, f"{name} goes out over https only", "Use an https URL.")
        return None

    # Everywhere else

    def _at_home(self) -> frozenset[str]:
        """Login fields that hold the agent's placeholder for this very host, where no tool fits.

        Where the host cannot be read, for any.
        """
        return frozenset(name for name, value in self.logins if self._is_home(spelled(value)))

    def _is_home(self, texts: Iterable[str]) -> bool:
        owners = [owner for text in texts if (owner := self.facts.placeholders.exact(text)) is not None]
        mine = [owner.credential for owner in owners if owner.agent == self.request.agent]
        if not self.read.host:
            return bool(mine)
        return self.request.scheme == "https" and any(
            name in self.credentials and self.credentials[name].goes_to(self.read.host) for name in mine
        )

    def _nowhere_else(self, fields: frozenset[str], parameters: frozenset[str]) -> None:
        """Refuse a placeholder in any other byte of the request."""
        target = self.request.target
        if parameters and self.read.target is not None:
            rest = (f"{k}={v}" for k, v in self.read.target.query if k not in parameters)
            target = "&".join((target.partition("?")[0], *rest))
        lines = [f"{name}: {value}" for name, value in self.fields if name not in fields]
        head = "\0".join((target, *lines)).encode("latin-1", "replace")
        owners = self.facts.placeholders.scan(head + b"\0" + self.request.body if self.request.body else head)
        if owners:
            self._misused(set(owners))

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

    def _own_logins(self, tool: Tool | None, known: frozenset[str]) -> tuple[str, ...]:
        """Fields with a login of the agent's own that pass; refused where a credential is bound."""
        fields = {name for name, _ in self.logins} - known
        if tool is not None and tool.auth_own:
            return tuple(sorted(fields))
        if self.credentialed and fields:
            raise _Misuse(
                f'the request holds a credential of your own in "{min(fields)}", and the host has one bound',
                "Leave it out, and use the placeholder of your environment where the tool takes one.",
            )
        return () if tool is not None else tuple(sorted(fields))


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
