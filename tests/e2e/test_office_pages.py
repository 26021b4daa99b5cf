"""The console's pages on agents, tools, policies, graph, preflight and playground, in a real browser.

With WHARFINGER_SCREENSHOTS=FOLDER the pages are kept there as pictures, as `docs/images` holds them.
"""

from __future__ import annotations

from typing import Any

import pytest
from staging import apis
from staging.stage import Agent, Operator
from staging.world import APPROVER
from test_office import chromium, pytestmark, shoot, sign_in  # noqa: F401 - fixtures, and where to skip

PAGES = {
    "agents": "/agents",
    "agent": "/agents/bot",
    "tools": "/tools",
    "tools-available": "/tools?state=available",
    "tool": "/tools/stripe_create_refund",
    "policies": "/policies",
    "policy": "/policies/work",
    "graph": "/graph?agent=bot",
    "preflight": "/preflight",
    "preflight-agent": "/preflight/bot",
    "playground": "/playground?agent=bot&tool=stripe_create_refund",
}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("person", ["alice", APPROVER])
def test_every_page_is_accessible_in_both_roles(
    operator: Operator,
    agent: Agent,
    sign_in: Any,  # noqa: F811
    scheme: str,
    person: str,
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    agent.run("curl", "-s", "-o", "/dev/null", f"https://{apis.GITHUB}/nothing")
    page = sign_in(person, color_scheme=scheme, viewport={"width": 1280, "height": 900})
    for name, path in PAGES.items():
        page.goto(operator.told["console"] + path)
        page.wait_for_timeout(400)
        found = axe.run(page)
        assert found.violations_count == 0, f"{path}: {found.generate_report()}"
        if person == "alice":
            shoot(page, f"console-{name}{'-dark' if scheme == 'dark' else ''}")


def test_the_playground_decides_as_one_types(operator: Operator, sign_in: Any) -> None:  # noqa: F811
    page = sign_in(APPROVER, viewport={"width": 1280, "height": 1000})
    page.goto(f"{operator.told['console']}/playground?agent=bot&tool=stripe_create_refund")
    answer = page.locator("#decision")
    page.get_by_label("payment_intent").fill("pi_1")
    page.get_by_label("amount").press_sequentially("5000")
    answer.locator(".verdict.allow").first.wait_for()
    page.get_by_label("amount").press_sequentially("0")
    answer.locator(".verdict.ask").first.wait_for()
    assert "finance" in answer.inner_text()
    rule = answer.get_by_role("link", name="policies/work.yaml:23").first
    rule.click()
    page.wait_for_url("**/source/policies/work.yaml#L23")
    assert "stripe_create_refund" in page.locator("tr:target").inner_text()


def test_what_if_another_policy_were_in_force(operator: Operator, sign_in: Any) -> None:  # noqa: F811
    page = sign_in(APPROVER, viewport={"width": 1280, "height": 900})
    mark = len(operator.events())
    page.goto(f"{operator.told['console']}/playground?agent=bot&file=policies/work.yaml")
    page.get_by_label("URL").fill(f"https://{apis.GITHUB}/user")
    answer = page.locator("#decision")
    answer.locator(".verdict.allow").first.wait_for()
    text = page.get_by_label("What if")
    edited = text.input_value().replace("  - tool: github_get_authenticated_user\n", "")
    text.fill(edited.replace("allow:", "alow:"))
    answer.get_by_text("cannot be loaded").wait_for()
    assert "policies/work.yaml:3" in answer.inner_text()
    text.fill(edited)
    answer.get_by_text("With the edited policy").wait_for()
    assert answer.locator(".verdict").all_inner_texts()[:1] == ["deny"]
    assert answer.locator("section").nth(1).locator(".verdict").first.inner_text() == "allow"
    shoot(page, "console-what-if")
    asked = {"intent", "held", "denied"}
    assert [event for event in operator.events()[mark:] if event["kind"] in asked] == []


def test_an_agent_is_suspended_and_resumed(operator: Operator, sign_in: Any) -> None:  # noqa: F811
    page = sign_in("alice")
    page.goto(f"{operator.told['console']}/agents")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url("**/agents/idle")
    page.get_by_label("Why").fill("on leave")
    page.get_by_role("button", name="Suspend").click()
    page.get_by_text("Suspended: on leave").wait_for()
    page.get_by_label("Why").fill("back")
    page.get_by_role("button", name="Resume").click()
    page.get_by_role("button", name="Suspend").wait_for()


def test_the_pages_fit_a_phone(operator: Operator, sign_in: Any) -> None:  # noqa: F811
    page = sign_in(APPROVER, viewport={"width": 390, "height": 844}, has_touch=True)
    for path in PAGES.values():
        page.goto(operator.told["console"] + path)
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), path
