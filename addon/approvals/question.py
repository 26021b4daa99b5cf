r"""What a person is shown of a request before deciding on it.

Built from the request as the agent sent it, before any credential is put in, so no secret of ours can
be in it. Everything an agent wrote is made safe to show anywhere: control, bidirectional and invisible
characters are written out as `\u{202e}`, long values are cut with the number of bytes that are
missing, and `complete` is false where anything was cut, so that a view can refuse to decide on it.
"""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from wharfinger.rules.types import JSON, UNMATCHED, Call, Decision, Request

VALUE_LIMIT = 2048
"""Characters of one input, path, header or reason that are kept."""
INPUTS_LIMIT = 16 * 1024
"""Characters of all inputs of a request together."""
_CALLS_LIMIT = 32
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_NEVER_SHOWN = frozenset({"authorization", "cookie", "proxy-authorization"})
_DEPTH = 12


@dataclass(frozen=True, slots=True)
class AskedCall:
    """One call of the request: which tool, and with what."""

    tool: str
    description: str
    effect: str
    inputs: Mapping[str, JSON]
    extras: Mapping[str, JSON]
    blast: str = ""
    """How much harm it could do, and why, in words."""


@dataclass(frozen=True, slots=True)
class Question:
    """One request, as a person sees it who decides on it."""

    method: str
    scheme: str
    host: str
    port: int
    path: str
    calls: tuple[AskedCall, ...]
    headers: tuple[tuple[str, str], ...]
    """Header fields that are not part of the digest and may differ when the request is sent again."""
    reason: str | None
    """The agent's own words."""
    body_size: int
    body_sha256: str
    complete: bool
    """False where something was cut."""

    def as_json(self) -> dict[str, Any]:
        """Plain JSON of this, and what `from_json` reads back."""
        calls = [
            {
                "tool": call.tool,
                "description": call.description,
                "effect": call.effect,
                "inputs": dict(call.inputs),
                "extras": dict(call.extras),
                "blast": call.blast,
            }
            for call in self.calls
        ]
        return {
            "method": self.method,
            "scheme": self.scheme,
            "host": self.host,
            "port": self.port,
            "path": self.path,
            "calls": calls,
            "headers": [list(pair) for pair in self.headers],
            "reason": self.reason,
            "body_size": self.body_size,
            "body_sha256": self.body_sha256,
            "complete": self.complete,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Question:
        """Read back what `as_json` gave."""
        return cls(
            method=data["method"],
            scheme=data["scheme"],
            host=data["host"],
            port=data["port"],
            path=data["path"],
            calls=tuple(AskedCall(**call) for call in data["calls"]),
            headers=tuple((name, value) for name, value in data["headers"]),
            reason=data["reason"],
            body_size=data["body_size"],
            body_sha256=data["body_sha256"],
            complete=data["complete"],
        )


def question(request: Request, decision: Decision, volatile: Iterable[tuple[str, str]] = ()) -> Question:
    """What to show of `request`; `volatile` are the header fields that its digest leaves out."""
    text = _Text()
    unmatched = any(call.tool == UNMATCHED for call in decision.calls)
    path = request.target if unmatched else request.target.partition("?")[0]
    reason = next((call.reason for call in decision.calls if call.reason), None)
    body = request.body or b""
    asked = tuple(_asked(call, text) for call in decision.calls[:_CALLS_LIMIT])
    text.complete = text.complete and len(decision.calls) <= _CALLS_LIMIT
    return Question(
        method=text.safe(request.method),
        scheme=request.scheme,
        host=text.safe(request.host),
        port=request.port,
        path=text.safe(path),
        calls=asked,
        headers=tuple(
            (text.safe(name), text.safe(value))
            for name, value in volatile
            if name.lower() not in _NEVER_SHOWN
        ),
        reason=None if reason is None else text.safe(reason),
        body_size=len(body),
        body_sha256=hashlib.sha256(body).hexdigest(),
        complete=text.complete,
    )


def safe_text(value: str) -> str:
    """`value` with every character written out that would not show, or would move what shows."""
    if value.isascii() and value.isprintable():
        return value
    return "".join(_visible(char) for char in value)


def _visible(char: str) -> str:
    hidden = unicodedata.category(char) in _HIDDEN or (char.isspace() and char != " ")
    return f"\\u{{{ord(char):x}}}" if hidden else char


def _asked(call: Call, text: _Text) -> AskedCall:
    return AskedCall(
        tool=call.tool,
        description=call.description,
        effect=call.effect.value,
        inputs=text.values(call.inputs, call.sensitive),
        extras=text.values(call.extras, call.sensitive),
        blast=text.safe(str(call.blast)),
    )


class _Text:
    """Makes values safe to show, and remembers whether any was cut."""

    def __init__(self) -> None:
        self.complete = True
        self._left = INPUTS_LIMIT

    def safe(self, value: str) -> str:
        kept = safe_text(value[:VALUE_LIMIT])
        if len(value) <= VALUE_LIMIT:
            return kept
        self.complete = False
        more = len(value[VALUE_LIMIT:].encode("utf-8", "surrogatepass"))
        return f"{kept} … {more} more bytes"

    def values(self, values: Mapping[str, JSON], sensitive: frozenset[str]) -> dict[str, JSON]:
        return {
            self.safe(name): "(sensitive: not shown)" if name in sensitive else self._value(value)
            for name, value in values.items()
        }

    def _value(self, value: JSON) -> JSON:
        shown = self._plain(value, _DEPTH)
        written = json.dumps(shown, ensure_ascii=False)
        size = len(written)
        if size <= VALUE_LIMIT * 2 and size <= self._left:
            self._left -= size
            return shown
        self.complete = False
        kept = written[: min(VALUE_LIMIT, self._left)]
        self._left -= len(kept)
        return f"{kept} … {len(written[len(kept) :].encode())} more bytes"

    def _plain(self, value: JSON, depth: int) -> JSON:
        if value is None or isinstance(value, bool | int | float):
            return value
        if isinstance(value, str):
            return self.safe(value)
        if depth == 0:
            self.complete = False
            return "… nested deeper than is shown"
        if isinstance(value, Mapping):
            return {self.safe(key): self._plain(item, depth - 1) for key, item in value.items()}
        return [self._plain(item, depth - 1) for item in value]
