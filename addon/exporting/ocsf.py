"""Open Cybersecurity Schema Framework, version 1.3.0.

What agents and people do is an API Activity (6003), a failed one where it was denied; the runtime's own life
is an Application Lifecycle (6002). What has no place in either, the verdict too, stands under `unmapped`, so
nothing of the stored event is left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from wharfinger import __version__

VERSION = "1.3.0"
_PRODUCT = {"name": "wharfinger", "vendor_name": "wharfinger", "version": __version__}
_LIFE = {"started": 3, "stopped": 4}
"""Kinds of the runtime's own life → Start, Stop; any other of them is Other."""
_OWN = {*_LIFE, "recovered", "segment"}
_METHODS = {"POST": 1, "GET": 2, "HEAD": 2, "PUT": 3, "PATCH": 3, "DELETE": 4}
_EFFECTS = {"read": 2, "write": 3, "destructive": 4}
_OTHER = 99
_GOOD = {"completed"}
_MAPPED = {
    "version", "time", "seq", "id", "kind", "agent", "agent_id", "run", "person", "method", "scheme", "host",
    "port", "path", "status", "decision", "reason",
}  # fmt: skip


def event(members: Mapping[str, Any]) -> dict[str, Any]:
    """One event."""
    own = members["kind"] in _OWN
    made = _lifecycle(members) if own else _activity(members)
    made["time"] = int(datetime.fromisoformat(members["time"]).timestamp() * 1000)
    made["severity_id"] = 3 if members.get("verdict") == "deny" else 1
    made["metadata"] = {
        "version": VERSION, "product": _PRODUCT, "uid": members["id"], "sequence": members["seq"],
        "original_time": members["time"], "log_name": "audit", "event_code": members["kind"],
    }  # fmt: skip
    if decision := members.get("decision"):
        made["metadata"]["correlation_uid"] = decision
    if reason := members.get("reason"):
        made["message"] = reason
    if "count" in members:
        made["count"] = members["count"]
    if rest := {name: value for name, value in members.items() if name not in _MAPPED}:
        made["unmapped"] = rest
    return made


def _lifecycle(members: Mapping[str, Any]) -> dict[str, Any]:
    activity = _LIFE.get(str(members["kind"]), _OTHER)
    made = _class(6, 6002, activity, str(members["kind"]))
    return made | {"app": _PRODUCT, "status_id": 1}


def _activity(members: Mapping[str, Any]) -> dict[str, Any]:
    calls: Sequence[Mapping[str, Any]] = members.get("calls") or ({},)
    operation = calls[0].get("tool") or members.get("action") or members["kind"]
    activity = _METHODS.get(str(members.get("method")), _EFFECTS.get(str(calls[0].get("effect")), _OTHER))
    made = _class(6, 6003, activity, str(members.get("action") or members.get("method") or members["kind"]))
    api: dict[str, Any] = {"operation": operation}
    if decision := members.get("decision"):
        api["request"] = {"uid": decision}
    if "status" in members:
        api["response"] = {"code": members["status"]}
    if host := members.get("host"):
        api["service"] = {"name": host}
        made["dst_endpoint"] = {"hostname": host, "port": members.get("port")}
        url = {"hostname": host, "port": members.get("port"), "scheme": members.get("scheme"),
               "path": members.get("path", "")}  # fmt: skip
        made["http_request"] = {"http_method": members.get("method"), "url": url}
    who = str(members.get("agent") or members.get("person") or "wharfinger")
    made |= {"api": api, "actor": _actor(members), "src_endpoint": {"name": who}}
    made["status_id"] = _status(members)
    if code := members.get("code"):
        made["status_code"] = code
    return made


def _class(category: int, uid: int, activity: int, name: str) -> dict[str, Any]:
    made: dict[str, Any] = {"category_uid": category, "class_uid": uid, "activity_id": activity}
    made["type_uid"] = uid * 100 + activity
    return made | ({"activity_name": name} if activity == _OTHER else {})


def _actor(members: Mapping[str, Any]) -> dict[str, Any]:
    actor: dict[str, Any] = {}
    if agent := members.get("agent"):
        actor["app_name"] = agent
    if agent_id := members.get("agent_id"):
        actor["app_uid"] = agent_id
    if run := members.get("run"):
        actor["session"] = {"uid": run}
    if person := members.get("person"):
        actor["user"] = {"name": person}
    return actor or {"app_name": "wharfinger"}


def _status(members: Mapping[str, Any]) -> int:
    if "outcome" in members:
        return 1 if members["outcome"] in _GOOD else 2
    return 2 if members.get("verdict") == "deny" else 1
