"""Which header fields of a request go upstream, and which of them refuse it.

Rules (DESIGN 3): only fields of the published base set, or declared by the tool, go upstream; the others
are dropped and named in the event. A field that changes what a call does (`ACTING`) is an input of a tool
that declares it, else a refusal: dropping it in silence would make another call of it. Connection
control, framing and our own fields never pass. Names are compared in lower case.

A client sends the same names again and again, so what names alone decide is decided once and kept
(`Names`, `Plan`), within bounds that no agent can push.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter
from typing import Final, NamedTuple

from wharfinger.rules.requests import handshake, spelling
from wharfinger.rules.requests.fieldnames import (
    ACTING,
    BASE,
    BASE_PREFIXES,
    FRAMING,
    HOP_BY_HOP,
    LOGIN_FIELDS,
    OWN_PREFIXES,
    RANGES,
    SINGLE,
    VOLATILE,
    VOLATILE_PREFIXES,
    acts_on,
    plain,
)
from wharfinger.rules.requests.refusal import Refusal, Refused
from wharfinger.rules.types import Code, Request

CODINGS = frozenset({"identity", "gzip", "x-gzip", "deflate", "br", "zstd", "aws-chunked"})
"""Content codings that a body may have where its tool does not read it; one, not a chain of them."""

_SPECIAL = frozenset({"content-encoding", "transfer-encoding", "trailer", "upgrade"})
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_READ_HERE = (SINGLE - {"wharfinger-reason"}) | ACTING.keys()
"""Fields whose values decide something: plain ASCII only."""

KEPT_NAMES: Final = 512
"""How many sequences of names are kept, and (twice as many) plans of what goes upstream."""
KEPT_SIZE: Final = 2_048
"""Characters of names beyond which a request's are read anew each time."""
_NONE: Final = frozenset[str]()


@dataclass(frozen=True, slots=True, eq=False)
class Names:
    """What the names of a request's fields say, whatever the values."""

    low: tuple[str, ...]
    """In lower case, in order."""
    repeated: bool
    """Whether one stands more than once."""
    special: bool
    """Whether there is one of those about coding and framing."""
    connection: bool
    acting: tuple[str, ...]
    """Those that change what a call does."""
    logins: tuple[str, ...]
    """Those that APIs read a credential from."""
    kept: bool
    """Whether they are few enough to be kept."""


class Fields(dict[str, tuple[str, ...]]):
    """Values by name in lower case, without the blanks around them."""

    __slots__ = ("names",)
    names: Names


_kept: Final[dict[tuple[str, ...], Names]] = {}


def names(given: tuple[str, ...]) -> Names:
    """What these names say. Raises `Refused` for one that must not stand in a request."""
    found = _kept.get(given)
    if found is None:
        found = _named(given, tuple([_lower(name) for name in given]))
        if found.kept:
            if len(_kept) >= KEPT_NAMES:
                _kept.clear()
            _kept[given] = found
    return found


def _named(given: tuple[str, ...], low: tuple[str, ...]) -> Names:
    different = tuple(dict.fromkeys(low))
    return Names(
        low,
        repeated=len(different) != len(low),
        special=not _SPECIAL.isdisjoint(low),
        connection="connection" in low,
        acting=tuple(name for name in different if acts_on(name)),
        logins=tuple(name for name in different if name in LOGIN_FIELDS),
        kept=sum(map(len, given)) <= KEPT_SIZE,
    )


@lru_cache(maxsize=4096)
def _lower(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise Refused("a header's name has characters that must not stand in one", "Send a plain name.")
    return name.lower()


def is_base(name: str) -> bool:
    """Whether the field (lower case) is of the published base set."""
    return name in BASE or name.startswith(BASE_PREFIXES)


def is_volatile(name: str, own: frozenset[str] = frozenset()) -> bool:
    """Whether the field (lower case) is left out of the request digest; `own` is the API file's list."""
    return name in VOLATILE or name in own or name.startswith(VOLATILE_PREFIXES)


# Reading


def read(request: Request) -> Fields:
    """The request's fields by name. Raises `Refused` for names or values that must not stand in one."""
    known = names(tuple([name for name, _ in request.headers]))
    values = [value.strip(" \t") for _, value in request.headers]
    text = "".join(values)
    if not (text.isascii() and text.isprintable()):
        _check_values(known, values)
    return _fields(known, values)


def as_received(request: Request) -> Fields:
    """The same of a request that must not be sent, to see what else is wrong with it. Never raises."""
    given = tuple([name for name, _ in request.headers])
    known = _named(given, tuple([name.lower() for name in given]))
    return _fields(known, [value.strip(" \t") for _, value in request.headers])


def _fields(known: Names, values: list[str]) -> Fields:
    fields = Fields(zip(known.low, zip(values)))  # noqa: B905 -- strict costs as much as the rest
    if known.repeated:
        each: dict[str, list[str]] = {}
        for low, value in zip(known.low, values, strict=True):
            each.setdefault(low, []).append(value)
        fields = Fields((low, tuple(held)) for low, held in each.items())
    fields.names = known
    return fields


def _check_values(known: Names, values: list[str]) -> None:
    for low, value in zip(known.low, values, strict=True):
        if not _VALUE.fullmatch(value) or (low in _READ_HERE and not value.isascii()):
            shown = f'"{low}"' if low in BASE or low in _READ_HERE else "of the request"
            raise Refused(
                f"the header {shown} has a control or foreign character", "Send plain text on one line."
            )


def check(request: Request) -> Refusal | None:
    """Why the request's header fields refuse it, if they do, whatever tool it may be and policy may say."""
    try:
        check_fields(request, read(request))
    except Refused as refused:
        return refused.refusal
    return None


def check_fields(request: Request, fields: Fields) -> None:
    """`check` for fields that have been read. Raises `Refused`."""
    known = fields.names
    if known.repeated:
        _repeated(fields)
    _host(request, fields)
    if known.connection:
        _nominations(fields)
    if known.special:
        _framing(fields)
        if handshake.asks(fields):
            handshake.check(request, fields)


def acting(fields: Fields, declared: frozenset[str] = _NONE) -> Refusal | None:
    """Refuse fields of `ACTING` that are not `declared` (lower case) as inputs or constants by the tool.

    Servers behind CGI or WSGI cannot tell `_` from `-` in a name, so neither spelling gets by.
    """
    for name in fields.names.acting:
        if name not in declared:
            shown = plain(name)
            acts = f'the header "{shown}" changes the {acts_on(shown)} of the call'
            return Refusal(
                Code.DENIED,
                f"{acts}, and no tool here declares it",
                "Leave the header out, or ask the operator for a tool that takes it as an input.",
            )
    return None


def encoded(fields: Fields) -> Refusal | None:
    """Refuse a body that is compressed or encoded: for tools that read it, and where no tool does."""
    values = fields.get("content-encoding")
    if values is None or values[0].lower() == "identity":
        return None
    return Refusal(Code.BAD_REQUEST, "the body is compressed or encoded", "Send it without Content-Encoding.")


def _repeated(fields: Fields) -> None:
    for name, values in fields.items():
        if len(values) > 1 and (name in SINGLE or acts_on(name)):
            raise Refused(f'the header "{name}" stands {len(values)} times', "Send it once.")


def _nominations(fields: Fields) -> None:
    """Refuse `Connection` fields that would take away what the decision reads."""
    for name in _nominated(fields):
        if name in fields and (name in SINGLE or acts_on(name) or is_base(name)):
            raise Refused(
                '"Connection" names a header that must reach the API', "Name only connection options there."
            )


def _host(request: Request, fields: Fields) -> None:
    values = fields.get("host", ())
    if not values and request.http_version in {"HTTP/2", "HTTP/2.0"}:
        return  # :authority says it there, and has been read into host and port
    if len(values) != 1:
        raise Refused("the request has no Host header, or more than one", "Send exactly one.")
    default = spelling.DEFAULT_PORTS.get(request.scheme)
    if values[0] == request.host and request.port == default and spelling.host(request.host):
        return  # the same text in both places
    named = spelling.authority(values[0], default)
    if named != (spelling.host(request.host), request.port):
        raise Refused("the Host header names another host than the connection", "Let them agree.")


def _framing(fields: Fields) -> None:
    if any(value.lower() not in CODINGS for value in fields.get("content-encoding", ())):
        raise Refused("the body is encoded in a way that is not known", "Send it without Content-Encoding.")
    if "content-length" in fields and "transfer-encoding" in fields:
        raise Refused("the request has both Content-Length and Transfer-Encoding", "Send one of them.")
    if "trailer" in fields:
        raise Refused("the request announces trailers", "Send all fields before the body.")
    # Java's client offers h2c on every plain request; it is an offer, and not taking it is an answer.
    if any(value.lower() not in {"h2c", "websocket"} for value in fields.get("upgrade", ())):
        raise Refused("the request asks for a protocol upgrade", "Use plain HTTP requests.")


# What goes upstream


class Passes(NamedTuple):
    """What passes for one request beyond the base set, and what does not. All names are in lower case."""

    passed: frozenset[str] = _NONE
    """Declared or passed by the tool; fields that hold logins pass only if they are in `declared`, too."""
    declared: frozenset[str] = _NONE
    """Inputs and constants of the tool."""
    volatile: frozenset[str] = _NONE
    """What the API's own list leaves out of the request digest."""
    own: tuple[str, ...] = ()
    """Fields with a login of the agent's own, which pass."""
    exchanged: tuple[str, ...] = ()
    """Fields that a credential takes the place of: neither forwarded nor named."""
    ranges: bool = True
    """False where a secret could come back in the answer."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What becomes of the fields of requests with these names, each by its place among them."""

    kept: tuple[int, ...]
    host: int
    """Where among the kept `Host` stands, which is written anew; -1 if it does not."""
    dropped: tuple[str, ...]
    """Names in lower case."""
    digested: tuple[tuple[str, int], ...]
    """What the request digest covers: name in lower case and place among the kept, sorted by name."""

    def outgoing(self, request: Request) -> tuple[tuple[str, str], ...]:
        """The fields that go upstream, in order; `Host` in canonical form."""
        given = request.headers
        kept = [given[place] for place in self.kept]
        if self.host >= 0:
            kept[self.host] = (kept[self.host][0], host_value(request))
        return tuple(kept)

    def covered(self, outgoing: tuple[tuple[str, str], ...]) -> list[tuple[str, str]]:
        """Of what goes upstream, what the request digest covers."""
        return [(name, outgoing[place][1]) for name, place in self.digested]


def plan(request: Request, known: Names, passes: Passes) -> Plan:
    """Which fields go upstream, and which do not.

    `Authorization`, `Cookie` and other places of credentials are in no base set: pass them where they may
    go. Connection control, framing, `Proxy-*` and `Wharfinger-*` are neither forwarded nor named.
    """
    nominated = _nominated({"connection": request.values("connection")}) if known.connection else _NONE
    return (_plan if known.kept else _plan.__wrapped__)(known, passes, nominated)


@lru_cache(maxsize=2 * KEPT_NAMES)
def _plan(known: Names, passes: Passes, nominated: frozenset[str]) -> Plan:
    passed = passes.passed | frozenset(passes.own)
    if not passes.own:
        passed -= LOGIN_FIELDS - passes.declared
    dropped: dict[str, None] = {}
    kept: list[tuple[str, int]] = []
    for place, low in enumerate(known.low):
        if low in HOP_BY_HOP or low in FRAMING or low.startswith(OWN_PREFIXES) or low in passes.exchanged:
            continue
        free = low in passed or is_base(low) or (low in RANGES and (passes.ranges or "range" in passed))
        if low == "host" or (free and low not in nominated):
            kept.append((low, place))
        else:
            dropped[low] = None
    lows = [low for low, _ in kept]
    digested = [(low, at) for at, low in enumerate(lows) if not is_volatile(low, passes.volatile)]
    digested.sort(key=itemgetter(0))  # stable: fields of one name stay in order
    host = lows.index("host") if "host" in lows else -1
    return Plan(tuple(place for _, place in kept), host, tuple(dropped), tuple(digested))


def _nominated(fields: Mapping[str, tuple[str, ...]]) -> frozenset[str]:
    """Fields that `Connection` names as ending at this hop (RFC 9110 7.6.1)."""
    values = fields.get("connection", ())
    return frozenset(part.strip().lower() for value in values for part in value.split(","))


def host_value(request: Request) -> str:
    """The canonical `Host` of a request: the port is left out where it is the scheme's own."""
    name = spelling.host(request.host)
    return name if request.port == spelling.DEFAULT_PORTS.get(request.scheme) else f"{name}:{request.port}"
