"""Read JSON (RFC 8259) in its interoperable part (RFC 7493), so that all who read a document read the same.

UTF-8 without a mark, no duplicate keys however escaped, no integer beyond int64, nothing non-finite or so
small that it becomes zero, no lone surrogates, no more than 64 levels. And its one spelling, for digests.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from itertools import chain
from typing import Any

import re2
from wharfinger.rules.requests.refusal import Refused
from wharfinger.rules.types import JSON

MAX_DEPTH = 64
MAX_SHORT = 512
"""Bytes of JSON up to which checking each number takes less than looking for those to be checked."""
INT64 = range(-(2**63), 2**63)

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


def parse_json(data: bytes) -> JSON:
    """Parse one JSON document strictly. Raises `Refused`, whatever the bytes."""
    text = utf8(data)
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


def utf8(data: bytes) -> str:
    """The text of a body. Raises `Refused`."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise Refused("the body is not UTF-8", "Send it in UTF-8.") from None


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


def canonical_json(value: JSON) -> bytes:
    """The one spelling of a JSON value: keys sorted, no spaces, UTF-8."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8")
