"""CloudEvents 1.0 in its JSON format: the stored event is the `data`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def event(members: Mapping[str, Any]) -> dict[str, Any]:
    """One event. `source` and `id` together are unique: the log and the event in it."""
    made = {
        "specversion": "1.0",
        "id": members["id"],
        "source": f"/wharfinger/log/{str(members['id']).split('_')[1]}",
        "type": f"wharfinger.audit.{members['kind']}",
        "time": members["time"],
        "datacontenttype": "application/json",
        "sequence": f"{members['seq']:020d}",  # the Sequence extension: sorts as text
    }
    if subject := members.get("decision") or members.get("approval"):
        made["subject"] = subject
    made["data"] = dict(members)
    return made
