"""Read request bodies through one strict parser, so that policy sees what the API will see.

JSON: as `strictjson` reads it. Forms: as `spelling.pairs` reads them, names nested as `bracketed` does it.
Text: UTF-8. Anything else is not read.

`Body.problem` says why a body could not be read; whether that matters is for the tool to say.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from wharfinger.rules.requests import bracketed, multipart, spelling, strictjson
from wharfinger.rules.requests.refusal import Refused
from wharfinger.rules.types import JSON, Request

DEFAULT_LIMIT = 1024 * 1024
"""Bytes of body that are parsed where settings do not say otherwise (`limits.parse`)."""
MAX_KEPT = 128
"""Characters of a Content-Type whose reading is kept."""
_MEDIA = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,126}/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}", re.ASCII)
_PARAMETER = re.compile(r'([A-Za-z0-9!#$&^_.+-]{1,64})=(?:([A-Za-z0-9!#$&^_.+:/-]+)|"([^"\\]*)")', re.ASCII)


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
        return Body(media, strictjson.parse_json(data))
    if media is Media.FORM:
        read_pairs = form_pairs(data)
        return Body(media, bracketed.structure(read_pairs, "form"), read_pairs)
    if media is Media.TEXT:
        return Body(media, strictjson.utf8(data))
    return Body(media, problem="the body is of a kind that is not read")


def _read_parts(data: bytes, boundary: str, limit: int) -> Body:
    """A multipart form. Files are not parsed, and so do not count for the limit."""
    fields = tuple(multipart.form(data, boundary))
    if len(data) - sum(len(field.content) for field in fields if field.filename is not None) > limit:
        raise Refused(f"the body is longer than the {limit} bytes that are read")
    pairs = [(field.name, _Leaf(multipart.value(field))) for field in fields]
    nested = _unwrapped(bracketed.structure(pairs, "form"))  # type: ignore[arg-type]
    return Body(Media.MULTIPART, nested, parts=fields)


@dataclass(frozen=True, slots=True)
class _Leaf:
    """A value that is nested as it is, be it an object."""

    value: JSON


def _unwrapped(node: Any) -> Any:
    if isinstance(node, _Leaf):
        return node.value
    if isinstance(node, bracketed.Repeated):
        return bracketed.Repeated(tuple(_unwrapped(item) for item in node))
    if isinstance(node, list):
        return [_unwrapped(item) for item in node]
    return {name: _unwrapped(item) for name, item in node.items()}


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


def canonical(body: Body, raw: bytes) -> bytes:
    """The body as the request digest takes it: JSON canonical, form pairs in order, all else as received."""
    if body.problem or body.media not in {Media.JSON, Media.FORM}:
        return raw
    if body.media is Media.JSON:
        return strictjson.canonical_json(body.value)
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
