"""The small values that settings are made of: durations, sizes, hosts, endpoints, names, patterns."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, Final

import re2
from pydantic import BeforeValidator, WithJsonSchema
from wharfinger.rules.models.base import Text, listed, wrong
from wharfinger.rules.requests import spelling
from wharfinger.rules.requests.refusal import Refused

_DURATION = re.compile(r"([1-9][0-9]{0,8})(ms|s|m|h|d)", re.ASCII)
_SECONDS: Final = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
_SIZE = re.compile(r"([1-9][0-9]{0,11})(B|KiB|MiB|GiB)", re.ASCII)
_BYTES: Final = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
_NAME: Final = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}"
_VARIABLE: Final = r"[A-Za-z_][A-Za-z0-9_]{0,127}"
_HEADER: Final = r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}"
_PREFIX: Final = r"[A-Za-z0-9_-]{0,32}"
_HOST: Final = r"^(\*|(\*\.)?([^\s/:@?#]+|\[[0-9A-Fa-f:.]+\]))$"
"""For editors; `host_pattern` is what decides."""


def _text(schema: dict[str, Any], check: Callable[[str], Any], what: str) -> Any:
    """A validator that takes text only, and says what it wanted if it gets something else."""

    def validate(value: Any) -> Any:
        if not isinstance(value, str):
            raise wrong(f"expected {what}")
        return check(value)

    return (BeforeValidator(validate), WithJsonSchema({"type": "string", **schema}))


NAME_RULE: Final = "use letters, digits, `_`, `-` and `.`, at most 64 of them"


def is_name(text: str) -> bool:
    """Whether an agent, a person, a tool or a policy may be called so."""
    return re.fullmatch(_NAME, text, re.ASCII) is not None


def duration(text: str) -> timedelta:
    """`50s`, `15m`, `1h`, `2d` or `500ms` as a `timedelta`."""
    match = _DURATION.fullmatch(text)
    if match is None:
        raise wrong(f'"{text}" is not a duration', "write it like 500ms, 50s, 15m, 1h or 2d")
    return timedelta(seconds=int(match[1]) * _SECONDS[match[2]])


def spelled_duration(span: timedelta) -> str:
    """A duration as it is written, in the greatest unit that gives a whole number."""
    thousandths = span // timedelta(milliseconds=1)
    units = {unit: int(seconds * 1000) for unit, seconds in _SECONDS.items()}
    unit = max((unit for unit in units if thousandths % units[unit] == 0), key=units.__getitem__)
    return f"{thousandths // units[unit]}{unit}"


def size(text: str) -> int:
    """`64KiB`, `32MiB`, `1GiB` or `512B` as bytes."""
    match = _SIZE.fullmatch(text)
    if match is None:
        raise wrong(f'"{text}" is not a size', "write a whole number and a unit: 512B, 64KiB, 32MiB or 1GiB")
    return int(match[1]) * _BYTES[match[2]]


def spelled_size(count: int) -> str:
    """A number of bytes as it is written, in the greatest unit that gives a whole number."""
    unit = max((unit for unit in _BYTES if count % _BYTES[unit] == 0), key=_BYTES.__getitem__)
    return f"{count // _BYTES[unit]}{unit}"


def host(text: str) -> str:
    """A host as `spelling.host` writes it: lower case, no port, no scheme."""
    if "://" in text or "/" in text:
        raise wrong(f'"{text}" is not a host', "write the name alone, without scheme and path")
    try:
        return spelling.host(text)
    except Refused as refused:
        port = ":" in text and not text.startswith("[")
        help_ = refused.refusal.help
        hint = "write the name alone, without a port" if port else help_[:1].lower() + help_[1:]
        raise wrong(f'"{text}" is not a host', hint) from None


def host_pattern(text: str) -> str:
    """A host, `*.` and a host, or `*` for all."""
    if text == "*":
        return text
    return f"*.{host(text[2:])}" if text.startswith("*.") else host(text)


def plain_host_pattern(text: str) -> str:
    """A host pattern in the one form it is compared in, for keys: two spellings would be two entries."""
    canonical = host_pattern(text)
    if canonical != text:
        raise wrong(f'"{text}" is not in its plain form', f'write "{canonical}"')
    return text


def _matching(pattern: str, what: str, hint: str) -> Callable[[str], str]:
    compiled = re.compile(pattern, re.ASCII)

    def check(text: str) -> str:
        if not compiled.fullmatch(text):
            raise wrong(f'"{text}" is not {what}', hint)
        return text

    return check


def pattern(text: str) -> str:
    """A regular expression that RE2 takes."""
    try:
        compile_pattern(text)
    except re2.error as error:
        said = error.args[0]
        detail = said.decode(errors="replace") if isinstance(said, bytes) else str(said)
        raise wrong(f'"{text}" is not a pattern: {detail}', "see github.com/google/re2/wiki/Syntax") from None
    return text


def compile_pattern(text: str) -> Any:
    """The pattern, compiled by RE2: linear time, whatever the text."""
    options = re2.Options()
    options.log_errors = False
    return re2.compile(text, options)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where something listens or is reached: a canonical host and a port (0: take a free one)."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def endpoint(text: str) -> Endpoint:
    """`127.0.0.1:8080`, `[::1]:8080`, `localhost:0`."""
    name, colon, port = text.rpartition(":")
    if not colon or not re.fullmatch(r"[0-9]{1,5}", port, re.ASCII) or int(port) > 65535:
        raise wrong(f'"{text}" is not host:port', 'write it like "127.0.0.1:8080"; port 0 takes a free one')
    return Endpoint(host(name), int(port))


Duration = Annotated[
    timedelta, *_text({"pattern": f"^{_DURATION.pattern}$"}, duration, "a duration like 50s or 15m")
]
Size = Annotated[int, *_text({"pattern": f"^{_SIZE.pattern}$"}, size, "a size like 32MiB")]
HostPattern = Annotated[str, *_text({"pattern": _HOST}, host_pattern, "a host, *.host or *")]
PlainHost = Annotated[str, *_text({}, plain_host_pattern, "a host, *.host or *")]
Listen = Annotated[Endpoint, *_text({}, endpoint, "host:port")]
Pattern = Annotated[str, *_text({"format": "regex"}, pattern, "a pattern")]
Name = Annotated[
    str,
    *_text(
        {"pattern": f"^{_NAME}$"},
        _matching(_NAME, "a name", NAME_RULE),
        "a name",
    ),
]
Variable = Annotated[
    str,
    *_text(
        {"pattern": f"^{_VARIABLE}$"},
        _matching(_VARIABLE, "a name", "use letters, digits and `_`, not beginning with a digit"),
        "a name",
    ),
]
Prefix = Annotated[
    str,
    *_text(
        {"pattern": f"^{_PREFIX}$"},
        _matching(_PREFIX, "the beginning of a placeholder", "use letters, digits, `_` and `-`, at most 32"),
        "a text",
    ),
]
HeaderName = Annotated[
    str,
    *_text(
        {"pattern": f"^{_HEADER}$"},
        _matching(_HEADER, "a header's name", "write the name alone"),
        "a header's name",
    ),
]
Texts = Annotated[
    tuple[Text, ...],
    BeforeValidator(listed),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
]
"""One text, or a list of them."""
