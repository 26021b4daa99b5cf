"""The pages on agents, tools, policies, graph, preflight and playground: what they show, and to whom."""

from __future__ import annotations

import pytest

PAGES = [
    "/agents", "/agents/bot", "/tools", "/tools?state=available", "/tools?state=proposed", "/tools/pay",
    "/tools/available/stripe", "/policies", "/policies/main", "/source/policies/main.yaml",
    "/changes?from=a&to=b", "/graph", "/graph?agent=bot", "/graph/mermaid", "/graph/json", "/preflight",
    "/preflight/bot", "/playground", "/playground?tool=pay&agent=bot", "/playground?file=policies/main.yaml",
    "/parts/agents", "/parts/tools", "/parts/graph",
]  # fmt: skip


@pytest.mark.parametrize("person", ["alice", "vera"])
@pytest.mark.parametrize("path", PAGES)
async def test_every_page_is_there_for_every_role(house, person, path) -> None:
    browser = await house.signed_in(person)
    answer = await browser.get(path)
    assert answer.status_code == 200
