"""What changes between decision and first byte: the origin delays its handshake, the operator acts."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from wharfinger.authoring import snapshot
from wharfinger.keeping import agents
from wharfinger.running.reloading import Reloader, ReloadRefused


async def _reload(proxy: Any) -> None:
    path = proxy.folder / "policies" / "everyday.yaml"
    path.write_text(path.read_text().replace("  - tool: get_item\n", ""))
    await Reloader(proxy.runtime).reload(snapshot.read(proxy.folder), "alice")


async def _suspend(proxy: Any) -> None:
    desk = proxy.runtime.desk
    changed = await desk.store.run(agents.suspend, "bot", "by a test", desk.clock.now())
    proxy.runtime.live.update_agent(changed)


async def _rotate(proxy: Any) -> None:
    (proxy.folder / "example.key").write_text("sk_live_rotated_0123456789")
    assert await proxy.runtime.credentials.refresh("EXAMPLE_KEY") == ()


async def _stop(proxy: Any) -> None:
    proxy.runtime.live.stop_all("everything was stopped")


@pytest.mark.parametrize("act", [_reload, _suspend, _stop])
async def test_nothing_is_sent_after_a_change_during_the_handshake(proxy: Any, origin: Any, act: Any) -> None:
    origin.hold_handshake = asyncio.Event()
    tunnel = await proxy.connect()
    asking = asyncio.get_running_loop().create_task(tunnel.request("GET", "/items/1"))
    async with asyncio.timeout(5):
        while origin.connections == 0:
            await asyncio.sleep(0.01)
    await act(proxy)
    origin.hold_handshake.set()
    answered = await asking
    assert answered.status == 403
    assert origin.requests == []
    events = await proxy.events(answered.decision)
    assert [event["kind"] for event in events] == ["intent", "outcome"]
    assert events[1]["outcome"] == "not_sent"


async def test_what_is_sent_after_a_rotation_during_the_handshake_holds_the_new_value(
    proxy: Any, origin: Any
) -> None:
    origin.hold_handshake = asyncio.Event()
    tunnel = await proxy.connect()
    asking = asyncio.get_running_loop().create_task(tunnel.request("GET", "/items/1"))
    async with asyncio.timeout(5):
        while origin.connections == 0:
            await asyncio.sleep(0.01)
    await _rotate(proxy)
    origin.hold_handshake.set()
    assert (await asking).status == 200
    (sent,) = origin.requests
    assert sent.header("authorization") == "Bearer sk_live_rotated_0123456789"


async def test_positive_control_a_slow_handshake_alone_changes_nothing(proxy: Any, origin: Any) -> None:
    origin.hold_handshake = asyncio.Event()
    tunnel = await proxy.connect()
    asking = asyncio.get_running_loop().create_task(tunnel.request("GET", "/items/1"))
    await asyncio.sleep(0.2)
    origin.hold_handshake.set()
    assert (await asking).status == 200
    assert len(origin.requests) == 1


async def test_a_client_that_leaves_while_the_handshake_hangs_is_an_outcome(proxy: Any, origin: Any) -> None:
    origin.hold_handshake = asyncio.Event()
    tunnel = await proxy.connect()
    tunnel.writer.write(proxy.raw("GET", "/items/1"))
    while origin.connections == 0:
        await asyncio.sleep(0.01)
    tunnel.writer.transport.abort()
    await asyncio.sleep(0.1)
    origin.hold_handshake.set()
    await asyncio.sleep(0.2)
    assert origin.requests == []
    outcomes = [event["outcome"] for event in await proxy.settled() if event["kind"] == "outcome"]
    assert outcomes == ["not_sent"]


async def test_suspension_stops_the_next_request_on_an_open_connection(proxy: Any, origin: Any) -> None:
    tunnel = await proxy.connect()
    assert (await tunnel.request("GET", "/items/1")).status == 200
    await _suspend(proxy)
    answered = await tunnel.request("GET", "/items/2")
    assert answered.status == 403
    assert "suspended" in answered.json["message"]
    assert len(origin.requests) == 1


async def test_a_refused_reload_leaves_the_policy_in_force(proxy: Any, origin: Any) -> None:
    (proxy.folder / "policies" / "everyday.yaml").write_text("policy: everyday\nalow: []\n")
    digest = proxy.runtime.live.policy_digest
    reloader = Reloader(proxy.runtime)
    with pytest.raises(ReloadRefused, match="stays"):
        await reloader.reload(snapshot.read(proxy.folder), "alice")
    assert proxy.runtime.live.policy_digest == digest
    assert "everyday.yaml:2" in reloader.refused
    assert (await proxy.request("GET", "/items/1")).status == 200
    (event,) = [event for event in await proxy.settled() if event["kind"] == "control"]
    assert (event["action"], event["person"]) == ("reload", "alice")
    assert "everyday.yaml:2" in event["reason"]


async def test_what_only_a_start_can_change_is_named(proxy: Any) -> None:
    path = proxy.folder / "wharfinger.yaml"
    path.write_text(path.read_text().replace("body: 1MiB", "body: 2MiB") + "audit: {durable: false}\n")
    done = await Reloader(proxy.runtime).reload(snapshot.read(proxy.folder), "alice")
    assert [remark.split("`")[1] for remark in done.remarks] == ["audit", "limits.body"]


async def test_a_credential_that_cannot_be_read_any_more_is_told_to_who_reloads(proxy: Any) -> None:
    (proxy.folder / "example.key").chmod(0o644)
    done = await Reloader(proxy.runtime).reload(snapshot.read(proxy.folder), "alice")
    assert "EXAMPLE_KEY" in done.remarks[0]


async def test_an_agent_that_was_taken_out_comes_back_as_another(proxy: Any) -> None:
    path = proxy.folder / "agents.yaml"
    both, token, reloader = path.read_text(), proxy.token(), Reloader(proxy.runtime)
    path.write_text(both.replace("  bot: {owner: alice, policies: [everyday]}\n", ""))
    await reloader.reload(snapshot.read(proxy.folder), "alice")
    assert proxy.runtime.live.callers.identify("bot", token) is None
    path.write_text(both)
    await reloader.reload(snapshot.read(proxy.folder), "alice")
    assert proxy.runtime.live.callers.identify("bot", token) is None
    assert proxy.runtime.live.callers.identify("bot", proxy.token()) is not None


async def test_a_suspension_during_a_reload_is_not_undone_by_it(proxy: Any, monkeypatch: Any) -> None:
    reloader = Reloader(proxy.runtime)
    recorded = type(reloader)._record

    async def suspend_meanwhile(self: Any, *arguments: Any) -> None:
        await _suspend(proxy)
        await recorded(self, *arguments)

    monkeypatch.setattr(type(reloader), "_record", suspend_meanwhile)
    await reloader.reload(snapshot.read(proxy.folder), "alice")
    assert (await proxy.request("GET", "/items/1")).status == 403
