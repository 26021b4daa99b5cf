"""Proposed tools are approved by an admin, as they are in force, and the runtime is told in the same step."""

from typing import Any

import pytest
from wharfinger.control.protocol import ControlError

from tests.addon.control.conftest import FakeTool


async def test_what_is_approved_is_in_the_store_and_the_runtime_knows(served: Any, do: Any) -> None:
    served.declared.tools |= {"new": FakeTool("d1"), "more": FakeTool("d2")}
    assert await do("tools.approve", "alice", tools={"new": "d1", "more": "d2"}) == {"approved": 2}
    assert served.told == [frozenset({"d1", "d2"})]
    rows = await do("tools.approved")
    assert [(row["tool"], row["digest"], row["person"]) for row in rows] == [
        ("more", "d2", "alice"), ("new", "d1", "alice"),
    ]  # fmt: skip
    assert await do("tools.withdraw", "alice", tools=["more"]) == {"approved": 1}
    assert served.told[-1] == frozenset({"d1"})
    assert [(done.action, done.person) for done in served.book] == [
        ("tools.approve", "alice"), ("tools.withdraw", "alice"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("tool", "message"),
    [
        (None, "there is no proposed tool"),
        (FakeTool("d1", proposed=False), "there is no proposed tool"),
        (FakeTool("d2"), "is not what you have seen"),
    ],
)
async def test_what_is_not_in_force_as_it_was_seen_is_not_approved(
    served: Any, do: Any, tool: FakeTool | None, message: str
) -> None:
    served.declared.tools = {"fine": FakeTool("d0")} | ({"new": tool} if tool else {})
    with pytest.raises(ControlError, match=message):
        await do("tools.approve", "alice", tools={"fine": "d0", "new": "d1"})
    assert served.told == []
    assert await do("tools.approved") == []
