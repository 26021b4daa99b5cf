"""Whoever watches is told what is durable, and holds nobody up."""

import asyncio

import pytest
from wharfinger.approvals import watching
from wharfinger.approvals.approval import TooManyPending
from wharfinger.approvals.floods import CALM
from wharfinger.approvals.states import Move
from wharfinger.approvals.watching import Change, Flood


async def take(watch, number: int) -> list[Change | Flood]:
    found: list[Change | Flood] = []

    async def reading() -> None:
        async for news in watch:
            found.append(news)
            if len(found) == number:
                return

    await asyncio.wait_for(reading(), 5)
    return found


async def test_a_watcher_is_told_every_change_once_the_store_has_it(desk, request_, decision) -> None:
    approvals = await desk.approvals()
    with approvals.watch() as one, approvals.watch() as other:
        desk.store.broken = True
        with pytest.raises(OSError, match="gone"):
            await approvals.ask("id1", request_, decision)
        desk.store.broken = False
        approval = await approvals.ask("id1", request_, decision)
        await approvals.ask("id1", request_, decision)
        desk.store.broken = True
        with pytest.raises(OSError, match="gone"):
            await approvals.deny(approval.id, "alice")
        desk.store.broken = False
        await approvals.approve(approval.id, "alice")
        for watch in (one, other):
            told = await take(watch, 2)
            assert [(each.approval.id, each.move) for each in told] == [
                (approval.id, None), (approval.id, Move.APPROVE),
            ]  # fmt: skip


async def test_one_that_does_not_keep_up_loses_the_oldest_and_knows_it(
    desk, request_, decision, monkeypatch
) -> None:
    monkeypatch.setattr(watching, "QUEUE", 2)
    approvals = await desk.approvals()
    with approvals.watch() as watch:
        approval = await approvals.ask("id1", request_, decision)
        await approvals.approve(approval.id, "alice")
        await approvals.cancel(approval.id, None)
        assert watch.missed == 1
        assert [each.move for each in await take(watch, 2)] == [Move.APPROVE, Move.CANCEL]


async def test_closing_ends_the_iteration(desk, request_, decision) -> None:
    approvals = await desk.approvals()
    watch = approvals.watch()
    await approvals.ask("id1", request_, decision)
    watch.close()
    await approvals.cancel((await approvals.list())[0].id, None)
    assert [each.move async for each in watch] == [None]


async def test_a_flood_is_told_once_for_each_time_it_begins(desk, request_, like) -> None:
    approvals = await desk.approvals(cap=1)
    await approvals.ask("id1", request_, like(digest="0"))
    for number in range(1, 4):
        with pytest.raises(TooManyPending):
            await approvals.ask("id1", request_, like(digest=str(number)))
    floods = [each for each in desk.book if isinstance(each, Flood)]
    assert [(each.agent, each.cap) for each in floods] == [("bot", 1)]
    assert approvals.floods() == {"id1": 3}
    desk.clock.step(CALM.total_seconds())
    assert approvals.floods() == {}
    await approvals.ask("id1", request_, like(digest="0"))
    with pytest.raises(TooManyPending):
        await approvals.ask("id1", request_, like(digest="9"))
    assert sum(isinstance(each, Flood) for each in desk.book) == 2
