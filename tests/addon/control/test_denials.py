"""The emergency deny list through the control socket: who may change it, what it takes, what it tells."""

from __future__ import annotations

from typing import Any

import pytest
from wharfinger.control.protocol import ControlError

from tests.addon.control.conftest import FakeTool


async def test_an_entry_is_told_at_once_listed_and_taken_back(served: Any, do: Any) -> None:
    told: list[Any] = []
    served.services.denied = lambda denials: told.append([denial.tool for denial in denials])
    served.declared.tools |= {"pay": FakeTool("d", name="pay")}
    added = await do("deny.add", "alice", tool="pa*", host="*.Example.COM", because="it leaks", seconds=60)
    assert (added["tool"], added["host"], added["unknown"]) == ("pa*", "*.example.com", False)
    assert added["person"] == "alice"
    assert told == [["pa*"]]
    (row,) = await do("deny.list")
    assert row["id"] == added["id"]
    assert row["ends"] is not None
    await do("deny.remove", "alice", id=added["id"])
    assert told == [["pa*"], []]
    assert await do("deny.list") == []
    assert [done.action for done in served.book] == ["deny.add", "deny.remove"]


@pytest.mark.parametrize(
    ("tool", "unknown"), [("pay", False), ("*", False), ("unmatched", False), ("p?y", False), ("pya", True)]
)
async def test_a_name_that_no_tool_has_is_told(served: Any, do: Any, tool: str, unknown: bool) -> None:
    served.declared.tools |= {"pay": FakeTool("d", name="pay")}
    assert (await do("deny.add", "alice", tool=tool))["unknown"] is unknown


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ({}, "name a tool, a host or an agent"),
        ({"because": "no reason"}, "name a tool, a host or an agent"),
        ({"agent": "nobody"}, 'there is no agent "nobody"'),
        ({"host": "a b"}, "is not a host"),
        ({"host": "*.*.example.com"}, "is not a host"),
        ({"tool": "*", "seconds": 0}, "at most"),
        ({"tool": "*", "seconds": -5}, "at most"),
        ({"tool": "*", "seconds": 400 * 86_400 + 1}, "at most"),
    ],
)
async def test_what_cannot_be_denied_is_told(served: Any, do: Any, args: Any, said: str) -> None:
    with pytest.raises(ControlError, match=said):
        await do("deny.add", "alice", **args)
    assert await do("deny.list") == []


async def test_what_is_not_on_the_list_cannot_be_taken_off(served: Any, do: Any) -> None:
    with pytest.raises(ControlError, match="there is no denial"):
        await do("deny.remove", "alice", id="deny_x")
