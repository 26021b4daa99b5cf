"""A line of `audit tail` tells what a policy that only observes would have said."""

from __future__ import annotations

import orjson
import pytest
from wharfinger.audit.reader import Record
from wharfinger.cli.audit import _line

EVENT = {
    "seq": 7, "time": "2026-01-14T12:00:00.000000Z", "kind": "intent", "agent": "bot", "verdict": "allow",
    "calls": [{"tool": "delete_item"}], "decision": "d_1",
}  # fmt: skip


@pytest.mark.parametrize(
    ("more", "shown"), [({"observed": "deny"}, "allow observed deny "), ({}, "allow bot  delete_item")]
)
def test_what_was_observed_stands_beside_what_was_done(more: dict[str, str], shown: str) -> None:
    assert shown in _line(Record(orjson.dumps(EVENT | more), "book", 1)).plain
