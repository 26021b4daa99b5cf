"""Approvals in the store."""

from dataclasses import replace

import pytest
from wharfinger.approvals import rows
from wharfinger.approvals.states import ApprovalError, Move, State


async def test_a_row_is_only_changed_from_the_state_it_was_read_in(desk, request_, decision) -> None:
    """Even where whoever changes it has not looked."""
    approvals = await desk.approvals()
    approval = await approvals.ask("id1", request_, decision)
    await approvals.deny(approval.id, "alice")
    forged = replace(approval, state=State.APPROVED)
    with pytest.raises(ApprovalError, match="is no longer pending"):
        await desk.store.run(lambda conn: rows.change(conn, State.PENDING, forged, Move.APPROVE))
    assert [row["move"] for row in await approvals.history(approval.id)] == ["ask", "deny"]
    assert (await desk.store.run(lambda conn: rows.get(conn, approval.id))).state is State.DENIED


async def test_an_approval_comes_back_as_it_went_in(desk, request_, decision) -> None:
    approvals = await desk.approvals()
    approval = await approvals.ask("id1", request_, decision, [("User-Agent", "x\u202e")])
    assert await desk.store.run(lambda conn: rows.get(conn, approval.id)) == approval
