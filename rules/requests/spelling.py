"""Read how a request is spelled, or refuse it: host, authority, method, path and query.

Rules (DESIGN 3, invariant 3): a spelling with one reading is read decoded and sent as it was received;
one that servers read in two ways is refused. Every reader here is idempotent: its canonical form,
read again, gives the same.

Refused: host names that are not plain ASCII labels, other spellings of IPv4 than the dotted quad,
IPv6 that embeds an IPv4 address; in paths dot segments, empty segments, backslashes, `;` parameters,
control bytes, fragments, raw non-ASCII, broken percent escapes, and whatever turns into one of these
when decoded twice; in queries `;` separators, control bytes, empty names, broken escapes.

All text is `str` of one character per byte received (see `rules.types`).
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from dataclasses import dataclass, field
from functools import lru_cache
from urllib.parse import quote, unquote_to_bytes

from wharfinger.rules.requests.refusal import Refused

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
"""Methods any request may use; a tool's template may declare others."""
NEVER_METHODS = frozenset({"TRACE", "TRACK", "CONNECT"})
"""Methods no template can declare: they echo the request (RFC 9110 9.3.8) or open a tunnel."""

MAX_TARGET = 8 * 1024
"""Characters of path and query together; RFC 9112 3 asks for at least 8000."""
MAX_PARAMETERS = 1_000
MAX_UNQUOTE = 4
"""How often a path segment may be percent-encoded over itself before it is refused unread."""

DEFAULT_PORTS = {"http": 80, "https": 443}

type Pairs = tuple[tuple[str, str], ...]

_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?", re.ASCII)
_NUMERIC = re.compile(r"(?:[0-9]+|0x[0-9a-f]*)", re.ASCII)
_QUAD = re.compile(r"(?:0|[1-9][0-9]{0,2})(?:\.(?:0|[1-9][0-9]{0,2})){3}", re.ASCII)
_PORT = re.compile(r"[1-9][0-9]{0,4}", re.ASCII)
_TOKEN = re.compile(r"[A-Z][A-Z0-9_-]{0,31}", re.ASCII)
_TARGET = re.compile(r"/[!-\"$-\[\]-~]*", re.ASCII)
_BAD_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_ESCAPE = re.compile(r"%[0-9A-Fa-f]{2}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_CONTROL_IN_VALUE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_PLAIN_PATH = re.compile(r"(?:/[A-Za-z0-9_~!$&'()*+,=:@-][A-Za-z0-9._~!$&'()*+,=:@-]*)+/?", re.ASCII)
_NOWHERE = frozenset[int]()
_SEGMENT_SAFE = "!$&'()*+,=:@-._~"

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_NAT64_LOCAL = ipaddress.IPv6Network("64:ff9b:1::/48")
_V4_COMPATIBLE = ipaddress.IPv6Network("::/96")


# Hosts


@lru_cache(maxsize=4096)
def host(text: str) -> str:
    """The canonical form of a host: lower-case labels, a dotted quad, or `[IPv6]`. One trailing dot goes.

    Raises `Refused` for everything else, without guessing at international names: those come as `xn--`.
    """
    if text.startswith("["):
        return _ipv6(text)
    name = text.lower().removesuffix(".") if text.isascii() else ""
    labels = name.split(".")
    if len(name) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise Refused(
            "the host is not a plain name", "Write the host as ASCII labels (international names as xn--)."
        )
    if _NUMERIC.fullmatch(labels[-1]):
        return _ipv4(name)
    for label in labels:
        if label.startswith("xn--"):
            _alabel(label)
    return name


def _ipv4(name: str) -> str:
    if not _QUAD.fullmatch(name) or any(int(part) > 255 for part in name.split(".")):
        raise Refused(
            "the host is not an address in plain form", "Write IPv4 addresses as four decimal numbers."
        )
    return name


def _ipv6(text: str) -> str:
    problem = Refused(
        "the host is not an IPv6 address in plain form",
        "Write it in brackets, without a zone and without an embedded IPv4 address.",
    )
    inner = text[1:-1]
    if not text.endswith("]") or not text.isascii() or "%" in inner or "." in inner:
        raise problem
    try:
        address = ipaddress.IPv6Address(inner)
    except ValueError:
        raise problem from None
    if _embeds_ipv4(address):
        raise problem
    return f"[{address.compressed}]"


def _embeds_ipv4(address: ipaddress.IPv6Address) -> bool:
    compatible = address in _V4_COMPATIBLE and int(address) > 1
    isatap = (int(address) >> 32) & 0xFDFFFFFF == 0x5EFE  # RFC 5214 6.1, either value of the u bit
    return bool(
        compatible
        or isatap
        or address.ipv4_mapped
        or address.sixtofour
        or address.teredo
        or address in _NAT64
        or address in _NAT64_LOCAL
    )


def _alabel(label: str) -> None:
    """Refuse an `xn--` label that is no encoding of a non-ASCII label (RFC 5890 2.3.2.1)."""
    try:
        decoded = label[4:].encode("ascii").decode("punycode")
        again = decoded.encode("punycode").decode("ascii")
    except (UnicodeError, ValueError, OverflowError):
        decoded, again = "", ""
    if decoded.isascii() or again != label[4:]:
        raise Refused("the host has an xn-- label that encodes nothing", "Write the host name as it is.")


def covers(pattern: str, name: str) -> bool:
    """Whether a pattern of the configuration is about this (canonical) host.

    Exactly it; `*.example.com` for one label before it, as certificates read a wildcard (RFC 9525); `*`
    for any.
    """
    if not pattern.startswith("*"):
        return pattern == name
    label = name.removesuffix(pattern[1:])
    return pattern == "*" or (label != name and bool(label) and "." not in label)


def authority(text: str, default_port: int | None = None) -> tuple[str, int]:
    """Host and port of `host[:port]`; without a default the port must be written (CONNECT)."""
    name, colon, port = text, "", ""
    if text.startswith("["):
        inner, bracket, rest = text.partition("]")
        name, colon, port = inner + bracket, rest[:1], rest[1:]
    elif ":" in text:
        name, colon, port = text.partition(":")
    if not colon:
        if default_port is None:
            raise Refused("the authority names no port", "Write it as host:port.")
        return host(name), default_port
    if colon != ":" or not _PORT.fullmatch(port) or int(port) > 65535:
        raise Refused("the port is not a number from 1 to 65535", "Write the authority as host:port.")
    return host(name), int(port)


# Methods


def method(text: str, declared: frozenset[str] = frozenset()) -> str:
    """The method, if it is one of `METHODS` or declared by a template. Methods are case-sensitive."""
    if text in METHODS or (text in declared and text not in NEVER_METHODS):
        return text
    raise Refused(
        "the request's method is not one that is let through",
        "Use GET, HEAD, POST, PUT, PATCH, DELETE or OPTIONS, in capitals.",
    )


def is_method(text: str) -> bool:
    """Whether a template may declare `text` as its method."""
    return bool(_TOKEN.fullmatch(text)) and text not in NEVER_METHODS


# Paths


@dataclass(frozen=True, slots=True)
class Path:
    """A path, read. A trailing slash is kept as a last, empty segment; `/` is one empty segment."""

    segments: tuple[str, ...]
    """Decoded once."""
    encoded: frozenset[int] = _NOWHERE
    """Which segments hold an encoded slash: only `${x:encoded}` may match these."""
    plain: str = field(default="", compare=False, repr=False)
    """The path as received, where that is the canonical spelling."""

    @property
    def canonical(self) -> str:
        """The one spelling that stands for all spellings of this path."""
        return self.plain or "".join("/" + quote(segment, safe=_SEGMENT_SAFE) for segment in self.segments)

    @property
    def apart(self) -> Path:
        """The same to a server that takes an encoded slash for a slash."""
        return Path(tuple(part for segment in self.segments for part in segment.split("/")))


def path(text: str) -> Path:
    """Read the path of an origin-form target, without its query."""
    if len(text) > MAX_TARGET:
        raise Refused("the path is too long", f"Keep path and query within {MAX_TARGET} characters.")
    if _PLAIN_PATH.fullmatch(text):
        return Path(tuple(text[1:].split("/")), _NOWHERE, text)
    if not _TARGET.fullmatch(text) or "?" in text:
        raise Refused(
            "the path has characters that must not stand in one",
            "Percent-encode it, and begin it with a slash.",
        )
    if ";" in text:
        raise Refused("the path has ';' parameters, which servers read in two ways", "Write ';' as %3B.")
    parts = text[1:].split("/")
    segments = tuple(_segment(part) for part in parts)
    if any(not segment for segment in segments[:-1]):
        raise Refused("the path has an empty segment, which servers read in two ways", "Remove the '//'.")
    return Path(segments, frozenset(i for i, segment in enumerate(segments) if "/" in segment))


def _segment(raw: str) -> str:
    text = percent_decoded(raw)
    _refuse_ambiguous(text)
    again = text
    for _ in range(MAX_UNQUOTE):
        if not _ESCAPE.search(again):
            return text
        again = unquote_to_bytes(again).decode("utf-8", "replace")
        if "/" in again:
            raise Refused("the path has a slash that is encoded twice", "Encode each segment once.")
        _refuse_ambiguous(again)
    raise Refused("the path is percent-encoded over and over", "Encode each segment once.")


def _refuse_ambiguous(text: str) -> None:
    if "\\" in text or _CONTROL.search(text):
        raise Refused("the path has a backslash or a control character", "Leave them out.")
    parts = text.split("/")
    if not text.isascii():  # what is a dot or a slash once a server has normalised it (NFKC) is one here
        parts += unicodedata.normalize("NFKC", text).replace("\\", "/").split("/")
    if any(part.partition(";")[0].strip() in {".", ".."} for part in parts):
        raise Refused("the path has a dot segment, which servers read in two ways", "Write the path in full.")
    if "/" in text and not all(text.split("/")):
        raise Refused("the path has an encoded slash beside nothing", "Encode each segment once.")


def percent_decoded(raw: str) -> str:
    """`raw` with its escapes decoded once, as UTF-8; refused if an escape or the UTF-8 is broken."""
    if "%" not in raw:
        return raw
    if _BAD_PERCENT.search(raw):
        raise Refused("a percent escape is broken", "Write a literal percent sign as %25.")
    try:
        return unquote_to_bytes(raw).decode("utf-8")
    except UnicodeDecodeError:
        raise Refused("a percent escape is not UTF-8", "Encode text as UTF-8.") from None


# Queries and forms


def query(text: str) -> Pairs:
    """Names and values of a query, decoded; a name without `=` has the empty value."""
    if ";" in text:
        raise Refused("the query has a ';', which servers read in two ways", "Write it as %3B.")
    if text and not _TARGET.fullmatch("/" + text):
        raise Refused("the query has characters that must not stand in one", "Percent-encode it.")
    return pairs(text, "query")


def pairs(text: str, where: str) -> Pairs:
    """Read `a=1&b=2` as `application/x-www-form-urlencoded` is read (WHATWG URL 5.1), strictly."""
    if not text:
        return ()
    parts = text.split("&")
    if len(parts) > MAX_PARAMETERS:
        raise Refused(f"the {where} has too many parameters", f"Send at most {MAX_PARAMETERS}.")
    return tuple(_pair(part, where) for part in parts if part)


def _pair(part: str, where: str) -> tuple[str, str]:
    raw_name, _, raw_value = part.partition("=")
    name = percent_decoded(raw_name.replace("+", " "))
    value = percent_decoded(raw_value.replace("+", " "))
    if not name:
        raise Refused(f"the {where} has a parameter without a name", "Name every parameter.")
    if _CONTROL.search(name) or _CONTROL_IN_VALUE.search(value):
        raise Refused(f"the {where} has a control character", "Leave it out.")
    return name, value


def canonical_pairs(read: Pairs) -> str:
    """The one spelling that stands for all spellings of these pairs, in their order."""
    return "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in read)


@dataclass(frozen=True, slots=True)
class Target:
    """Path and query of a request, read."""

    path: Path
    query: Pairs

    @property
    def canonical(self) -> str:
        """The one spelling that stands for all spellings of this target."""
        text = canonical_pairs(self.query)
        return f"{self.path.canonical}?{text}" if text else self.path.canonical


def target(text: str) -> Target:
    """Read an origin-form target: path and query as received."""
    if len(text) > MAX_TARGET:
        raise Refused("path and query are too long", f"Keep path and query within {MAX_TARGET} characters.")
    raw_path, _, raw_query = text.partition("?")
    return Target(path(raw_path), query(raw_query) if raw_query else ())
