"""Invariant 7: an approval is for this request. Held, answered, resumed and given back, on real sockets."""

from __future__ import annotations

import asyncio
from typing import Any

JSON = [("Content-Type", "application/json")]


async def pay(proxy: Any, amount: int = 5, headers: Any = ()) -> Any:
    body = b'{"amount": %d}' % amount
    return await proxy.request("POST", "/pay", [*JSON, *headers], body)


async def pending(proxy: Any) -> Any:
    async with asyncio.timeout(5):
        while not (found := await proxy.runtime.desk.approvals.list()):
            await asyncio.sleep(0.02)
    return found[0]


async def test_held_then_approved_goes_out_once(proxy: Any, origin: Any) -> None:
    asking = asyncio.get_running_loop().create_task(pay(proxy))
    approval = await pending(proxy)
    assert origin.connections == 0
    await proxy.runtime.desk.approvals.approve(approval.id, "alice", "fine")
    answered = await asking
    assert answered.status == 200
    assert [seen.body for seen in origin.requests] == [b'{"amount": 5}']
    kinds = [event["kind"] for event in await proxy.events(answered.decision)]
    assert kinds == ["held", "intent", "outcome"]
    intent = next(e for e in await proxy.events(answered.decision) if e["kind"] == "intent")
    assert (intent["approval"], intent["approvers"]) == (approval.id, ["alice"])
    assert (await proxy.runtime.desk.approvals.show(approval.id)).state == "used"


async def test_a_denial_reaches_the_agent_with_its_reason(proxy: Any, origin: Any) -> None:
    asking = asyncio.get_running_loop().create_task(pay(proxy))
    approval = await pending(proxy)
    await proxy.runtime.desk.approvals.deny(approval.id, "alice", "not this week")
    answered = await asking
    assert (answered.status, answered.code) == (403, "denied")
    assert "not this week" in answered.json["message"]
    assert answered.json["approval"] == approval.id
    assert origin.connections == 0


async def test_resumed_after_the_hold_once_and_not_twice(unattended: Any, origin: Any) -> None:
    first = await pay(unattended)
    assert (first.status, first.code) == (403, "approval_pending")
    assert first.json["retry_after"] == 20
    approval = await pending(unattended)
    assert first.json["approval"] == approval.id
    await unattended.runtime.desk.approvals.approve(approval.id, "alice")
    assert (await pay(unattended)).status == 200
    assert (await pay(unattended)).code == "approval_pending"  # a new question
    assert len(origin.requests) == 1


async def test_an_approval_is_not_for_another_request(unattended: Any, origin: Any) -> None:
    assert (await pay(unattended, 5)).code == "approval_pending"
    approval = await pending(unattended)
    await unattended.runtime.desk.approvals.approve(approval.id, "alice")
    for other in (
        pay(unattended, 6),
        pay(unattended, 5, [("Accept-Language", "de")]),
        unattended.request("POST", "/pay", JSON, b'{"amount":5.0}'),
    ):
        answered = await other
        assert answered.status == 403
    assert origin.requests == []
    assert (await pay(unattended, 5, [("Idempotency-Key", "k2"), ("User-Agent", "other")])).status == 200


async def test_the_decision_is_made_again_when_the_approval_is_used(unattended: Any, origin: Any) -> None:
    from wharfinger.authoring import snapshot
    from wharfinger.running.reloading import Reloader

    assert (await pay(unattended)).code == "approval_pending"
    approval = await pending(unattended)
    await unattended.runtime.desk.approvals.approve(approval.id, "alice")
    path = unattended.folder / "policies" / "everyday.yaml"
    path.write_text(path.read_text() + "  - tool: pay\n    because: no more payments\n")
    await Reloader(unattended.runtime).reload(snapshot.read(unattended.folder), "alice")
    answered = await pay(unattended)
    assert (answered.status, answered.code) == (403, "denied")
    assert origin.connections == 0


async def test_an_approval_on_which_nothing_was_sent_is_given_back(unattended: Any, origin: Any) -> None:
    assert (await pay(unattended)).code == "approval_pending"
    approval = await pending(unattended)
    await unattended.runtime.desk.approvals.approve(approval.id, "alice")
    port, _ = origin.port, await origin.stop()
    assert (await pay(unattended)).status == 502
    await unattended.settled()
    assert (await unattended.runtime.desk.approvals.show(approval.id)).state == "approved"
    assert port


async def test_a_client_that_leaves_ends_the_hold_and_not_the_approval(proxy: Any, origin: Any) -> None:
    tunnel = await proxy.connect()
    tunnel.writer.write(proxy.raw("POST", "/pay", JSON, b'{"amount": 5}'))
    approval = await pending(proxy)
    tunnel.writer.transport.abort()
    await asyncio.sleep(0.1)
    assert (await proxy.runtime.desk.approvals.show(approval.id)).state == "pending"
    await proxy.runtime.desk.approvals.approve(approval.id, "alice")
    await asyncio.sleep(0.1)
    assert origin.requests == []
    assert (await pay(proxy)).status == 200
    assert len(origin.requests) == 1


async def test_too_many_holds_are_denied(proxy: Any, origin: Any) -> None:
    asking = [asyncio.get_running_loop().create_task(pay(proxy, amount)) for amount in range(6)]
    answered = await asyncio.gather(*asking)
    codes = sorted(answer.code for answer in answered)
    assert codes == ["approval_pending"] * 4 + ["limit"] * 2


async def test_a_stream_is_cut_off_within_a_second_of_a_suspension(
    proxy: Any, origin: Any, reply: Any
) -> None:
    from wharfinger.keeping import agents

    origin.answer = lambda _seen: reply(chunks=[b"data: 1\n\n"] * 100, delay=0.05)
    tunnel = await proxy.connect()
    tunnel.writer.write(proxy.raw("GET", "/items/1"))
    await tunnel.reader.readuntil(b"data: 1\n\n")
    desk = proxy.runtime.desk
    began = asyncio.get_running_loop().time()
    changed = await desk.store.run(agents.suspend, "bot", "by a test", desk.clock.now())
    proxy.runtime.live.update_agent(changed)
    rest = await tunnel.reader.read()
    assert asyncio.get_running_loop().time() - began < 1
    assert not rest.endswith(b"0\r\n\r\n")
    outcome = next(event for event in await proxy.settled() if event["kind"] == "outcome")
    assert outcome["outcome"] == "withheld"
    assert "suspended" in outcome["reason"]
