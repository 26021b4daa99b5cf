"""The JSON Schema of stored events: what `docs/audit-format.md` says, for programs."""

from __future__ import annotations

from typing import Any, Final

from wharfinger.audit.chain import VERSION
from wharfinger.audit.event import EventKind, Outcome
from wharfinger.rules.types import Code, Effect, Verdict

type Schema = dict[str, Any]

_TEXT: Final[Schema] = {"type": "string", "maxLength": 4096}
_COUNT: Final[Schema] = {"type": "integer", "minimum": 0}
_HASH: Final[Schema] = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
_HASHES: Final[Schema] = {"type": "object", "additionalProperties": _HASH}
_TEXTS: Final[Schema] = {"type": "array", "items": _TEXT, "maxItems": 32}
_TRUE: Final[Schema] = {"const": True}
_VALUES: Final[Schema] = {"type": "object"}

_CALL: Final[Schema] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["tool", "effect"],
    "properties": {
        "tool": _TEXT,
        "effect": {"enum": [str(effect) for effect in Effect]},
        "blast": _COUNT,
        "template": _TEXT,
        "reason": _TEXT,
        "inputs": _VALUES,
        "extras": _VALUES,
        "hmac": _HASHES,
    },
}
_CUT: Final[Schema] = {
    "type": "object",
    "additionalProperties": {
        "type": "object",
        "additionalProperties": False,
        "minProperties": 1,
        "properties": {"length": _COUNT, "sha256": _HASH, "items": _COUNT},
    },
}
_PLACE: Final[dict[str, Schema]] = {
    "version": {"const": VERSION},
    "seq": _COUNT,
    "prev": _HASH,
    "id": {"type": "string", "pattern": "^e_[0-9a-f]{8}_(0|[1-9][0-9]*)$"},
    "time": {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$"},
    "mono_ns": _COUNT,
    "kind": {"enum": [str(kind) for kind in EventKind]},
    "leaf": _HASH,
}
_MEMBERS: Final[dict[str, Schema]] = {
    "clock_back_us": _COUNT,
    "durable": {"const": False},
    "decision": _TEXT,
    "agent": _TEXT,
    "agent_id": _TEXT,
    "run": _TEXT,
    "identified_by": _TEXT,
    "confinement": _TEXT,
    "calls": {"type": "array", "items": _CALL, "maxItems": 32},
    "verdict": {"enum": [str(verdict) for verdict in Verdict]},
    "code": {"enum": [str(code) for code in Code]},
    "reason": _TEXT,
    "rules": _TEXTS,
    "observed": {"enum": [str(verdict) for verdict in Verdict]},
    "observed_reason": _TEXT,
    "observed_rules": _TEXTS,
    "review": _TRUE,
    "policy_digest": _TEXT,
    "request_digest": _TEXT,
    "approval": _TEXT,
    "approvers": _TEXTS,
    "grants": _TEXTS,
    "state": _TEXT,
    "method": _TEXT,
    "scheme": _TEXT,
    "host": _TEXT,
    "port": {"type": "integer", "minimum": 0, "maximum": 65535},
    "path": _TEXT,
    "query": _TEXTS,
    "credentials": _TEXTS,
    "dropped": _TEXTS,
    "outcome": {"enum": [str(outcome) for outcome in Outcome]},
    "status": _COUNT,
    "address": _TEXT,
    "request_bytes": _COUNT,
    "response_bytes": _COUNT,
    "request_messages": _COUNT,
    "response_messages": _COUNT,
    "response_digest": _TEXT,
    "reused": {"type": "boolean"},
    "findings": {"type": "object", "additionalProperties": _COUNT},
    "timings_ms": {"type": "object", "additionalProperties": {"type": "number"}},
    "person": _TEXT,
    "action": _TEXT,
    "trace": {"type": "string", "pattern": "^[0-9a-f]{32}$"},
    "trace_parent": {"type": "string", "pattern": "^[0-9a-f]{16}$"},
    "count": {"type": "integer", "minimum": 1},
    "decisions": _TEXTS,
    "detail": _VALUES,
    "hmac": _HASHES,
    "cut": _CUT,
}
_HEADER: Final[dict[str, Schema]] = {
    "log": {"type": "string", "pattern": "^[0-9a-f]{32}$"},
    "segment": {"type": "integer", "minimum": 1},
    "tree": {"type": "array", "items": _HASH, "maxItems": 64},
    "open": {"type": "object", "additionalProperties": {"type": "string"}},
}
_NEEDED: Final[dict[EventKind, tuple[str, ...]]] = {
    EventKind.SEGMENT: tuple(_HEADER),
    EventKind.INTENT: ("decision", "agent", "calls", "verdict", "policy_digest", "method", "host"),
    EventKind.DENIED: ("decision", "verdict", "code", "reason"),
    EventKind.HELD: ("decision", "agent", "verdict", "approval"),
    EventKind.APPROVAL: ("approval", "state"),
    EventKind.GRANT: ("grants", "state"),
    EventKind.OUTCOME: ("decision", "outcome"),
    EventKind.CONTROL: ("action", "person"),
    EventKind.NOTICE: ("action", "reason"),
    EventKind.RECOVERED: ("detail",),
}
"""What each kind has besides its place; a kind that is not named needs nothing more."""


def _cut_short(needed: tuple[str, ...]) -> Schema:
    """What a kind has, unless it was cut so hard that only its place and its digest are sure."""
    return {"anyOf": [{"required": list(needed)}, {"required": ["cut"]}]}


def event_schema() -> Schema:
    """The schema of one stored line."""
    conditions = [
        {"if": {"properties": {"kind": {"const": str(kind)}}}, "then": _cut_short(needed)}
        for kind, needed in _NEEDED.items()
    ]
    header = {"if": {"not": {"properties": {"kind": {"const": "segment"}}}},
              "then": {"properties": dict.fromkeys(_HEADER, False)}}  # fmt: skip
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "An event of the audit log",
        "type": "object",
        "additionalProperties": False,
        "required": list(_PLACE),
        "properties": {**_PLACE, **_MEMBERS, **_HEADER},
        "allOf": [*conditions, header],
    }
