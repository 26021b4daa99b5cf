"""Turns: what is ready for whoever has kept the loop busy least goes first."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from wharfinger import turns
from wharfinger.turns import CREDIT, MOST, PASS, Loop, Turns


class Bench:
    """A queue whose callbacks say by themselves how long they take, run as asyncio runs them."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.worked, self.now = 100.0, 0.0
        """Seconds of work, and of waiting besides."""
        self.ran: list[str] = []
        self._loop = loop
        nothing = asyncio.Handle(int, (), loop)
        nothing.cancel()
        self.queue = Turns(nothing, lambda: self.worked, lambda: self.now + self.worked)
        self._of: dict[str, Callable[[], object]] = {}

    def add(self, agent: str | None, seconds: float = PASS / 4, *, name: str = "") -> asyncio.Handle:
        """Something that is ready for an agent; None for what is nobody's."""
        context = turns.contextvars.Context() if agent is None else turns.serving(agent)
        said = name or str(agent)

        def step() -> None:
            self.ran.append(said)
            self.worked += seconds

        handle = asyncio.Handle(step, (), self._loop, context)
        self.queue.append(handle)
        return handle

    def turn(self) -> bool:
        """Run one of a pass; whether there was one."""
        handle = self.queue.popleft()
        if not handle.cancelled():
            handle._run()
        return not handle.cancelled()

    def once(self) -> int:
        """A pass, as `BaseEventLoop._run_once` makes it; how many ran in it."""
        return sum(self.turn() for _ in range(len(self.queue)))

    def all(self) -> None:
        """Passes until nothing is ready."""
        while len(self.queue):
            self.once()


@pytest.fixture
def bench() -> Iterator[Bench]:
    loop = asyncio.new_event_loop()
    yield Bench(loop)
    loop.close()


def test_what_is_ready_for_one_agent_keeps_its_order(bench: Bench) -> None:
    for number in range(300):
        bench.add("bot", name=str(number))
    bench.all()
    assert bench.ran == [str(number) for number in range(300)]


def test_who_wants_little_goes_before_whoever_keeps_the_loop_busy(bench: Bench) -> None:
    for _ in range(1000):
        bench.add("busy")
    bench.once()
    assert len(bench.queue)
    bench.turn()
    bench.add("bot")
    bench.turn()
    assert bench.ran[-1] == "bot", "in the pass that is under way, too"


def test_it_may_come_again_and_again(bench: Bench) -> None:
    """Each time its line was empty in between, so it always goes before one whose was not."""
    for _ in range(1000):
        bench.add("busy")
    bench.once()
    for _ in range(50):
        bench.add("bot")
        bench.ran.clear()
        bench.once()
        assert bench.ran[0] == "bot"


def test_of_two_that_want_much_each_has_half_of_the_time_and_not_of_the_turns(bench: Bench) -> None:
    for _ in range(1000):
        bench.add("long", 0.004)
    for _ in range(9000):
        bench.add("short", 0.0005)
    while bench.worked < 102.0:
        bench.once()
    used = {name: bench.ran.count(name) * each for name, each in (("long", 0.004), ("short", 0.0005))}
    assert used["long"] == pytest.approx(used["short"], abs=CREDIT + 0.004)


def test_whoever_comes_later_has_no_more_than_its_credit_before_they_take_turns(bench: Bench) -> None:
    """However long the other was alone: it does not wait for as long as that."""
    for _ in range(100_000):
        bench.add("busy")
    while bench.worked < 110.0:
        bench.once()
    bench.ran.clear()
    for _ in range(1000):
        bench.add("later", 0.001)
    while "busy" not in bench.ran[1:]:
        bench.once()
    assert bench.ran.count("later") * 0.001 == pytest.approx(CREDIT, abs=0.004)


def test_those_that_have_not_said_who_they_are_share_one_line(bench: Bench) -> None:
    for _ in range(200):
        bench.add("")
    for _ in range(20):
        bench.add("bot")
    while bench.ran.count("bot") < 20:
        bench.once()
    assert bench.ran.count("") <= bench.ran.count("bot") + 1


def test_what_is_nobodys_goes_first(bench: Bench) -> None:
    bench.add("bot")
    bench.add(None)
    bench.all()
    assert bench.ran == ["None", "bot"]


def test_what_is_nobodys_keeps_no_agent_waiting_for_ever(bench: Bench) -> None:
    """Something of our own may look again and again at whether an agent is done."""
    bench.add("bot", 0.01)
    for _ in range(5):
        bench.add(None, PASS * 2)
        bench.once()
    assert "bot" in bench.ran
    for _ in range(MOST * 3):
        bench.add(None)
    bench.add("bot", name="again")
    bench.once()
    assert "again" in bench.ran


def test_a_pass_ends_so_that_what_came_meanwhile_is_seen(bench: Bench) -> None:
    for _ in range(10):
        bench.add("bot", PASS / 2)
    assert bench.once() == 2
    for _ in range(2):
        bench.add("bot", PASS * 3)
    assert [bench.once() for _ in range(5)] == [2, 2, 2, 2, 1]


def test_each_pass_makes_something_happen_however_long_sorting_takes(bench: Bench) -> None:
    bench.add("bot")
    count = len(bench.queue)
    bench.worked += PASS * 10
    assert sum(bench.turn() for _ in range(count)) == 1


def test_what_is_ready_is_looked_for_after_so_many_at_the_latest(bench: Bench) -> None:
    for _ in range(MOST * 2):
        bench.add("bot", 0.0)
    assert len(bench.queue) == MOST


def test_a_reader_that_waits_is_not_queued_once_more(bench: Bench) -> None:
    """The system says at each look that there is something to read, until it has been."""
    handle = bench.add("bot")
    for _ in range(3):
        bench.queue.append(handle)
        assert len(bench.queue) == 1
    bench.all()
    bench.queue.append(handle)
    bench.all()
    assert bench.ran == ["bot", "bot"], "once it has run it may come again"


def test_whoever_asks_for_a_turn_in_each_turn_does_not_keep_others_waiting(bench: Bench) -> None:
    """Its line is empty each time, but never for long."""
    for _ in range(1000):
        bench.add("bot")
    while bench.worked < 101.0:
        bench.add("again", PASS * 2)
        bench.once()
    assert bench.ran.count("again") * PASS * 2 == pytest.approx(0.75, abs=CREDIT), "while the other wants any"
    assert bench.ran.count("bot") == 1000


@pytest.mark.parametrize(("away", "first"), [(0.05, False), (0.2, True)])
def test_who_was_away_for_as_long_as_it_was_there_goes_first_again(
    bench: Bench, away: float, *, first: bool
) -> None:
    for _ in range(1000):
        bench.add("busy")
    bench.add("bot", 0.2)
    while "bot" not in bench.ran:
        bench.once()
    bench.now += away
    bench.add("bot", name="again")
    bench.ran.clear()
    bench.once()
    assert (bench.ran[0] == "again") == first
    bench.all()
    assert "again" in bench.ran


def test_it_is_told_for_how_long_nothing_was_done_for_an_agent(bench: Bench) -> None:
    bench.add("bot")
    bench.all()
    bench.now += 5
    bench.add(None)
    bench.all()
    assert bench.queue.idle() == pytest.approx(5, abs=PASS)
    bench.add("bot")
    bench.all()
    assert bench.queue.idle() == 0


def test_it_can_be_cleared(bench: Bench) -> None:
    for agent in ("bot", "", None):
        bench.add(agent)
    len(bench.queue)
    bench.add("bot")
    bench.queue.clear()
    assert len(bench.queue) == 0
    assert bench.queue.popleft().cancelled()


# On a real loop.


async def test_the_loop_runs_a_tasks_steps_in_the_line_of_whoever_it_serves() -> None:
    loop, ran = asyncio.get_running_loop(), list[str]()
    assert isinstance(loop, Loop)

    async def work(name: str, steps: int) -> None:
        for _ in range(steps):
            ran.append(name)
            until = time.thread_time() + PASS
            while time.thread_time() < until:
                pass
            await asyncio.sleep(0)

    busy = [loop.create_task(work("busy", 50), context=turns.serving("busy")) for _ in range(20)]
    await asyncio.sleep(CREDIT)
    ran.clear()
    await loop.create_task(work("bot", 10), context=turns.serving("bot"))
    assert ran.count("busy") <= 10, "of twenty that are ready all the time"
    assert turns.idle() < 1
    for each in busy:
        each.cancel()


async def test_a_connection_is_its_agents_once_that_is_known() -> None:
    loop, seen = asyncio.get_running_loop(), list[str]()

    async def serve() -> None:
        seen.append(turns._whose.get().agent)
        turns.known("bot")
        await asyncio.sleep(0)
        await asyncio.gather(loop.create_task(part()))

    async def part() -> None:
        seen.append(turns._whose.get().agent)

    await loop.create_task(serve(), context=turns.serving(""))
    assert seen == ["", "bot"]
    turns.known("nobody's connection is served here")


async def test_other_threads_may_call() -> None:
    loop, done = asyncio.get_running_loop(), asyncio.Event()
    came = list[int]()

    def work() -> None:
        for number in range(1000):
            loop.call_soon_threadsafe(came.append, number)
        loop.call_soon_threadsafe(done.set)

    thread = threading.Thread(target=work)
    thread.start()
    await asyncio.wait_for(done.wait(), 30)
    thread.join()
    assert came == list(range(1000))


async def test_a_loop_that_keeps_no_count_is_never_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "Loop", int)
    assert turns.idle() == 0


def test_a_python_that_is_built_otherwise_is_told() -> None:
    class Other(asyncio.SelectorEventLoop):
        def __init__(self) -> None:
            super().__init__()
            self._ready = list[asyncio.Handle]()

    class Built(Loop, Other):
        pass

    with pytest.raises(RuntimeError, match="cannot be told"):
        Built()
