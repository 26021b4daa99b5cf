"""What of an event is stored: every text bounded, every sensitive input an HMAC, nothing taken for another.

What was cut or hidden is told *beside* the values (`cut`, `hmac`), under names of our own, so that no text
or object sent by an agent can pass for such a mark. A line is never longer than `SIZE_LIMIT`; where the
ordinary bounds do not reach that, the same event is rendered under tighter ones.
"""

from __future__ import annotations

import hmac
import itertools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from urllib.parse import unquote, unquote_plus

import orjson
from wharfinger.audit.chain import ascii_json
from wharfinger.audit.event import Event, Sent, Target, Who
from wharfinger.rules.types import JSON, UNMATCHED, Call

SIZE_LIMIT = 16 * 1024
"""Most bytes of one rendered event, before sequence, chain and leaf hash are added."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much of an event is kept."""

    text: int
    """Characters of one text."""
    inputs: int
    """Bytes of all inputs and extras of the event together, as JSON."""
    items: int
    """Entries of one list or mapping."""


ORDINARY = Bounds(text=512, inputs=4096, items=32)
TIGHT = Bounds(text=96, inputs=512, items=12)
LEAST = Bounds(text=12, inputs=0, items=3)
"""Fits whatever an agent sends; what was cut is then told by one digest of the whole."""


class TooLong(ValueError):
    """An event does not fit even when cut to the least: it is not written, and nothing is sent."""


def input_hmac(key: bytes, name: str, value: JSON) -> str:
    """What stands for a sensitive input: HMAC-SHA256 over its name and canonical JSON, under `key`.

    The same value gives the same HMAC within one file of the log, so an operator who holds the key can
    ask whether a given value was sent, and nobody else can try values.
    """
    return hmac.digest(key, name.encode("utf-8", "backslashreplace") + b"\x00" + _json(value), "sha256").hex()


def render(event: Event, key: bytes) -> bytes:
    """The event's members as one JSON object in ASCII; `key` is for its sensitive inputs."""
    whole = b""
    for bounds in (ORDINARY, TIGHT, LEAST):
        members = _Renderer(bounds, key).event(event)
        if bounds is LEAST:
            members["cut"] = {"event": {"length": len(whole), "sha256": sha256(whole).hexdigest()}}
        data = orjson.dumps(members)
        if len(data) <= SIZE_LIMIT and len(stored := ascii_json(data)) <= SIZE_LIMIT:
            return stored
        whole = whole or data
    raise TooLong(f"an event of kind {event.kind} is over {SIZE_LIMIT} bytes even when cut")


def _json(value: JSON) -> bytes:
    """Canonical JSON of a value, whatever a body parser may have made of it; never an error."""
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except (orjson.JSONEncodeError, RecursionError):
        pass
    try:
        return json.dumps(value, sort_keys=True, separators=(",", ":"), default=repr).encode()
    except (TypeError, ValueError, RecursionError):
        return json.dumps(f"{type(value).__name__} without a JSON form").encode()


def _texts(value: JSON) -> Iterator[str]:
    """Every scalar in a value, however deep, as the text it would be in an URL."""
    waiting: list[JSON] = [value]
    while waiting:
        part = waiting.pop()
        if isinstance(part, str):
            yield part
        elif isinstance(part, Mapping):
            waiting.extend(part.values())
        elif isinstance(part, list | tuple):
            waiting.extend(part)
        elif part is not None:
            yield _json(part).decode()


class _Hidden:
    """The sensitive texts of an event, which must not stand anywhere else in it."""

    MOST = 64
    """With more of them, everything is taken to hold one: looking has its price too."""
    TELLING = 4
    """Characters; what is shorter stands in other texts by chance, and counts where it is all of one."""

    def __init__(self, calls: Sequence[Call]) -> None:
        self.texts: set[str] = set()
        if any(call.sensitive for call in calls):
            every = (_texts(call.inputs.get(name)) for call in calls for name in call.sensitive)
            self.texts.update(itertools.islice(itertools.chain.from_iterable(every), self.MOST))
            self.texts.discard("")
        self.many = len(self.texts) >= self.MOST
        self._telling = [text for text in self.texts if len(text) >= self.TELLING]

    def within(self, text: str) -> bool:
        """Whether one of them stands in `text`, as it is or percent-encoded."""
        if not self.texts:
            return False
        forms = (text, unquote(text), unquote_plus(text))
        return self.many or any(hidden in form for hidden in self.texts for form in forms)

    def holds(self, value: JSON) -> bool:
        """Whether a value that is not sensitive by its name repeats one that is, wherever in it."""
        return bool(self.texts) and (self.many or any(map(self._repeats, _texts(value))))

    def _repeats(self, text: str) -> bool:
        forms = (text, unquote(text), unquote_plus(text))
        return text in self.texts or any(hidden in form for hidden in self._telling for form in forms)


class _Renderer:
    """Renders one event once, noting what it had to cut on the way."""

    def __init__(self, bounds: Bounds, key: bytes) -> None:
        self.bounds = bounds
        self.key = key
        self.left = bounds.inputs
        self.cut: dict[str, dict[str, int | str]] = {}

    def event(self, event: Event) -> dict[str, Any]:
        self.hidden = _Hidden(event.calls)
        out: dict[str, Any] = {"kind": event.kind}
        self._own(out, "decision", event.decision)
        if event.who is not None:
            self._who(out, event.who)
        if event.calls:
            out["calls"] = [self._call(call, i) for i, call in self._some("calls", event.calls)]
        self._judgement(out, event)
        if event.target is not None:
            self._target(out, event.target)
        self._list(out, "credentials", event.credentials)
        self._list(out, "dropped", event.dropped)
        if event.outcome is not None:
            out["outcome"] = event.outcome
        if event.sent is not None:
            self._sent(out, event.sent)
        self._put(out, "person", event.person)
        self._put(out, "action", event.action)
        self._own(out, "trace", event.trace)
        self._own(out, "trace_parent", event.trace_parent)
        if event.count:
            out["count"] = event.count
        self._list(out, "decisions", event.decisions)
        if event.detail:
            out["detail"] = self._values("detail", event.detail)
        if self.cut:
            out["cut"] = self.cut
        return out

    def _who(self, out: dict[str, Any], who: Who) -> None:
        self._own(out, "agent", who.agent)
        self._own(out, "agent_id", who.agent_id)
        self._own(out, "run", who.run)
        self._put(out, "identified_by", who.identified_by)
        self._put(out, "confinement", who.confinement)

    def _judgement(self, out: dict[str, Any], event: Event) -> None:
        if event.verdict is not None:
            out["verdict"] = event.verdict
        if event.code is not None:
            out["code"] = event.code
        self._put(out, "reason", event.reason)
        self._list(out, "rules", event.rules)
        if event.observed is not None:
            self._put(out, "observed", event.observed.verdict.value)
            self._put(out, "observed_reason", event.observed.reason)
            self._list(out, "observed_rules", [str(rule) for rule in event.observed.rules])
        if event.review:
            out["review"] = True
        self._own(out, "policy_digest", event.policy_digest)
        self._own(out, "request_digest", event.request_digest)
        self._own(out, "approval", event.approval)
        self._put(out, "state", event.state)
        self._list(out, "approvers", event.approvers)
        self._list(out, "grants", event.grants)

    def _target(self, out: dict[str, Any], target: Target) -> None:
        self._put(out, "method", target.method)
        self._put(out, "scheme", target.scheme)
        self._put(out, "host", target.host)
        out["port"] = target.port
        if self.hidden.within(target.path):
            out["hmac"] = {"path": input_hmac(self.key, "path", target.path)}
        else:
            self._put(out, "path", target.path)
        self._list(out, "query", target.query)
        if target.size is not None:
            out["request_bytes"] = target.size

    def _sent(self, out: dict[str, Any], sent: Sent) -> None:
        for name in (
            "status",
            "request_bytes",
            "response_bytes",
            "request_messages",
            "response_messages",
            "reused",
        ):
            if (value := getattr(sent, name)) is not None:
                out[name] = value
        self._put(out, "address", sent.address)
        self._own(out, "response_digest", sent.response_digest)
        if sent.findings:
            out["findings"] = self._counts("findings", sent.findings)
        if sent.timings_ms:
            out["timings_ms"] = self._counts("timings_ms", sent.timings_ms)

    def _counts[N: (int, float)](self, name: str, counts: Mapping[str, N]) -> dict[str, N]:
        entries = self._some(name, counts.items())
        return {self._text(f"{name}.{i}", key): number for i, (key, number) in entries}

    def _call(self, call: Call, index: int) -> dict[str, Any]:
        where = f"calls.{index}"
        out: dict[str, Any] = {"tool": self._text(f"{where}.tool", call.tool), "effect": call.effect}
        if blast := call.blast.score:
            out["blast"] = blast
        if call.template:
            out["template"] = self._text(f"{where}.template", call.template, 128)
        if call.reason and not self.hidden.within(call.reason):
            out["reason"] = self._text(f"{where}.reason", call.reason)
        if call.tool == UNMATCHED:  # its inputs are the target, which the event holds already
            return out
        alike = {sensitive.casefold() for sensitive in call.sensitive}
        secret: list[tuple[str, JSON]] = []
        for group, values in (("inputs", call.inputs), ("extras", call.extras)):
            hidden = {k: v for k, v in values.items() if alike and self._is_hidden(alike, k, v)}
            secret += [(k, v) for k, v in hidden.items() if group == "inputs" or k not in call.inputs]
            if shown := {k: v for k, v in values.items() if k not in hidden}:
                out[group] = self._values(f"{where}.{group}", shown)
        if secret:
            out["hmac"] = {
                self._text(f"{where}.hmac.{i}", k): input_hmac(self.key, k, v)
                for i, (k, v) in self._some(f"{where}.hmac", secret)
            }
        return out

    def _is_hidden(self, alike: Set[str], name: str, value: JSON) -> bool:
        """Whether only an HMAC is kept: it is sensitive, is named like what is, or repeats its value."""
        return name.strip().casefold() in alike or self.hidden.holds(value)

    def _values(self, where: str, values: Mapping[str, JSON]) -> dict[str, Any]:
        """Named values, within the budget that all of the event share."""
        out: dict[str, Any] = {}
        for i, (key, value) in self._some(where, values.items()):
            name = self._text(f"{where}.{i}", key, min(self.bounds.text, 64))
            shown = self._value(f"{where}.{name}", value, min(self.bounds.text, self.left))
            self.left = max(0, self.left - len(orjson.dumps(shown)))
            out[name] = shown
        return out

    def _value(self, where: str, value: JSON, most: int) -> Any:
        if value is None or isinstance(value, bool | float):
            return value
        if isinstance(value, int) and -(2**63) <= value < 2**63:
            return value
        if isinstance(value, str):
            return self._text(where, value, most)
        data = _json(value)
        if len(data) <= most and _plain(data):
            return orjson.Fragment(data)
        return self._shorten(where, data.decode(), most)

    def _put(self, out: dict[str, Any], name: str, text: str) -> None:
        if text:
            fits = len(text) <= self.bounds.text and text.isascii()
            out[name] = text if fits else self._text(name, text)

    def _own(self, out: dict[str, Any], name: str, text: str) -> None:
        """Put in an id or digest of our own making, which is never cut short of its 128 characters."""
        if text:
            out[name] = text if len(text) <= 128 and text.isascii() else self._text(name, text, 128)

    def _list(self, out: dict[str, Any], name: str, texts: Sequence[str]) -> None:
        if texts:
            out[name] = [self._text(f"{name}.{i}", text) for i, text in self._some(name, texts)]

    def _some[T](self, where: str, items: Iterable[T]) -> list[tuple[int, T]]:
        """The first of `items`, numbered; the number of the others is noted."""
        every = list(items)
        if len(every) > self.bounds.items:
            self.cut[where] = {"items": len(every)}
        return list(enumerate(every[: self.bounds.items]))

    def _text(self, where: str, text: str, most: int | None = None) -> str:
        if not text.isascii():
            text = text.encode("utf-8", "backslashreplace").decode()
        most = self.bounds.text if most is None else most
        return text if len(text) <= most else self._shorten(where, text, most)

    def _shorten(self, where: str, text: str, most: int) -> str:
        """The beginning of a text; its length and digest are noted under (the beginning of) `where`."""
        data = text.encode("utf-8", "backslashreplace")
        self.cut[where[:80]] = {"length": len(data), "sha256": sha256(data).hexdigest()}
        return text[:most]


def _plain(data: bytes) -> bool:
    """Whether JSON text will be read back as it is (a lone surrogate as an escape would not)."""
    try:
        orjson.loads(data)
    except orjson.JSONDecodeError:
        return False
    return True
