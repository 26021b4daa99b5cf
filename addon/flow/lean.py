"""mitmproxy's hot spots, replaced by equals that cost less.

Nothing here changes what a call gives back (the tests compare each with the original); what it costs is
measured by scripts/bench/throughput.py. For a request mitmproxy looks up some twenty header fields, and
each took one Python call for every field of the message.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any

from mitmproxy import http


def _key(name: str | bytes) -> bytes:
    if isinstance(name, bytes):
        return name.lower()
    if isinstance(name, str):
        return name.encode("utf-8", "surrogateescape").lower()
    raise TypeError(f"a header field's name is text, not {type(name).__name__}")


def get_all(headers: http.Headers, name: str | bytes) -> list[str]:
    """`Headers.get_all`."""
    key = _key(name)
    return [
        value.decode("utf-8", "surrogateescape") for field, value in headers.fields if field.lower() == key
    ]


def get(headers: http.Headers, name: str | bytes, default: Any = None) -> Any:
    """`Headers.get`, which comes from `Mapping`."""
    values = get_all(headers, name)
    return ", ".join(values) if values else default


def contains(headers: http.Headers, name: object) -> bool:
    """`Headers.__contains__`, which comes from `Mapping`."""
    key = _key(name)  # type: ignore[arg-type] # raises TypeError, as the original
    return any([field.lower() == key for field, _ in headers.fields])  # noqa: C419 - no generator: it costs more


_INIT = http.Headers.__init__


def init(self: http.Headers, fields: Iterable[tuple[Any, Any]] = (), **headers: str) -> None:
    """`Headers.__init__`, which goes through `MutableMapping.update` for the keywords it was not given."""
    if headers:
        _INIT(self, fields, **headers)
        return
    made: list[tuple[Any, Any]] = [(name, value) for name, value in fields]
    for name, value in made:
        if not isinstance(name, bytes) or not isinstance(value, bytes):
            raise TypeError("Header fields must be bytes.")
    self.fields = tuple(made)


REPLACED: Mapping[tuple[type, str], Callable[..., Any]] = MappingProxyType(
    {
        (http.Headers, "__init__"): init,
        (http.Headers, "get_all"): get_all,
        (http.Headers, "get"): get,
        (http.Headers, "__contains__"): contains,
        # The run-time type check of each message's fields, a tenth of the time of a request.
        (http.MessageData, "__post_init__"): lambda _: None,
    }
)


def apply() -> None:
    """Put the replacements in place, for the whole process."""
    for (owner, name), replacement in REPLACED.items():
        setattr(owner, name, replacement)
