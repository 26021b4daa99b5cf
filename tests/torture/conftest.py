"""The real runtime of the flow's tests, with all ways in which a request can go out open at once."""

from __future__ import annotations

from typing import Any

import pytest

from tests.addon.flow.conftest import POLICY, Start, proxy, reply, start

__all__ = ["FILES", "Start", "oracle", "proxy", "reply", "start"]

GIT = """\
api: git
base: https://files.example.com
auth: {secret: EXAMPLE_KEY}
tools:
  - tool: git_push
    effect: write
    run: {type: git, url: "/${owner}/${repo}", service: push}
"""
FILES = {
    "tools/git.yaml": GIT,
    "policies/everyday.yaml": POLICY.replace("allow:\n", "allow:\n  - tool: git_push\n").replace(
        "hosts: [plain.example.com]", "hosts: [plain.example.com, elsewhere.example.com]"
    )
    + "limits:\n  - {tool: create_item, calls: 1000/hour}\n",
}


class Oracle:
    """What the origins themselves saw, held against the book."""

    def __init__(self, *origins: Any) -> None:
        self._origins = origins

    def bytes(self) -> int:
        """Bytes that have reached an origin."""
        return sum(origin.bytes_received for origin in self._origins)

    async def unlogged(self, running: Any) -> list[str]:
        """Requests that an origin saw, and no durable intent in the book allows."""
        events = await running.settled()
        allowed = [event["path"] for event in events if event["kind"] == "intent"]
        for origin in self._origins:
            for seen in origin.requests:
                path = seen.target.partition("?")[0]
                if path in allowed:
                    allowed.remove(path)
                else:
                    return [path]
        return []


@pytest.fixture
def oracle(origin: Any, plain_origin: Any) -> Oracle:
    return Oracle(origin, plain_origin)
