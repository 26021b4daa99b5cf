"""Suspended or retired: new requests, held ones and those about to be sent stop, within a second."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from wharfinger.control import actions
from wharfinger.control.dispatcher import Context, Role
from wharfinger.control.services import Services
from wharfinger.keeping import agents

JSON = [("Content-Type", "application/json")]


async def pay(proxy: Any, amount: int = 5) -> Any:
    return await proxy.request("POST", "/pay", JSON, b'{"amount": %d}' % amount)


async def command(proxy: Any, name: str, **args: Any) -> Any:
    """An action of a running proxy, as `alice` commands it."""
    runtime, desk = proxy.runtime, proxy.runtime.desk
    services = Services(
        approvals=desk.approvals, store=desk.store, clock=desk.clock, keys=desk.keys, reviews=desk.reviews,
        ledger=desk.ledger, grants=desk.grants, sessions=desk.sessions, activity=desk.activity,
        configuration=lambda: runtime.live.configuration, agent_changed=runtime.live.update_agent,
        agent_retired=runtime.live.retire_agent,
    )  # fmt: skip
    dispatcher = actions.dispatcher(services, desk.record)
    return await dispatcher.run(dispatcher.action(name), Context("alice", Role.ADMIN), args)


async def held(proxy: Any) -> tuple[asyncio.Task[Any], Any]:
    asking = asyncio.get_running_loop().create_task(pay(proxy))
    async with asyncio.timeout(5):
        while not (found := await proxy.runtime.desk.approvals.list()):
            await asyncio.sleep(0.02)
    return asking, found[0]


@pytest.mark.parametrize("action", ["agents.suspend", "agents.retire"])
async def test_a_held_request_ends_within_a_second_and_its_approval_with_it(
    proxy: Any, origin: Any, action: str
) -> None:
    asking, approval = await held(proxy)
    began = time.monotonic()
    await command(proxy, action, agent="bot")
    answered = await asyncio.wait_for(asking, 1)
    assert time.monotonic() - began < 1
    assert (answered.status, answered.code) == (403, "denied")
    assert (await proxy.runtime.desk.approvals.show(approval.id)).state == "cancelled"
    assert origin.connections == 0


async def test_a_suspended_agent_is_refused_and_one_that_is_resumed_is_not(proxy: Any, origin: Any) -> None:
    await command(proxy, "agents.suspend", agent="bot", reason="odd")
    refused = await proxy.request("GET", "/items/1")
    assert (refused.status, "odd" in refused.json["message"]) == (403, True)
    await command(proxy, "agents.resume", agent="bot")
    assert (await proxy.request("GET", "/items/1")).status == 200
    shown = await command(proxy, "agents.show", agent="bot")
    assert (shown["allowed"], shown["denied"], shown["status"]) == (1, 1, "active")
    assert shown["last_seen"] is not None


async def test_a_retired_agent_is_nobody_until_it_is_added_anew_as_another(proxy: Any, origin: Any) -> None:
    old, before = proxy.proxy_auth(), await command(proxy, "agents.show", agent="bot")
    await command(proxy, "agents.retire", agent="bot")
    proxy.proxy_auth = lambda agent=None: old
    with pytest.raises(ConnectionError, match="407"):
        await proxy.connect()
    desk, runtime = proxy.runtime.desk, proxy.runtime
    assert await desk.store.run(agents.seen_all, ["bot"], desk.clock.now()) == {}
    added = await command(proxy, "agents.add", agent="bot")
    assert (added["id"] != before["id"], added["status"]) == (True, "active")
    with pytest.raises(ConnectionError, match="407"):
        await proxy.connect()
    del proxy.proxy_auth
    assert (await proxy.request("GET", "/items/1")).status == 200
    assert runtime.live.agents["bot"].id == added["id"]
