"""Read request bodies through one strict parser, so that policy sees what the API will see.

JSON (RFC 8259, in its interoperable part, RFC 7493): UTF-8 without a mark, no duplicate keys however
escaped, no integer beyond int64, nothing non-finite or so small that it becomes zero, no lone surrogates,
no more than 64 levels. Forms: as `rules.requests.spelling.pairs` reads them, names nested by brackets.
Text: UTF-8. Anything else is not read.

`Body.problem` says why a body could not be read; whether that matters is for the tool to say.
"""

from __future__ import annotations

import enum
import json
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import Any

import re2
from wharfinger.rules.requests import multipart, spelling
from wharfinger.rules.requests.refusal import Refused
from wharfinger.rules.types import JSON, Request

DEFAULT_LIMIT = 1024 * 1024
"""Bytes of body that are parsed where settings do not say otherwise (`limits.parse`)."""
MAX_DEPTH = 64
MAX_SHORT = 512
"""Bytes of JSON up to which checking each number takes less than looking for those to be checked."""
MAX_KEPT = 128
"""Characters of a Content-Type whose reading is kept."""
INT64 = range(-(2**63), 2**63)

_MEDIA = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,126}/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}", re.ASCII)
_PARAMETER = re.compile(r'([A-Za-z0-9!#$&^_.+-]{1,64})=(?:([A-Za-z0-9!#$&^_.+:/-]+)|"([^"\\]*)")', re.ASCII)
_BEYOND = re2.compile(
    rb"9[3-9][0-9]{17}|92[3-9][0-9]{16}|922[4-9][0-9]{15}|9223[4-9][0-9]{14}|92233[89][0-9]{13}"
    rb"|922337[3-9][0-9]{12}|9223372[0-9]{12}|[0-9][eE][-+]?[0-9]{3}"
)
"""Matches wherever a number of nineteen digits or a long exponent may be out of range, and little else."""
_DIGITS = bytes.maketrans(b"123456789", b"000000000")
_NEITHER_BRACKET_NOR_QUOTE = bytes(set(range(256)) - set(b'[]{}"'))
SAMPLE = 4_096
"""Bytes by which it is told whether a document is mostly text."""
_NOT_JSON = ("the body is not JSON", "Send one JSON document.")
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_CONTAINERS = frozenset({dict, list})
_ZERO = re.compile(r"-?[0.]+(?:[eE].*)?")
_BASE_NAME = re.compile(r"[^\[\]]+")
_KEY = re.compile(r"\[([^\[\]]*)\]")


class Media(enum.StrEnum):
    """The kinds of body that are told apart."""

    NONE = "none"
    JSON = "json"
    FORM = "form"
    TEXT = "text"
    MULTIPART = "multipart"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Body:
    """A request's body, read or not."""

    media: Media
    value: JSON = None
    """JSON as it is; a form nested by its brackets, leaves text; text as one string."""
    pairs: spelling.Pairs = ()
    """Of a form: its pairs in order."""
    parts: tuple[multipart.Field, ...] = ()
    """Of a multipart form: its fields in order."""
    problem: str = ""
    """Why the body could not be read; empty if it was, or if there was none."""


EMPTY = Body(Media.NONE)


# Content-Type


def media_type(value: str) -> tuple[str, dict[str, str]]:
    """The media type of a Content-Type, in lower case, and its parameters. Raises `Refused`."""
    name, *rest = value.split(";")
    name = name.strip(" \t").lower()
    if not _MEDIA.fullmatch(name):
        raise Refused("the Content-Type is not a media type", "Send one, like application/json.")
    parameters: dict[str, str] = {}
    for part in rest:
        found = _PARAMETER.fullmatch(part.strip(" \t"))
        key = found[1].lower() if found else ""
        if not found or key in parameters:
            raise Refused("the Content-Type has a parameter that is not plain", "Leave it out.")
        parameters[key] = found[2] if found[2] is not None else found[3]
    return name, parameters


_JSON_NAMES = frozenset({"application/json", "application/x-amz-json-1.0", "application/x-amz-json-1.1"})
"""The last two are of AWS's JSON protocols (https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html)."""


def kind(value: str) -> Media:
    """What kind of body a Content-Type announces. Raises `Refused` if it is not strict, or not UTF-8."""
    name, parameters = media_type(value)
    if name == "application/x-www-form-urlencoded":
        media = Media.FORM
    elif name in _JSON_NAMES or (name.startswith("application/") and name.endswith("+json")):
        media = Media.JSON
    elif name.startswith("text/"):
        media = Media.TEXT
    elif name == "multipart/form-data":
        media = Media.MULTIPART
    else:
        return Media.OTHER
    if parameters.get("charset", "utf-8").lower() not in {"utf-8", "utf8"}:
        raise Refused("the body's charset is not UTF-8", "Send it in UTF-8.")
    return media


@lru_cache(maxsize=256)
def _usual_kind(value: str) -> Media:
    return kind(value)


# Reading


def read(request: Request, limit: int = DEFAULT_LIMIT) -> Body:
    """Read the body of a request as its Content-Type says. Never raises: see `Body.problem`."""
    return read_as(request.values("content-type"), request.body, limit)


def read_as(content_types: Sequence[str], data: bytes | None, limit: int = DEFAULT_LIMIT) -> Body:
    """The same for a body and its Content-Type fields."""
    if not data:
        return EMPTY
    if len(content_types) != 1:
        return Body(Media.OTHER, problem="the body has no Content-Type, or more than one")
    media = Media.OTHER
    (written,) = content_types
    try:
        media = kind(written) if len(written) > MAX_KEPT else _usual_kind(written)
        if media is Media.MULTIPART:
            return _read_parts(data, multipart.boundary(media_type(written)[1]), limit)
        return _read(media, data, limit)
    except Refused as refused:
        return Body(media, problem=refused.refusal.reason)


def _read(media: Media, data: bytes, limit: int) -> Body:
    if len(data) > limit:
        raise Refused(f"the body is longer than the {limit} bytes that are read")
    if media is Media.JSON:
        return Body(media, parse_json(data))
    if media is Media.FORM:
        read_pairs = form_pairs(data)
        return Body(media, structure(read_pairs, "form"), read_pairs)
    if media is Media.TEXT:
        return Body(media, _utf8(data))
    return Body(media, problem="the body is of a kind that is not read")


def _read_parts(data: bytes, boundary: str, limit: int) -> Body:
    """A multipart form. Files are not parsed, and so do not count for the limit."""
    fields = tuple(multipart.form(data, boundary))
    if len(data) - sum(len(field.content) for field in fields if field.filename is not None) > limit:
        raise Refused(f"the body is longer than the {limit} bytes that are read")
    pairs = [(field.name, _Leaf(multipart.value(field))) for field in fields]
    nested = _unwrapped(structure(pairs, "form"))  # type: ignore[arg-type]
    return Body(Media.MULTIPART, nested, parts=fields)


@dataclass(frozen=True, slots=True)
class _Leaf:
    """A value that is nested as it is, be it an object."""

    value: JSON


def _unwrapped(node: Any) -> Any:
    if isinstance(node, _Leaf):
        return node.value
    if isinstance(node, Repeated):
        return Repeated(tuple(_unwrapped(item) for item in node))
    if isinstance(node, list):
        return [_unwrapped(item) for item in node]
    return {name: _unwrapped(item) for name, item in node.items()}


def _utf8(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise Refused("the body is not UTF-8", "Send it in UTF-8.") from None


def form_pairs(data: bytes) -> spelling.Pairs:
    """The pairs of an `application/x-www-form-urlencoded` body. Raises `Refused`."""
    text = data.decode("latin-1")
    if not text.isascii() or not text.isprintable() or " " in text:
        raise Refused("the form has characters that must not stand in one", "Percent-encode its values.")
    if ";" in text or text.startswith("?"):  # WHATWG's URLSearchParams takes a leading mark away
        raise Refused("the form has a ';' or begins with '?', which servers read in two ways", "Encode them.")
    read_pairs = spelling.pairs(text, "form")
    if any(name.lower() == multipart.CHARSET_NAME and value.lower() != "utf-8" for name, value in read_pairs):
        raise Refused("the form says that its text is not UTF-8", "Send it in UTF-8.")
    return read_pairs


# JSON


def parse_json(data: bytes) -> JSON:
    """Parse one JSON document strictly. Raises `Refused`, whatever the bytes."""
    text = _utf8(data)
    decoder = _CHECKED if len(data) <= MAX_SHORT or _few_numbers(data) or _suspect(data) else _QUICK
    text = text.strip(" \t\n\r")
    try:
        value, end = decoder.raw_decode(text)
    except RecursionError:
        raise Refused(f"the JSON is nested more than {MAX_DEPTH} levels deep") from None
    except ValueError:
        raise Refused(*_NOT_JSON) from None
    if end != len(text):
        raise Refused(*_NOT_JSON)
    deep = any(_more_than(MAX_DEPTH // 2, bracket, data) for bracket in (b"{", b"["))
    if deep and not _shallow(data):
        _refuse_depth(value)
    if b"\\" in data and "\\u" in text and _SURROGATE.search(text):
        _refuse_surrogates(value)
    return value  # type: ignore[no-any-return]


def _few_numbers(data: bytes) -> bool:
    """Whether looking at each number is likely to take less than looking for those to be looked at."""
    sample = data[:SAMPLE]
    return len(sample.translate(None, b"0123456789")) > len(sample) * 99 // 100


def _suspect(data: bytes) -> bool:
    """Whether there may be a number out of range: only one of nineteen digits or a long exponent can be."""
    return b"0" * 20 in data.translate(_DIGITS) or _BEYOND.search(data) is not None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Refused("the JSON has a key twice in one object", "Send each key once.")
    return found


def _constant(_: str) -> Any:
    raise Refused("the JSON has a number that is not finite", "Send finite numbers.")


def _integer(text: str) -> int:
    if len(text) > 20 or (value := int(text)) not in INT64:
        raise Refused("the JSON has an integer beyond 64 bits", "Send it as a string if the API takes that.")
    return value


def _float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value) or (value == 0 and not _ZERO.fullmatch(text)):
        raise Refused("the JSON has a number out of range", "Send numbers that a double can hold.")
    return value


# A call per number takes longer than all the rest of the parser.
_QUICK = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_constant)
_CHECKED = json.JSONDecoder(
    object_pairs_hook=_object, parse_constant=_constant, parse_int=_integer, parse_float=_float
)


def _more_than(number: int, bracket: bytes, data: bytes) -> bool:
    """Whether a document has more than so many of these brackets."""
    at = -1
    for _ in range(number + 1):
        at = data.find(bracket, at + 1)
        if at < 0:
            return False
    return True


def _shallow(data: bytes) -> bool:
    """Whether the brackets of a document show that it is not too deep; if not, its value has to be seen.

    Outside strings, brackets that close at once are taken away again and again, two levels a turn at most.
    Two quotes side by side can go whichever strings they end and begin: the others still alternate.
    """
    sample = data[:SAMPLE]
    if len(sample.translate(None, b"{[")) > len(sample) * 255 // 256:
        return False  # looking at so few values is likely to take less than what is below
    if b"\\" in data:
        if data.count(b"\\") > len(data) // 32:
            return False
        data = data.replace(b"\\\\", b"").replace(b'\\"', b"")
    left = data.translate(None, _NEITHER_BRACKET_NOR_QUOTE).replace(b'""', b"")
    if b'"' in left:
        left = b"".join(left.split(b'"')[::2])
    for _ in range(MAX_DEPTH // 2):
        left = left.replace(b"[]", b"").replace(b"{}", b"")
        if not left:
            return True
    return False


def _refuse_depth(value: object) -> None:
    level = [value]
    for _ in range(MAX_DEPTH):
        objects = [item for item in level if type(item) is dict]
        inside: Iterable[object] = chain.from_iterable(map(dict.values, objects))
        if len(objects) < len(level):
            lists = [item for item in level if type(item) is list]
            inside = chain(inside, chain.from_iterable(lists))
        level = [inner for inner in inside if type(inner) in _CONTAINERS]
        if not level:
            return
    raise Refused(f"the JSON is nested more than {MAX_DEPTH} levels deep")


def _refuse_surrogates(value: object) -> None:
    """Refuse strings that are no Unicode text, because an escape stands for half a pair."""
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            waiting.extend(item)
            waiting.extend(item.values())
        elif isinstance(item, list):
            waiting.extend(item)
        elif isinstance(item, str) and not item.isascii():
            try:
                item.encode("utf-8")
            except UnicodeEncodeError:
                raise Refused("the JSON has half a surrogate pair", "Send Unicode text.") from None


def number(text: str) -> int | float | None:
    """The number that text of a path, query or form spells by JSON's grammar (RFC 8259 6), if it does."""
    if not NUMBER.fullmatch(text):
        return None
    try:
        return _integer(text) if text.lstrip("-").isdigit() else _float(text)
    except Refused:
        return None


NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?", re.ASCII)
"""JSON's grammar of numbers."""


# Names with brackets


class Repeated(tuple[str, ...]):
    """The values of a plain name that stands more than once: a list to an array input, else a duplicate."""

    __slots__ = ()


def structure(pairs: Sequence[tuple[str, str]], where: str) -> dict[str, JSON]:
    """Nest pairs by the brackets in their names: `a[b]=1`, `a[]=1`, `a[0]=1`.

    A plain name that stands more than once is read as `Repeated`. Lists are what `[]` makes, and indices
    that count from 0 in order. Raises `Refused` for names that servers nest in two ways.
    """
    root: dict[str, Any] = {}
    for name, value in pairs:
        _insert(root, name_keys(name, where), value, where)
    return {key: _listed(value, where) for key, value in root.items()}


def name_keys(name: str, where: str) -> tuple[str, ...]:
    """The keys that a name with brackets nests by: `a[b][]` is `a`, `b` and the empty key of a list."""
    if "[" not in name and "]" not in name:
        return (name,)
    base = _BASE_NAME.match(name)
    rest = name[base.end() :] if base else ""
    keys = tuple(_KEY.findall(rest))
    unclear = "".join(f"[{key}]" for key in keys) != rest or "" in keys[:-1] or len(keys) >= MAX_DEPTH
    if not base or unclear:
        raise Refused(
            f"the {where} has a name whose brackets can be read in two ways",
            "Write names like a[b], a[0] or a[].",
        )
    return base[0], *keys


def _insert(root: dict[str, Any], keys: tuple[str, ...], value: str, where: str) -> None:
    node = root
    for key in keys[:-1]:
        node = node.setdefault(key, {})
        if not isinstance(node, dict):
            raise _two_ways(where)
    last = keys[-1]
    if last == "":
        node.setdefault("", []).append(value)
    elif last not in node:
        node[last] = value
    elif len(keys) > 1 or isinstance(node[last], dict):
        raise _two_ways(where)
    else:
        before = node[last]
        node[last] = Repeated((*before, value) if isinstance(before, Repeated) else (before, value))


def _listed(node: Any, where: str) -> JSON:
    """Turn `{"": [...]}` and `{"0": x, "1": y}` into lists."""
    if not isinstance(node, dict):
        return node  # type: ignore[no-any-return]
    if "" in node:
        if len(node) > 1:
            raise _two_ways(where)
        return node[""]  # type: ignore[no-any-return]
    values = {key: _listed(value, where) for key, value in node.items()}
    if values and list(values) == [str(i) for i in range(len(values))]:
        return list(values.values())
    return values


def _two_ways(where: str) -> Refused:
    return Refused(f"the {where} has a name that stands in two shapes", "Send each name once, in one shape.")


# Canonical form


def canonical_json(value: JSON) -> bytes:
    """The one spelling of a JSON value: keys sorted, no spaces, UTF-8."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8")


def canonical(body: Body, raw: bytes) -> bytes:
    """The body as the request digest takes it: JSON canonical, form pairs in order, all else as received."""
    if body.problem or body.media not in {Media.JSON, Media.FORM}:
        return raw
    if body.media is Media.JSON:
        return canonical_json(body.value)
    return spelling.canonical_pairs(body.pairs).encode("ascii")


def strings(value: object) -> list[str]:
    """All texts in a parsed body, keys among them."""
    found: list[str] = []
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            found.append(item)
        elif isinstance(item, dict):
            found.extend(item)
            waiting.extend(item.values())
        elif isinstance(item, list | tuple):
            waiting.extend(item)
    return found
