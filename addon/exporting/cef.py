r"""ArcSight Common Event Format, version 0 (Micro Focus, "Implementing ArcSight CEF", revision 25).

`|` and `\` are escaped in the head, `=`, `\` and line ends in the extension; control and other invisible
characters are written as escapes, so one event is one line whatever an agent sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from wharfinger import __version__
from wharfinger.audit.reader import printable

_SEVERITY = {"deny": 6, "ask": 4, "allow": 2}
_EXTENSION = {
    "agent": "suser", "agent_id": "suid", "person": "duser", "host": "dhost", "port": "dpt",
    "scheme": "app", "method": "requestMethod", "path": "request", "outcome": "outcome",
    "reason": "reason", "request_bytes": "in", "response_bytes": "out", "id": "externalId", "count": "cnt",
}  # fmt: skip
_LABELLED = ("decision", "run", "approval", "policy_digest", "confinement", "trace")


def event(members: Mapping[str, Any]) -> str:
    """One event on one line."""
    kind = str(members["kind"])
    tools = " ".join(str(call["tool"]) for call in members.get("calls", ()))
    name = " ".join(part for part in (kind, tools or str(members.get("action", ""))) if part)
    severity = _SEVERITY.get(str(members.get("verdict")), 3)
    head = ["CEF:0", "wharfinger", "wharfinger", __version__, str(members.get("code") or kind), name]
    parts = [f"rt={int(datetime.fromisoformat(members['time']).timestamp() * 1000)}"]
    if tools:
        parts.append(f"act={_value(tools)}")
    if address := str(members.get("address", "")).rpartition(":")[0].strip("[]"):
        parts.append(f"{'c6a3' if ':' in address else 'dst'}={_value(address)}")
    parts += [f"{key}={_value(members[name])}" for name, key in _EXTENSION.items() if name in members]
    for number, label in enumerate((name for name in _LABELLED if name in members), 1):
        parts.append(f"cs{number}Label={label} cs{number}={_value(members[label])}")
    if "status" in members:
        parts.append(f"cn1Label=status cn1={_value(members['status'])}")
    return "|".join([*map(_field, head), str(severity), " ".join(parts)])


def _field(text: str) -> str:
    return _plain(text).replace("\\", "\\\\").replace("|", "\\|")


def _value(value: object) -> str:
    return _plain(str(value)).replace("\\", "\\\\").replace("=", "\\=")


def _plain(text: str) -> str:
    return printable(text).encode("ascii", "backslashreplace").decode()
