"""What is granted in advance goes out without a question, so often and no more, on real sockets."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from wharfinger.approvals import grant_rows, proposing
from wharfinger.approvals.granted import GrantState, StoredGrant
from wharfinger.approvals.proposing import Terms
from wharfinger.authoring import snapshot
from wharfinger.keeping import agents
from wharfinger.rules.policies.drafting import Wish
from wharfinger.running.reloading import Reloader

JSON = [("Content-Type", "application/json")]
UP_TO_TEN = Wish(most={"amount": Decimal(10)})


@pytest.fixture
def proxy(unattended: Any) -> Any:
    """The calls that wait for a person here are answered later, if at all."""
    return unattended


async def pay(proxy: Any, amount: int = 5, headers: Any = ()) -> Any:
    return await proxy.request("POST", "/pay", [*JSON, *headers], b'{"amount": %d}' % amount)


async def grant(proxy: Any, uses: int = 2, wish: Wish = UP_TO_TEN) -> StoredGrant:
    """A grant like the call that waits, which is denied itself."""
    desk = proxy.runtime.desk
    assert (await pay(proxy)).code == "approval_pending"
    (approval,) = await desk.approvals.list()
    terms = Terms(wish, uses, desk.clock.now() + timedelta(hours=1))
    draft = proposing.like_call(approval, proxy.runtime.live.agents["bot"], terms)
    await desk.approvals.deny(approval.id, "alice")
    return await desk.grants.propose(draft, "alice")


async def test_it_lets_so_many_calls_out_and_the_book_says_by_what(proxy: Any, origin: Any) -> None:
    given = await grant(proxy, uses=2)
    answers = [await pay(proxy, amount) for amount in (10, 11, 3, 4)]
    assert [(each.status, each.status != 200 and each.code) for each in answers] == [
        (200, False), (403, "approval_pending"), (200, False), (403, "approval_pending"),
    ]  # fmt: skip
    assert [seen.body for seen in origin.requests] == [b'{"amount": 10}', b'{"amount": 3}']
    intent = next(e for e in await proxy.events(answers[0].decision) if e["kind"] == "intent")
    assert (intent["grants"], intent["approvers"]) == ([given.id], ["alice"])
    assert "approval" not in intent
    assert given.id in intent["reason"]


async def test_a_use_is_durable_before_the_intent_is_written(
    proxy: Any, origin: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    given, seen = await grant(proxy, uses=2), []
    book = type(proxy.runtime.desk.book)
    write = book.write

    async def look(self: Any, event: Any) -> Any:
        if event.kind == "intent":
            seen.append(await proxy.runtime.desk.store.run(grant_rows.used))
        return await write(self, event)

    monkeypatch.setattr(book, "write", look)
    assert (await pay(proxy)).status == 200
    assert seen == [{given.id: 1}]


async def test_of_requests_that_race_as_many_go_out_as_are_granted(proxy: Any, origin: Any) -> None:
    await grant(proxy, uses=3)
    answers = await asyncio.gather(*(pay(proxy, amount) for amount in range(1, 8)))
    assert [each.status for each in answers].count(200) == 3
    assert len(origin.requests) == 3


async def test_revoked_it_lets_nothing_out(proxy: Any, origin: Any) -> None:
    given = await grant(proxy, uses=5)
    assert (await pay(proxy)).status == 200
    await proxy.runtime.desk.grants.revoke(given.id, "alice")
    assert (await pay(proxy)).code == "approval_pending"
    assert len(origin.requests) == 1


async def test_revoked_between_the_decision_and_the_first_byte_nothing_is_sent(
    proxy: Any, origin: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = await grant(proxy, uses=5)
    gate = proxy.runtime.gate
    intend = type(gate)._intend

    async def revoke_after(self: Any, permit: Any, approvers: Any) -> Any:
        admitted = await intend(self, permit, approvers)
        await proxy.runtime.desk.grants.revoke(given.id, "alice")
        return admitted

    monkeypatch.setattr(type(gate), "_intend", revoke_after)
    answered = await pay(proxy)
    assert answered.status == 403
    assert origin.requests == []
    outcomes = [e["outcome"] for e in await proxy.events(answered.decision) if e["kind"] == "outcome"]
    assert outcomes == ["not_sent"]


async def test_where_no_byte_was_sent_the_use_is_given_back(proxy: Any, origin: Any) -> None:
    given = await grant(proxy, uses=1)
    await origin.stop()
    assert (await pay(proxy)).status == 502
    await proxy.settled()
    assert proxy.runtime.desk.grants.used(given.id) == 0


async def test_a_deny_beside_it_wins(proxy: Any, origin: Any) -> None:
    given = await grant(proxy, uses=5)
    path = proxy.folder / "policies" / "more.yaml"
    path.write_text("policy: more\ndeny: [{tool: pay, because: closed}]\n")
    listed = proxy.folder / "agents.yaml"
    listed.write_text(listed.read_text().replace("policies: [everyday]", "policies: [everyday, more]"))
    await Reloader(proxy.runtime).reload(snapshot.read(proxy.folder), "alice")
    assert (await proxy.runtime.desk.grants.show(given.id)).state is GrantState.ACTIVE
    assert (await pay(proxy)).json["message"].startswith("Closed")
    assert origin.requests == []


@pytest.mark.parametrize(
    "change",
    [
        (
            "policies/everyday.yaml",
            "approvers: [alice]",
            "approvers: [alice]\n    expires: 5m",
            "the policy everyday has changed",
        ),
        ("tools/example.yaml", "input: {amount: integer}", "input: {amount: number}", "the tool has changed"),
        ("credentials.yaml", "sk_test_", "sk_main_", "the credential has changed"),
    ],
)
async def test_what_changes_ends_it_and_changing_back_does_not_revive_it(
    proxy: Any, origin: Any, change: tuple[str, str, str, str]
) -> None:
    name, old, new, why = change
    given = await grant(proxy, uses=5)
    path = proxy.folder / name
    before = path.read_text()
    changed = before.replace(old, new)
    assert changed != before
    path.write_text(changed)
    await Reloader(proxy.runtime).reload(snapshot.read(proxy.folder), "alice")
    ended = await proxy.runtime.desk.grants.show(given.id)
    assert (ended.state, ended.comment) == (GrantState.ENDED, why)
    path.write_text(before)
    await Reloader(proxy.runtime).reload(snapshot.read(proxy.folder), "alice")
    assert (await pay(proxy)).code == "approval_pending"
    assert origin.requests == []


async def test_rotated_tokens_end_it(proxy: Any, origin: Any) -> None:
    await grant(proxy, uses=5)
    desk = proxy.runtime.desk
    proxy.runtime.live.update_agent(await desk.store.run(agents.rotate, "bot", desk.clock.now()))
    assert (await pay(proxy)).code == "approval_pending"
    assert origin.requests == []


async def test_another_agent_has_nothing_of_it(proxy: Any, origin: Any) -> None:
    await grant(proxy, uses=5)
    proxy.agent = "second"
    assert (await pay(proxy)).code == "approval_pending"
    assert origin.requests == []


async def test_the_request_that_was_approved_takes_nothing_of_the_grant_given_with_it(
    start: Any, origin: Any
) -> None:
    """`approve --grant`: the approval is for the request that waits, the grant for those after it."""
    async with start() as attended:
        desk = attended.runtime.desk
        asking = asyncio.get_running_loop().create_task(pay(attended))
        async with asyncio.timeout(5):
            while not (found := await desk.approvals.list()):
                await asyncio.sleep(0.02)
        terms = Terms(UP_TO_TEN, 1, desk.clock.now() + timedelta(hours=1))
        draft = proposing.like_call(found[0], attended.runtime.live.agents["bot"], terms)
        given = await desk.grants.propose(draft, "alice")
        await desk.approvals.approve(found[0].id, "alice")
        assert (await asking).status == 200
        assert desk.grants.used(given.id) == 0
        assert (await pay(attended)).status == 200
        assert (await pay(attended)).code == "approval_pending"
        assert len(origin.requests) == 2
