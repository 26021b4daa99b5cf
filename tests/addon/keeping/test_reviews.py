"""The review queue: durable before the call is sent, told how it ended, and looked at once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from wharfinger.keeping.reviews import KEPT, Reviews, UnknownReview
from wharfinger.keeping.store import Store
from wharfinger.rules.types import Call, Code, Decision, Effect, Request, Verdict

REQUEST = Request("bot", "POST", "https", "api.example", 443, "/r", ())
DECISION = Decision(
    Verdict.ALLOW,
    Code.ALLOWED,
    "",
    "",
    "p",
    calls=(Call("pay", "t", Effect.WRITE, {"amount": 5}),),
    review=True,
)


class Clock:
    def __init__(self) -> None:
        self.wall = datetime(2026, 1, 14, 12, tzinfo=UTC)

    def now(self) -> datetime:
        return self.wall

    def monotonic(self) -> float:
        return 0.0


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    with Store.open(folder) as opened:
        yield opened


async def test_a_call_waits_until_a_person_has_looked_once(store: Store, clock: Clock) -> None:
    reviews = Reviews(store, clock)
    await reviews.add("d_1", REQUEST, DECISION)
    (row,) = await _rows(reviews)
    assert (row["decision"], row["agent"], row["outcome"], row["reviewed"]) == ("d_1", "bot", None, None)
    assert row["request"]["calls"][0]["inputs"] == {"amount": 5}
    await reviews.end("d_1", "completed", 201)
    assert [(row["outcome"], row["status"]) for row in await _rows(reviews)] == [("completed", 201)]
    await reviews.done("d_1", "alice", "fine")
    assert await _rows(reviews) == []
    (seen,) = await _rows(reviews, everything=True)
    assert (seen["person"], seen["comment"]) == ("alice", "fine")
    for unknown in ("d_1", "d_2"):
        with pytest.raises(UnknownReview, match="waits to be looked at"):
            await reviews.done(unknown, "bob", "me too")
    assert (await _rows(reviews, everything=True))[0]["person"] == "alice"


async def test_the_newest_comes_first(store: Store, clock: Clock) -> None:
    reviews = Reviews(store, clock)
    for number in range(3):
        await reviews.add(f"d_{number}", REQUEST, DECISION)
        clock.wall += timedelta(seconds=1)
    assert [row["decision"] for row in await _rows(reviews)] == ["d_2", "d_1", "d_0"]


async def test_after_a_restart_it_is_said_that_nobody_knows_how_a_call_ended(
    store: Store, clock: Clock
) -> None:
    reviews = Reviews(store, clock)
    await reviews.add("d_1", REQUEST, DECISION)
    await reviews.add("d_2", REQUEST, DECISION)
    await reviews.end("d_2", "completed", 200)
    again = Reviews(store, clock)
    await again.open()
    assert {row["decision"]: row["outcome"] for row in await _rows(again)} == {
        "d_1": "unknown",
        "d_2": "completed",
    }


async def test_what_has_been_looked_at_is_kept_for_a_while_and_what_has_not_for_ever(
    store: Store, clock: Clock
) -> None:
    reviews = Reviews(store, clock)
    for decision in ("d_1", "d_2"):
        await reviews.add(decision, REQUEST, DECISION)
    await reviews.done("d_1", "alice", "")
    clock.wall += KEPT
    await reviews.open()
    assert len(await _rows(reviews, everything=True)) == 2
    clock.wall += timedelta(seconds=1)
    await reviews.open()
    assert [row["decision"] for row in await _rows(reviews, everything=True)] == ["d_2"]


async def _rows(reviews: Reviews, **how: bool) -> list[Any]:
    return list(await reviews.list(**how))
