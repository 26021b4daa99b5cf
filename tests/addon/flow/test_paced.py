"""Reading in pieces: no more at once than is worked off in about a millisecond."""

from __future__ import annotations

import asyncio

import pytest
from wharfinger.flow.paced import FIRST, LEAST, STEP, Paced

SIZE = 65535


@pytest.fixture
async def stream() -> asyncio.StreamReader:
    made = asyncio.StreamReader(limit=1 << 20)
    made.feed_data(bytes(1 << 20))
    return made


async def test_it_reads_little_at_first_and_then_more_and_more(stream: asyncio.StreamReader) -> None:
    paced, sizes = Paced(stream), []
    for _ in range(6):
        sizes.append(len(await paced.read(SIZE)))
        paced.took(sizes[-1], STEP / 10)
    assert sizes == [FIRST, FIRST * 2, FIRST * 4, FIRST * 8, SIZE, SIZE]


async def test_what_takes_long_is_read_in_as_small_pieces_as_take_a_step(
    stream: asyncio.StreamReader,
) -> None:
    paced, longest = Paced(stream), []
    for _ in range(20):
        data = await paced.read(SIZE)
        longest.append(len(data) * STEP / 2048)
        paced.took(len(data), longest[-1])
    assert max(longest[1:]) <= 2 * STEP
    for _ in range(20):
        paced.took(len(await paced.read(SIZE)), 1.0)
    assert len(await paced.read(SIZE)) == LEAST


async def test_a_short_read_that_took_long_changes_nothing(stream: asyncio.StreamReader) -> None:
    """A request's head takes as long as it takes, of whatever size it is."""
    paced = Paced(stream)
    paced.took(300, 1.0)
    assert len(await paced.read(SIZE)) == FIRST


async def test_others_have_their_turn_after_a_step_even_where_more_is_there(
    stream: asyncio.StreamReader,
) -> None:
    paced, turns = Paced(stream), [0]

    async def other() -> None:
        while True:
            turns[0] += 1
            await asyncio.sleep(0)

    beside = asyncio.get_running_loop().create_task(other())
    await asyncio.sleep(0)
    before = turns[0]
    for _ in range(3):
        paced.took(len(await paced.read(SIZE)), STEP / 2.5)
    assert turns[0] == before, "within a step nobody else has one"
    await paced.read(SIZE)
    assert turns[0] > before
    beside.cancel()


async def test_nothing_is_read_before_it_is_allowed(stream: asyncio.StreamReader) -> None:
    one, two = asyncio.Event(), asyncio.Event()
    reading = asyncio.get_running_loop().create_task(Paced(stream, one, two).read(SIZE))
    for event in (one, two):
        await asyncio.sleep(0.01)
        assert not reading.done()
        event.set()
    assert len(await asyncio.wait_for(reading, 10)) == FIRST
