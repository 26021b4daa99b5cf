"""No page of the console shows a real key, after calls whose answers tell all that was sent."""

from __future__ import annotations

import sys
from typing import Any

from staging.stage import Agent, Operator
from staging.world import World
from standins.unearthing import unearth
from test_office import PAGES, chromium, pytestmark, sign_in  # noqa: F401 - fixtures, and where to skip
from test_secrets import MISUSE, READ


def test_no_page_of_the_console_shows_a_key(
    world: World,
    operator: Operator,
    agent: Agent,
    sign_in: Any,  # noqa: F811
) -> None:
    for how, where in (("plain", "bearer"), ("redirect", "query")):
        agent.run(sys.executable, "-c", READ, how, where)
    agent.run(sys.executable, "-c", MISUSE)
    operator.mark()
    page = sign_in("alice")
    shown: dict[str, bytes] = {}
    for path in PAGES:
        page.goto(operator.told["console"] + path)
        shown[path] = page.content().encode()
    assert any(b"mirror_bearer" in content for content in shown.values())
    assert [path for path, content in shown.items() if unearth(content, world.keys.values())] == []
