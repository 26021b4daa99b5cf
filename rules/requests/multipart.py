"""Read and write multipart bodies (RFC 2046, RFC 7578) with one reading only.

The parts are found by the package `multipart`, in its strict mode. Refused beyond that, because servers
differ in what they make of it: bytes before the first or after the last delimiter, a delimiter within
content, lines that do not end in CRLF, folded or repeated header fields, fields of other names, names that
hold escapes, a `filename*` of another text than `filename`, transfer encodings, charsets, parts within parts.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote

import multipart
from wharfinger.rules.requests.refusal import Refused

MAX_PARTS: Final = 1_000
MAX_HEAD: Final = 4_096
"""Bytes of one header field of a part."""

_BOUNDARY = re.compile(r"[A-Za-z0-9'()+_,./:=?-]{1,70}", re.ASCII)
_LINE = re.compile(r"([A-Za-z][A-Za-z-]*): ?([^\x00-\x1f\x7f]*)")
_TEXT = r'(?:"([^"\\\x00-\x1f\x7f]*)"|([A-Za-z0-9!#$&^_`{}|~.+-]+))'
"""Quoted, or a plain word, as .NET writes it."""
_EXTENDED = r"(?:utf|UTF)-8''([A-Za-z0-9%!#$&+^_`{}|~.-]+)"
_DISPOSITION = re.compile(
    rf"form-data; ?name={_TEXT}(?:; ?filename={_TEXT}(?:; ?filename\*={_EXTENDED})?)?", re.ASCII
)
CHARSET_NAME: Final = "_charset_"
"""A field of this name says how the others are to be read (RFC 7578 4.6)."""
_ESCAPED = re.compile(r"%(?:22|0[AaDd])")
_FIELDS: Final = frozenset(
    {"content-disposition", "content-type", "content-length", "content-transfer-encoding"}
)
_AS_IT_IS: Final = frozenset({"7bit", "8bit", "binary"})
_TYPE = re.compile(
    r'([a-z0-9][a-z0-9!#$&^_.+-]{0,126}/[a-z0-9][a-z0-9!#$&^_.+-]{0,126})(?:; ?charset="?utf-?8"?)?',
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Part:
    """One part: its header fields by name in lower case, and its content."""

    fields: Mapping[str, str]
    content: bytes


@dataclass(frozen=True, slots=True)
class Field:
    """One part of a form."""

    name: str
    content: bytes
    media: str = ""
    """Its media type, in lower case; empty where it names none."""
    filename: str | None = None
    """Of a file, which may be empty; None for a value."""


class _Parser(multipart.PushMultipartParser):  # type: ignore[misc] # the library ships no types
    """Any multipart body; parts of a form are looked at afterwards."""

    def _create_segment(self, headerlist: list[tuple[str, str]]) -> multipart.MultipartSegment:
        return multipart.MultipartSegment([each for each in headerlist if each[0] == "Content-Length"])


def boundary(parameters: Mapping[str, str]) -> str:
    """The boundary that a Content-Type names. Raises `Refused`."""
    found = parameters.get("boundary", "")
    rest = {name: value.lower() for name, value in parameters.items() if name != "boundary"}
    if not _BOUNDARY.fullmatch(found) or rest not in ({}, {"charset": "utf-8"}):
        raise Refused("the multipart body has no plain boundary", "Let a library write the Content-Type.")
    return found


def parts(data: bytes, delimiter: str) -> list[Part]:
    """The parts of a multipart body, in order. Raises `Refused`."""
    mark = b"--" + delimiter.encode("ascii")
    contents: list[list[bytes]] = []
    try:
        with _Parser(delimiter, max_header_size=MAX_HEAD, max_segment_count=MAX_PARTS, strict=True) as parser:
            for event in parser.parse(data):
                if isinstance(event, multipart.MultipartSegment):
                    contents.append([])
                elif event is not None:
                    contents[-1].append(bytes(event))
    except multipart.MultipartError:
        raise _unclear("is not well formed, or has too many parts") from None
    pieces = data.split(mark)
    if not contents or pieces[0] or pieces[-1] not in {b"--", b"--\r\n"} or len(pieces) != len(contents) + 2:
        raise _unclear("has bytes around its parts, or its boundary within one")
    found = []
    for piece, content in zip(pieces[1:-1], contents, strict=True):
        head, _, rest = piece[2:].partition(b"\r\n\r\n")
        if not piece.startswith(b"\r\n") or rest != b"".join(content) + b"\r\n":
            raise _unclear("has a part that can be read in two ways")
        found.append(Part(_head(head), rest[:-2]))
    return found


def _head(head: bytes) -> dict[str, str]:
    fields: dict[str, str] = {}
    for line in _utf8(head).split("\r\n"):
        match = _LINE.fullmatch(line)
        if match is None or match[1].lower() in fields:
            raise _unclear("has a part with a header field that is not plain, or stands twice")
        fields[match[1].lower()] = match[2].rstrip(" ")
    return fields


def form(data: bytes, delimiter: str) -> list[Field]:
    """The fields of a form, in order. Raises `Refused`."""
    return [_field(part) for part in parts(data, delimiter)]


def _field(part: Part) -> Field:
    if not part.fields.keys() <= _FIELDS:
        raise _unclear("has a part with a header field that does not belong there")
    if part.fields.get("content-transfer-encoding", "binary").lower() not in _AS_IT_IS:
        raise _unclear("has a part in a transfer encoding")
    if part.fields.get("content-length", str(len(part.content))) != str(len(part.content)):
        raise _unclear("has a part of another length than it says")
    name, filename = _names(part.fields.get("content-disposition", ""))
    if name.lower() == CHARSET_NAME and part.content.lower() != b"utf-8":
        raise _unclear("says that its text is not UTF-8")
    media = ""
    if "content-type" in part.fields:
        found = _TYPE.fullmatch(part.fields["content-type"])
        if found is None or found[1].lower().startswith(("multipart/", "message/")):
            raise _unclear("has a part of a type that is not plain, or parts within a part")
        media = found[1].lower()
    return Field(name, part.content, media, filename)


def _names(disposition: str) -> tuple[str, str | None]:
    """Name and file name of a part; the file name may stand there twice, in two spellings of one text."""
    found = _DISPOSITION.fullmatch(disposition)
    if found is None:
        raise _unclear("has a part whose name or file name is not plain")
    name, filename = found[1] or found[2], found[3] if found[4] is None else found[4]
    if not name or _odd(name) or _odd(filename or ""):
        raise _unclear("has a part whose name or file name is not plain")
    if found[5] is not None and unquote(found[5]) != filename:  # broken UTF-8 decodes to what is in no name
        raise _unclear("has a part with two file names")
    return name, filename


def _odd(text: str) -> bool:
    return _ESCAPED.search(text) is not None or not text.isprintable()


def value(field: Field) -> Any:
    """What an input is read from: text, or of a file what it is. Raises `Refused`."""
    if field.filename is None:
        return _utf8(field.content)
    return {
        "name": field.filename,
        "size": len(field.content),
        "type": field.media,
        "sha256": hashlib.sha256(field.content).hexdigest(),
    }


def described(field: Field) -> list[str | None]:
    """What a digest takes of a part."""
    return [field.name, field.filename, field.media, hashlib.sha256(field.content).hexdigest()]


# Writing


def file(name: str, given: Mapping[str, Any]) -> Field:
    """A file as a caller gives it: `{name, type, content}`, of text. Raises `Refused`."""
    filename, media, content = given.get("name"), given.get("type", ""), given.get("content")
    if not (isinstance(filename, str) and isinstance(media, str) and isinstance(content, str)):
        raise Refused("a file needs a name and a content", "Give {name, type, content}, all texts.")
    if given.keys() - {"name", "type", "content"}:
        raise Refused("a file has keys that are not known", "Give {name, type, content}, all texts.")
    return Field(name, content.encode("utf-8"), media, filename)


def write(fields: Iterable[Field]) -> tuple[bytes, str]:
    """The body of a form and its Content-Type; the boundary is made of the content. Raises `Refused`."""
    listed = list(fields)
    told = "\n".join(str(described(field)) for field in listed).encode("utf-8")
    delimiter = f"wharfinger-{hashlib.sha256(told).hexdigest()[:32]}"
    body = b""
    for field in listed:
        named = f'form-data; name="{field.name}"'
        if field.filename is not None:
            named += f'; filename="{field.filename}"'
        head = f"--{delimiter}\r\nContent-Disposition: {named}\r\n"
        if field.media:
            head += f"Content-Type: {field.media}\r\n"
        body += head.encode("utf-8") + b"\r\n" + field.content + b"\r\n"
    body += f"--{delimiter}--\r\n".encode("ascii")
    if form(body, delimiter) != listed:
        raise Refused("the inputs cannot be written as a form", "Use plain names and types.")
    return body, f"multipart/form-data; boundary={delimiter}"


def _utf8(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise _unclear("holds text that is not UTF-8") from None


def _unclear(what: str) -> Refused:
    return Refused(f"the multipart body {what}", "Let a library write it, with plain names.")
