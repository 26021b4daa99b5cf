"""The console in a real browser: signing in, a refund held and approved by keyboard, every page looked at.

With WHARFINGER_SCREENSHOTS=FOLDER the pages are kept there as pictures, as `docs/images` holds them.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from staging import apis
from staging.stage import Agent, Operator, Watch, until
from staging.world import APPROVER, World
from wharfinger.control.client import Client
from wharfinger.control.office.pages.table import NAVIGATION
from wharfinger.keeping import people

CHROMIUM = next((found for name in ("chromium", "chromium-browser") if (found := shutil.which(name))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium on this machine")
playwright = pytest.importorskip("playwright.sync_api")

PASSWORD = "several words make a good one"
REFUND = """\
import os, stripe
stripe.api_key = os.environ["STRIPE_API_KEY"]
stripe.max_network_retries = 0
try:
    print(stripe.Refund.create(payment_intent="pi_1", amount={amount}, metadata={metadata}).id)
except stripe.StripeError as error:
    print(type(error).__name__, error.user_message)
"""
PAGES = [*(path for path, _ in NAVIGATION), "/account", "/sign-in", "/sign-in/link"]


def begin(agent: Agent, amount: int, **metadata: str) -> Any:
    """The official package, asking for a refund that policy holds."""
    return agent.begin(sys.executable, "-c", REFUND.format(amount=amount, metadata=metadata))


def link(operator: Operator, person: str) -> str:
    """A sign-in link of a person, made by alice."""
    state = operator.home / ".local" / "state" / "wharfinger"
    key = people.load(state, "alice", lambda _: "")
    with Client.connect(operator.data) as client:
        made: Any = client.do("people.link", {"person": person}, key)
    return f"{operator.told['console']}/sign-in/link#{made['link']}"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def sign_in(chromium: Any, operator: Operator) -> Iterator[Any]:
    """A page in which a person has signed in; nothing is loaded from elsewhere, nor breaks our rules."""
    contexts: list[Any] = []
    wrong: list[str] = []

    def said(message: Any) -> None:
        if message.type == "error" and message.text != "[object Event]":  # a stream that a new page ends
            wrong.append(message.text)

    def answered(response: Any) -> None:
        if response.status >= 400:
            wrong.append(f"{response.status} {response.url}")

    def open_(person: str, **options: Any) -> Any:
        context = chromium.new_context(
            **{"viewport": {"width": 1280, "height": 860}, "timezone_id": "Europe/Berlin"} | options
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.on("console", said)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("response", answered)
        page.on("request", lambda asked: None if asked.url.startswith((operator.told["console"], "data:"))
                else wrong.append(asked.url))  # fmt: skip
        page.goto(link(operator, person))
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url("**/account")
        return page

    yield open_
    for context in contexts:
        context.close()
    assert wrong == []


def shoot(page: Any, name: str) -> None:
    """Keep a picture of the page, if pictures are wanted."""
    if folder := os.environ.get("WHARFINGER_SCREENSHOTS"):
        page.screenshot(path=str(Path(folder) / f"{name}.png"))


def test_a_refund_is_held_shown_at_once_and_approved_by_keyboard(
    world: World, operator: Operator, agent: Agent, sign_in: Any
) -> None:
    watch = Watch(operator, apis.STRIPE)
    page = sign_in(APPROVER)
    page.get_by_role("link", name="Approvals").click()
    page.get_by_text("Nothing waits for a person").wait_for()
    refunding = begin(agent, 7101, note="the customer was charged twice")
    card = page.locator(".card").filter(has_text="7101")
    card.wait_for()  # without a reload
    assert "stripe_create_refund" in card.inner_text()
    assert apis.STRIPE in card.inner_text()
    shoot(page, "approvals")
    assert not watch.connected
    page.keyboard.press("j")
    page.keyboard.press("a")
    page.keyboard.type("twice, I have checked")
    page.keyboard.press("Enter")
    page.get_by_text("Nothing waits for a person").wait_for()
    ran = agent.end(refunding)
    assert ran.out == "re_7101\n", ran.said
    (seen,) = watch.requests
    assert seen.header("authorization") == f"Bearer {world.keys['STRIPE_API_KEY']}"
    approved = [event for event in watch.events() if event.get("state") == "approved"]
    assert [(event["person"], event["reason"]) for event in approved] == [(APPROVER, "twice, I have checked")]


def test_a_refund_is_denied_on_a_phone_and_the_agent_is_told_why(
    operator: Operator, agent: Agent, sign_in: Any
) -> None:
    watch = Watch(operator, apis.STRIPE)
    page = sign_in(APPROVER, viewport={"width": 390, "height": 844}, device_scale_factor=2, has_touch=True)
    refunding = begin(agent, 7102)
    page.goto(f"{operator.told['console']}/approvals")
    card = page.locator(".card").filter(has_text="7102")
    card.wait_for()
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    shoot(page, "approvals-phone")
    card.get_by_label("Reason").fill("ask finance on Monday")
    card.get_by_role("button", name="Deny").tap()
    ran = agent.end(refunding)
    assert "ask finance on Monday" in ran.out, ran.said
    assert not watch.connected


def test_calls_like_one_are_granted_and_that_is_revoked(
    operator: Operator, agent: Agent, sign_in: Any
) -> None:
    watch = Watch(operator, apis.STRIPE)
    page = sign_in(APPROVER)
    refunding = begin(agent, 7201)
    page.goto(f"{operator.told['console']}/approvals")
    page.locator(".card").filter(has_text="7201").get_by_role("link", name="All of it").click()
    page.get_by_text("Grant calls like this one").click()
    amount = page.get_by_role("group", name="amount")
    amount.get_by_role("textbox").fill("7300")
    amount.get_by_role("radio", name="is at most").check()
    page.get_by_label("How often").fill("3")
    shoot(page, "grant")
    page.get_by_role("button", name="Approve, and grant these").click()
    page.wait_for_url("**/grants#*")
    card = page.locator(".card")
    assert "at most 7300" in card.inner_text()
    assert agent.end(refunding).out == "re_7201\n"
    assert agent.end(begin(agent, 7299)).out == "re_7299\n"
    assert [seen.form["amount"] for seen in watch.requests] == ["7201", "7299"]
    over = begin(agent, 7301)
    page.goto(f"{operator.told['console']}/approvals")
    held = page.locator(".card").filter(has_text="7301")
    held.wait_for()
    held.get_by_role("button", name="Deny").click()
    assert "PermissionError" in agent.end(over).out
    page.goto(f"{operator.told['console']}/grants")
    page.get_by_role("button", name="Revoke").click()
    page.get_by_text("There are none").wait_for()


def test_what_somebody_types_is_not_taken_away_by_what_comes_in(
    operator: Operator, agent: Agent, sign_in: Any
) -> None:
    page = sign_in(APPROVER)
    first = begin(agent, 7103)
    page.goto(f"{operator.told['console']}/approvals")
    card = page.locator(".card").filter(has_text="7103")
    card.wait_for()
    card.get_by_label("Reason").fill("half a sent")
    mark = operator.events()[-1]["seq"]
    second = begin(agent, 7104)
    until("the second is held", lambda: [e for e in operator.events(mark) if e["kind"] == "held"])
    page.wait_for_timeout(800)
    assert card.get_by_label("Reason").input_value() == "half a sent"
    page.keyboard.press("Escape")
    page.locator(".card").filter(has_text="7104").wait_for()
    for amount in ("7103", "7104"):
        card = page.locator(".card").filter(has_text=amount)
        card.get_by_role("button", name="Deny").click()
        card.wait_for(state="detached")
    for refunding in (first, second):
        assert "PermissionError" in agent.end(refunding).out


def test_a_password_is_set_and_signs_in(chromium: Any, operator: Operator, sign_in: Any) -> None:
    page = sign_in("alice")
    page.get_by_label("New password").fill(PASSWORD)
    page.get_by_label("The same again").fill(PASSWORD)
    page.get_by_role("button", name="Set the password").click()
    page.get_by_text("Your password is set").wait_for()
    shoot(page, "account")
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/sign-in")
    shoot(page, "sign-in")
    page.get_by_label("Name").fill("alice")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", name="Overview").wait_for()
    shoot(page, "overview")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("person", ["alice", APPROVER])
def test_every_page_is_accessible_and_goes_by_keyboard(
    operator: Operator, agent: Agent, sign_in: Any, scheme: str, person: str
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    page = sign_in(person, color_scheme=scheme)
    refunding = begin(agent, 7105)
    denied = agent.run("curl", "-s", "-o", "/dev/null", f"https://{apis.GITHUB}/nothing")
    assert denied.code in {0, 22}
    page.goto(f"{operator.told['console']}/approvals")
    page.locator(".card").wait_for()
    approval = page.locator(".card").get_attribute("data-id")
    decision = next(e for e in reversed(operator.events()) if e["kind"] == "denied")["decision"]
    for path in [*PAGES, f"/approvals/{approval}", f"/audit/{decision}"]:
        page.goto(operator.told["console"] + path)
        page.wait_for_timeout(300)
        found = axe.run(page)
        assert found.violations_count == 0, f"{path}: {found.generate_report()}"
        if scheme == "dark" and person == APPROVER:
            shoot(page, f"{path.strip('/').partition('/')[0] or 'overview'}-dark")
    if scheme == "light" and person == APPROVER:
        shoot(page, "decision")
        page.goto(operator.told["console"] + "/audit")
        page.wait_for_timeout(300)
        shoot(page, "audit")
    page.goto(operator.told["console"] + "/")
    page.keyboard.press("/")
    page.wait_for_url("**/audit")
    page.keyboard.press("/")
    page.keyboard.type(decision)
    page.locator("#found tr[data-item]").first.wait_for()
    until("one row", lambda: page.locator("#found tr[data-item]").count() == 1)
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/audit/{decision}")
    assert "+" not in page.locator("time").first.inner_text()
    assert page.locator("time").first.get_attribute("title")
    operator.run("approvals", "deny", str(approval), "--as", APPROVER)
    agent.end(refunding)
