"""What an unquoted YAML scalar means, where all readers of YAML agree; an error where they do not."""

from __future__ import annotations

import math
import re
from typing import Any, Final

from wharfinger.rules.documents.problems import Position, Problems

_QUOTABLE: Final = 80
"""How much of a user's text a message repeats."""
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")
_WORDS: Final = {"": None, "~": None, "null": None, "true": True, "false": False}
_DOUBTFUL: Final = frozenset("+-.0123456789yYnNoOtTfF~")
"""What a number, a word or a surprise can begin with."""
_SURPRISES: Final = (
    (re.compile(r"(?i:yes|on)"), "true", "a yes or no"),
    (re.compile(r"(?i:no|off)"), "false", "a yes or no"),
    (
        re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?"),
        "",
        "a time or a number to the base 60",
    ),
    (
        re.compile(r"[-+]?(?:0[0-9_]+|0o[0-7_]+|0x[0-9a-fA-F_]+|0b[01_]+)"),
        "",
        "an octal, hex or binary number",
    ),
    (
        re.compile(r"[-+]?[0-9][0-9_]*(?:\.[0-9_]*)?(?:[eE][-+]?[0-9]+)?"),
        "",
        "a number with `_` or a bare dot",
    ),
    (re.compile(r"[-+]?\.[0-9][0-9_]*(?:[eE][-+]?[0-9]+)?"), "", "a number with a bare dot"),
    (re.compile(r"[-+]?\.(?i:inf|nan)"), "", "a number that is not finite"),
)


def is_text(text: str) -> bool:
    """Whether an unquoted scalar is text beyond doubt, by its first character; most are."""
    return bool(text) and text[0] not in _DOUBTFUL


def resolve(text: str, at: Position, problems: Problems, *, secret: bool = False) -> Any:
    """What an unquoted scalar means; what has more than one reading is an error.

    None, a boolean, a 64-bit integer, a finite float, or the text itself: dates stay text. With `secret`
    no message repeats the text.
    """
    shown = "the value" if secret else f'"{text[:_QUOTABLE]}"'
    low = text.lower()
    if low in _WORDS:
        return _WORDS[low]
    if _INTEGER.fullmatch(text):
        return _bounded(text, shown, at, problems)
    if _FLOAT.fullmatch(text):
        number = float(text)
        if math.isfinite(number):
            return number
        problems.error(at, f"{shown} is not a finite number", "quote it if it is text")
        return text
    for pattern, word, what in _SURPRISES:
        if pattern.fullmatch(text):
            hint = "quote it if it is text" + ("" if secret else f': "{text[:_QUOTABLE]}"')
            problems.error(
                at, f"{shown} may be read as {what}", f"{hint}; else write {word}" if word else hint
            )
            return word == "true" if word else text
    return text


def _bounded(text: str, shown: str, at: Position, problems: Problems) -> int:
    if len(text) > 20 or not -(2**63) <= int(text) < 2**63:
        problems.error(at, f"{shown} does not fit into 64 bits", "quote it if it is text")
        return 0
    return int(text)
