"""Approvals in the store."""

from dataclasses import replace
from datetime import timedelta

import pytest
from wharfinger.approvals import rows
from wharfinger.approvals.approval import Approval
from wharfinger.approvals.asks import Given
from wharfinger.approvals.states import ApprovalError, Move, State
from wharfinger.rules.policies.asking import Seat
from wharfinger.rules.types import Ask


async def test_a_row_is_only_changed_from_the_state_it_was_read_in(desk, request_, decision) -> None:
    """Even where whoever changes it has not looked."""
    approvals = await desk.approvals()
    approval = await approvals.ask("id1", request_, decision)
    await approvals.deny(approval.id, "alice")
    forged = replace(approval, state=State.APPROVED)
    with pytest.raises(ApprovalError, match="is no longer pending"):
        await desk.store.run(lambda conn: rows.change(conn, approval, forged, Move.APPROVE))
    assert [row["move"] for row in await approvals.history(approval.id)] == ["ask", "deny"]
    assert (await desk.store.run(lambda conn: rows.get(conn, approval.id))).state is State.DENIED


async def test_an_answer_is_not_lost_to_another_that_was_made_of_the_same_row(desk, request_, like) -> None:
    """The state is the same before and after an answer that is not the last: it is the answers that count."""
    approvals = await desk.approvals()
    three = Ask(("finance",), frozenset({"alice", "bob", "carol"}), timedelta(hours=1), quorum=3)
    read = await approvals.ask("id1", request_, like(ask=three))
    await approvals.approve(read.id, "alice")
    other = replace(read, given=(Given(Seat("bob", "bob"), desk.clock.now()),))
    with pytest.raises(ApprovalError, match="is no longer pending"):
        await desk.store.run(lambda conn: rows.change(conn, read, other, Move.AGREE))
    stored = await desk.store.run(lambda conn: rows.get(conn, read.id))
    assert stored.said_by == ("alice",)


def test_a_document_of_an_earlier_version_is_read() -> None:
    """Before there was a quorum, who answered stood in `person` alone."""
    old = {
        "id": "a_1", "state": "approved", "agent": "bot", "agent_id": "ag_1",
        "created": "2026-01-14T12:00:00+00:00", "expires": "2026-01-14T12:15:00+00:00",
        "approvers": ["finance"], "people": ["alice", "bob"], "person": "alice", "comment": "fine",
        "changed": "2026-01-14T12:00:00+00:00", "rules": ["p.yaml:1"], "digest": "d", "policy_digest": "p",
        "request": {
            "method": "GET", "scheme": "https", "host": "h", "port": 443, "path": "/", "calls": [],
            "headers": [], "reason": None, "body_size": 0, "body_sha256": "", "complete": True,
        },
    }  # fmt: skip
    read = Approval.from_json(old)
    assert (read.said_by, read.quorum, read.people) == (("alice",), 1, {"alice", "bob"})
    assert Approval.from_json(read.as_json()) == read


async def test_an_approval_comes_back_as_it_went_in(desk, request_, decision) -> None:
    approvals = await desk.approvals()
    approval = await approvals.ask("id1", request_, decision, [("User-Agent", "x\u202e")])
    assert await desk.store.run(lambda conn: rows.get(conn, approval.id)) == approval
