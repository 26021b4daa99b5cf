"""What the office counts of the book: each event once, whatever is read again."""

from __future__ import annotations

import json

from wharfinger.audit.reader import Record
from wharfinger.control.office import activity
from wharfinger.control.office.activity import Activity


def record(seq: int, kind: str, **members: str) -> Record:
    return Record(json.dumps({"seq": seq, "kind": kind, "time": f"t{seq}", **members}).encode(), "", 0)


def test_requests_are_counted_once_by_what_came_of_them() -> None:
    counted = Activity()
    records = [
        record(0, "denied", agent="bot"),
        record(1, "intent", agent="bot"),
        record(2, "outcome", agent="bot"),
        record(3, "held", agent="bot"),
        record(4, "denied", agent="other"),
        record(5, "denied"),
    ]
    counted.take(records[:3])
    counted.take(records)  # as after trouble, when all is read again
    assert (counted.of("bot").sent, counted.of("bot").held, counted.of("bot").denied) == (1, 1, 1)
    assert counted.of("bot").last == "t3"
    assert counted.of("other").denied == 1
    assert counted.of("nobody").last == ""
    assert counted.since == "t0"


def test_changes_of_the_policy_are_told_newest_first() -> None:
    counted = Activity()
    counted.take([
        record(0, "started", policy_digest="a"),
        record(1, "control", action="reload", person="alice", policy_digest="b"),
        record(2, "control", action="agents.suspend", person="alice"),
        record(3, "control", action="reload", person="bob", policy_digest="", reason="it is wrong"),
    ])  # fmt: skip
    told = [(one.what, one.person, one.policy_digest, one.why) for one in counted.changes()]
    assert told == [
        ("reload", "bob", "", "it is wrong"),
        ("reload", "alice", "b", ""),
        ("started", "", "a", ""),
    ]


def test_names_that_nobody_has_do_not_fill_the_memory(monkeypatch) -> None:
    monkeypatch.setattr(activity, "_AGENTS", 3)
    counted = Activity()
    counted.take([record(n, "denied", agent=f"a{n}") for n in range(10)])
    counted.take([record(10, "denied", agent="a1")])
    assert counted.of("a1").denied == 2
    assert counted.of("a9").denied == 0
