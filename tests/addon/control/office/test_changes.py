"""What the office gathers of the book: from each event once, whatever is read again."""

from __future__ import annotations

import json

from wharfinger.audit.reader import Record
from wharfinger.control.office.changes import Changes


def record(seq: int, kind: str, **members: str) -> Record:
    return Record(json.dumps({"seq": seq, "kind": kind, "time": f"t{seq}", **members}).encode(), "", 0)


def test_changes_of_the_policy_are_told_newest_first_and_once() -> None:
    changes = Changes()
    records = [
        record(0, "started", policy_digest="a"),
        record(1, "control", action="reload", person="alice", policy_digest="b"),
        record(2, "control", action="agents.suspend", person="alice"),
        record(3, "denied", agent="bot", policy_digest="b"),
        record(4, "control", action="reload", person="bob", policy_digest="", reason="it is wrong"),
    ]
    changes.take(records[:2])
    changes.take(records)  # as after trouble, when all is read again
    told = [(one.what, one.person, one.policy_digest, one.why, one.at) for one in changes.newest()]
    assert told == [
        ("reload", "bob", "", "it is wrong", "t4"),
        ("reload", "alice", "b", "", "t1"),
        ("started", "", "a", "", "t0"),
    ]
