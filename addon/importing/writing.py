"""Write tool files in the house's form: a key a line, inputs and templates in braces, no line too long."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from wharfinger.importing.operations import Plain
from wharfinger.rules.documents.problems import Position, Problems
from wharfinger.rules.documents.scalars import resolve

WIDTH: Final = 110
_PLAIN: Final = re.compile(r"[A-Za-z_/$][A-Za-z0-9_./$+-]*(?: [A-Za-z0-9_./$+-]+)*")
_URL: Final = re.compile(r"https?://[A-Za-z0-9.-]+(?::[0-9]+)?[A-Za-z0-9._/-]*", re.ASCII)
_SPECIAL: Final = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
_SURPRISING: Final = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null", "none"})
_BLOCK: Final = "  "


@dataclass(frozen=True, slots=True)
class Document:
    """A file that was written."""

    text: str
    lines: list[int]
    """The line at which each tool begins, from 1."""


def dump(file: Plain, comment: str = "") -> str:
    """The tool file as YAML, under a comment. Reading it gives back the same."""
    return document(file, comment).text


def document(file: Plain, comment: str = "") -> Document:
    """The same, with the line of each tool."""
    lines = [f"# {line}".rstrip() for line in comment.splitlines()]
    for key, value in file.items():
        if key != "tools":
            lines += _entry(key, value, "")
    lines.append("tools:")
    begins: list[int] = []
    for tool in file["tools"]:
        if begins:
            lines.append("")
        begins.append(len(lines) + 1)
        written = [line for key, value in tool.items() for line in _entry(key, value, _BLOCK * 2)]
        lines += [f"{_BLOCK}- {written[0][4:]}", *written[1:]]
    return Document("\n".join(lines) + "\n", begins)


def _entry(key: str, value: Any, indent: str) -> list[str]:
    """One key of a mapping in block form; `run` has its own keys one a line."""
    if key == "run" and isinstance(value, dict):
        inner = [line for k, v in value.items() for line in _entry(k, v, indent + _BLOCK)]
        return [f"{indent}run:", *inner]
    if key == "url" and isinstance(value, str):
        return [f"{indent}url: {_quoted(value)}"]
    if key == "base" and isinstance(value, str) and _URL.fullmatch(value):
        return [f"{indent}base: {value}"]
    flat = f"{indent}{_scalar(key)}: {''.join(_flow(value))}"
    if len(flat) <= WIDTH or not isinstance(value, dict | list) or not value:
        return [flat]
    return _wrapped(key, value, indent)


def _wrapped(key: str, value: Any, indent: str) -> list[str]:
    """A mapping or list in braces, over several lines."""
    opening, closing = ("{", "}") if isinstance(value, dict) else ("[", "]")
    lines = [f"{indent}{_scalar(key)}: {opening}"]
    line = indent + _BLOCK
    for item in _items(value):
        pieces = list(_pieces(item, WIDTH - len(indent) - 2))
        if len(pieces) > 1 and line.strip():
            lines.append(line.rstrip())
            line = indent + _BLOCK
        for piece in pieces:
            if line.strip() and len(line.rstrip()) + len(piece.rstrip()) + 1 > WIDTH:
                lines.append(line.rstrip())
                line = indent + _BLOCK
            line += piece
    if line.strip():
        lines.append(line.rstrip())
    return [*lines, f"{indent}{closing}"]


def _pieces(item: list[str], room: int) -> Iterator[str]:
    """An item with its comma: in one piece if there is room, else broken after its inner commas."""
    whole = "".join(item)
    if len(whole) < room:
        yield f"{whole}, "
        return
    yield from item[:-1]
    yield f"{item[-1]}, "


def _items(value: Any) -> Iterator[list[str]]:
    if isinstance(value, dict):
        for key, below in value.items():
            first, *rest = _flow(below)
            yield [f"{_scalar(key)}: {first}", *rest]
    else:
        for below in value:
            yield list(_flow(below))


def _flow(value: Any) -> Iterator[str]:
    """A value in braces, in pieces between which a line may end."""
    if not isinstance(value, dict | list):
        yield _scalar(value)
        return
    opening, closing = ("{", "}") if isinstance(value, dict) else ("[", "]")
    held, before = opening, False
    for item in _items(value):
        if before:
            yield f"{held}, "
            held = ""
        *first, last = item
        for piece in first:
            yield held + piece
            held = ""
        held += last
        before = True
    yield held + closing


def _scalar(value: Any) -> str:
    """A scalar, quoted only where it must be."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return _number(value)
    return value if _is_plain(value) else _quoted(value)


def _number(value: float) -> str:
    text = repr(value)
    if "e" in text and "." not in text:  # 1e-07: YAML wants nothing else, but readers differ
        mantissa, _, exponent = text.partition("e")
        text = f"{mantissa}.0e{exponent}"
    return text


def _is_plain(text: str) -> bool:
    if not _PLAIN.fullmatch(text) or "$" in text or text.lower() in _SURPRISING:
        return False
    problems = Problems()
    return resolve(text, Position(""), problems) == text and not problems.found


def _quoted(text: str) -> str:
    escaped = json.dumps(text, ensure_ascii=False)
    return _SPECIAL.sub(lambda found: f"\\u{ord(found[0]):04x}", escaped)
