"""Elastic Common Schema, version 8.11; the stored event stands under `wharfinger`, whole."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

VERSION = "8.11.0"
_TYPES = {
    "intent": ["access", "allowed"], "denied": ["access", "denied"], "held": ["access"],
    "outcome": ["access", "end"], "started": ["start"], "stopped": ["end"], "control": ["admin", "change"],
    "approval": ["admin"], "grant": ["admin", "change"],
}  # fmt: skip
_CATEGORIES = {"started": ["process"], "stopped": ["process"], "control": ["configuration"]}


def event(members: Mapping[str, Any]) -> dict[str, Any]:
    """One event."""
    kind = str(members["kind"])
    tools = [str(call["tool"]) for call in members.get("calls", ())]
    made: dict[str, Any] = {
        "@timestamp": members["time"],
        "ecs": {"version": VERSION},
        "event": _about({
            "kind": "event", "category": _CATEGORIES.get(kind, ["api"]), "type": _TYPES.get(kind, ["info"]),
            "id": members["id"], "sequence": members["seq"], "dataset": "wharfinger.audit",
            "provider": "wharfinger", "action": tools[0] if tools else members.get("action") or kind,
            "outcome": _outcome(members), "reason": members.get("reason"), "code": members.get("code"),
        }),
        "message": members.get("reason") or kind,
        "user": _about({"name": members.get("person")}),
        "service": _about({"name": members.get("agent"), "id": members.get("agent_id")}),
        "url": _about({
            "scheme": members.get("scheme"), "domain": members.get("host"), "port": members.get("port"),
            "path": members.get("path"),
        }),
        "http": _about({
            "request": _about({"method": members.get("method"), "bytes": members.get("request_bytes")}),
            "response": _about({
                "status_code": members.get("status"), "bytes": members.get("response_bytes")
            }),
        }),
        "destination": _about({
            "address": members.get("host"), "port": members.get("port"),
            "ip": str(members.get("address", "")).rpartition(":")[0].strip("[]") or None,
        }),
        "rule": _about({"name": members.get("rules")}),
        "trace": _about({"id": members.get("trace")}),
        "wharfinger": dict(members),
    }  # fmt: skip
    return _about(made)


def _about(values: Mapping[str, Any]) -> dict[str, Any]:
    """What there is to say."""
    return {name: value for name, value in values.items() if value not in (None, {}, "")}


def _outcome(members: Mapping[str, Any]) -> str:
    if members.get("verdict") == "deny":
        return "failure"
    if "outcome" in members:
        return "success" if members["outcome"] == "completed" else "failure"
    return "unknown" if members["kind"] in {"intent", "held"} else "success"
