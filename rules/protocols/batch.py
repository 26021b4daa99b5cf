"""Batches of HTTP requests in one body: OData's and Microsoft Graph's `$batch`, Google's `/batch`.

Rules: each request within is recognised as if it had been sent alone to the same host, and must be a tool;
the envelope is no call of its own, but deny rules see its tool beside every call. Refused: requests to
another place, with a login, a cookie or connection control of their own, with references to each other's
answers, and batches within batches.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from wharfinger.rules.protocols.speech import Asked, Form, Operation, Protocol, Speech, check_count
from wharfinger.rules.requests import bodies, fieldnames, multipart, spelling
from wharfinger.rules.requests.bodies import Media
from wharfinger.rules.requests.refusal import Refused
from wharfinger.rules.requests.strictjson import canonical_json
from wharfinger.rules.types import JSON, Code, Request

if TYPE_CHECKING:
    from wharfinger.rules.models.runs import Run
    from wharfinger.rules.tools.tool import Tool

_MEMBERS: Final = frozenset({"id", "method", "url", "headers", "body", "dependsOn", "atomicityGroup"})
_PART: Final = frozenset(
    {"content-type", "content-id", "content-transfer-encoding", "content-length", "mime-version"}
)
_CRLF: Final = b"\r\n"
_ENVELOPE: Final = frozenset({"host", "content-length", "mime-version"})
"""Fields of a request within that say nothing of it."""
_LINE = re.compile(r"([A-Z]{1,16}) ([\x21-\x7e]+)(?: HTTP/1\.[01])?")
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)
_VALUE = re.compile(r"[\t\x20-\x7e]*")
_HELP: Final = "Send the requests one by one."


def lower(run: Run) -> Form:
    """The form of a URL that takes batches; `format` and `below` say how requests are written within."""
    return Form(Protocol.BATCH, ("POST",), run.url, headers=run.headers, key=f"{run.format}\n{run.below}")


def read(asked: Asked) -> Sequence[Operation]:
    """The requests within, in order."""
    if "content-encoding" in asked.reading.fields:
        raise _unclear("is compressed")
    keys = {tool.key for tool in asked.tools}
    if len(keys) > 1:
        raise _unclear("is declared in two ways")
    (key,) = keys
    form, _, below = key.partition("\n")
    given = asked.request.body
    if given is None or len(given) > asked.limit:
        raise _unclear("is too long to be read")
    inner = _of_json(asked, below) if form == "json" else _of_parts(asked, given, below)
    return [Operation((key,), {}, inner=each, texts=_texts(each)) for each in inner]


def _texts(request: Request) -> tuple[str, ...]:
    """What patterns are searched in, for it may stand in the body in other words."""
    return (
        request.target,
        *(value for _, value in request.headers),
        (request.body or b"").decode("utf-8", "replace"),
    )


def _of_json(asked: Asked, below: str) -> list[Request]:
    body = bodies.read_as(asked.reading.fields.get("content-type", ()), asked.request.body, asked.limit)
    value: Any = body.value
    if body.problem or body.media is not Media.JSON or not isinstance(value, dict):
        raise _unclear("is not JSON")
    if value.keys() != {"requests"} or not isinstance(value["requests"], list):
        raise _unclear("is more or less than a list of requests")
    check_count(value["requests"])
    return [_of_member(asked, each, below) for each in value["requests"]]


def _of_member(asked: Asked, given: Any, below: str) -> Request:
    if not isinstance(given, dict) or not given.keys() <= _MEMBERS:
        raise _unclear("holds what is no request")
    method, url, fields = given.get("method"), given.get("url"), given.get("headers", {})
    if not (isinstance(method, str) and isinstance(url, str) and isinstance(fields, dict)):
        raise _unclear("holds what is no request")
    if not all(isinstance(value, str) for value in fields.values()):
        raise _unclear("holds what is no request")
    body = given.get("body")
    if not isinstance(body, dict | list | None) or ("body" in given and body is None):
        raise _unclear("holds a body that is not JSON")
    if body is not None and not any(name.lower() == "content-type" for name in fields):
        fields = {**fields, "Content-Type": "application/json"}
    content = b"" if body is None else canonical_json(body)
    return _request(asked, method, url, list(fields.items()), content, below)


def _of_parts(asked: Asked, data: bytes, below: str, written: str | None = None) -> list[Request]:
    types = asked.reading.fields.get("content-type", ()) if written is None else (written,)
    name, parameters = bodies.media_type(types[0] if len(types) == 1 else "")
    if name != "multipart/mixed":
        raise _unclear("is not multipart/mixed")
    found: list[Request] = []
    end = b"\n" if b"\r" not in data else _CRLF  # Google's client for Python ends every line so
    for part in multipart.parts(data.replace(end, _CRLF), multipart.boundary(parameters)):
        content, kind = part.content.replace(_CRLF, end), part.fields.get("content-type", "")
        coding = part.fields.get("content-transfer-encoding", "binary").lower()
        if not part.fields.keys() <= _PART or coding not in {"7bit", "8bit", "binary"}:
            raise _unclear("has a part with a header field that does not belong there")
        if part.fields.get("mime-version", "1.0") != "1.0":
            raise _unclear("has a part of another version of MIME")
        if kind.lower().startswith("multipart/mixed") and written is None:
            found.extend(_of_parts(asked, content, below, kind))  # a changeset
        elif bodies.media_type(kind)[0] == "application/http":
            found.append(_of_message(asked, content, below, end))
        else:
            raise _unclear("has a part that is no request")
        check_count(found)
    return found


def _of_message(asked: Asked, message: bytes, below: str, end: bytes) -> Request:
    head, _, body = message.partition(end * 2)
    try:
        first, *lines = head.removesuffix(end).decode("ascii").split(end.decode("ascii"))
    except UnicodeDecodeError:
        raise _unclear("holds a request whose head is not plain") from None
    line = _LINE.fullmatch(first)
    if line is None:
        raise _unclear("holds what is no request")
    fields = []
    for each in lines:
        name, colon, value = each.partition(":")
        if not colon:
            raise _unclear("holds a request whose head is not plain")
        fields.append((name, value.strip(" \t")))
    return _request(asked, line[1], line[2], fields, body, below)


def _request(  # noqa: PLR0917 - the parts of a request
    asked: Asked, method: str, url: str, fields: list[tuple[str, str]], body: bytes, below: str
) -> Request:
    outer = asked.request
    for name, value in fields:
        _check(name, value, body)
    if len({name.lower() for name, _ in fields}) < len(fields):
        raise _unclear("holds a request with a header field that stands twice")
    kept = [(name, value) for name, value in fields if name.lower() not in _ENVELOPE]
    named = [value for name, value in fields if name.lower() == "host"]
    target = _target(outer, url, below)
    if named and _place(named[0], outer.scheme) != (spelling.host(outer.host), outer.port):
        raise _unclear("holds a request to another host")
    host = next(value for name, value in outer.headers if name.lower() == "host")
    return replace(outer, method=method, target=target, headers=(("Host", host), *kept), body=body)


def _check(name: str, value: str, body: bytes) -> None:
    low = fieldnames.plain(name.lower())
    if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
        raise _unclear("holds a request whose head is not plain")
    if low == "mime-version" and value != "1.0":
        raise _unclear("has a part of another version of MIME")
    if low == "content-length" and value == str(len(body)):
        return
    ends = low in fieldnames.HOP_BY_HOP | fieldnames.FRAMING | {"content-encoding", "cookie", "trailer"}
    if ends or low in fieldnames.LOGIN_FIELDS or low.startswith(fieldnames.OWN_PREFIXES):
        raise _unclear("holds a request with a login or connection control of its own")


def _target(outer: Request, url: str, below: str) -> str:
    scheme, mark, rest = url.partition("://")
    if mark:
        authority, slash, path = rest.partition("/")
        here = (outer.scheme, spelling.host(outer.host), outer.port)
        if (scheme.lower(), *_place(authority, outer.scheme)) != here:
            raise _unclear("holds a request to another host")
        target = slash + path
    else:
        target = url if url.startswith("/") and not below else f"{below}/{url.removeprefix('/')}"
        if url.removeprefix("/").startswith("$"):
            raise _unclear("holds a request that refers to another's answer")
    if not target.startswith("/") or target.startswith("//") or "#" in target:
        raise _unclear("holds a request without a plain URL")
    return target


def _place(authority: str, scheme: str) -> tuple[str, int]:
    return spelling.authority(authority, spelling.DEFAULT_PORTS[scheme])


def _unclear(what: str) -> Refused:
    return Refused(f"the batch {what}", _HELP, Code.DENIED)


def write(tool: Tool, value: JSON) -> tuple[bytes, str]:
    """Not written: a batch is made of other tools' requests."""
    raise Refused("a batch cannot be made of inputs", _HELP, Code.DENIED)


SPEECH = Speech(lower, read, write, reads_body=False)
