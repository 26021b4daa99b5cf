"""Compare what was decided with what would be: in several processes, with one tally as the result."""

from __future__ import annotations

import multiprocessing
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, field
from itertools import batched
from typing import Final

import orjson
from wharfinger.authoring.snapshot import Catalogue
from wharfinger.replaying.again import Again, Undecidable
from wharfinger.replaying.recorded import Recorded, recorded
from wharfinger.rules.configuration import Configuration, Sources, load
from wharfinger.rules.types import Verdict

EXAMPLES: Final = 3
"""Decisions that are named for each change."""
BATCH: Final = 500
"""Events that a process is given at once."""


@dataclass(frozen=True, slots=True, order=True)
class Change:
    """Calls that would be decided otherwise, all in the same way."""

    was: Verdict
    now: Verdict
    tool: str
    agent: str
    because: str
    """The rules that would decide, or the reason where there are none."""


@dataclass(slots=True)
class Tally:
    """What came of many calls."""

    calls: int = 0
    same: int = 0
    changes: Counter[Change] = field(default_factory=Counter)
    examples: dict[Change, list[str]] = field(default_factory=dict)
    undecidable: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By tool, and why."""
    skipped: int = 0
    """Requests that policy did not decide: refused for a suspension, a limit, a credential."""

    def add(self, other: Tally) -> None:
        """Put in what came of further calls."""
        self.calls += other.calls
        self.same += other.same
        self.skipped += other.skipped
        self.changes += other.changes
        self.undecidable += other.undecidable
        for change, names in other.examples.items():
            held = self.examples.setdefault(change, [])
            held.extend(names[: EXAMPLES - len(held)])

    def judge(self, held: Recorded, again: Again) -> None:
        """Decide one request again, and count what comes of it."""
        self.calls += 1
        if not held.by_policy:
            self.skipped += 1
            return
        try:
            answer = again.answer(held)
        except Undecidable as why:
            self.undecidable[held.tools, str(why)] += 1
            return
        if answer.verdict is held.verdict:
            self.same += 1
            return
        because = ", ".join(answer.rules) or answer.reason
        change = Change(held.verdict, answer.verdict, held.tools, held.agent, because)
        self.changes[change] += 1
        named = self.examples.setdefault(change, [])
        if len(named) < EXAMPLES:
            named.append(held.decision)


def compare(
    lines: Iterable[bytes],
    files: Mapping[str, bytes],
    jobs: int,
    advance: Callable[[int], object] = lambda _: None,
) -> Tally:
    """Decide the events (as stored, one for each decision) again under the configuration of `files`.

    `advance` is told how many have been done. One job works in this process.
    """
    total = Tally()
    for tally in _tallies(lines, files, jobs):
        total.add(tally)
        advance(tally.calls)
    return total


def _tallies(lines: Iterable[bytes], files: Mapping[str, bytes], jobs: int) -> Iterator[Tally]:
    if jobs <= 1:
        again = Again(load(Sources(files, Catalogue())))
        yield from (_tally(batch, again) for batch in batched(lines, BATCH, strict=False))
        return
    waiting: deque[Future[Tally]] = deque()
    # Started afresh: a copy of this process would hold the locks of threads that are not in it.
    afresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=afresh, initializer=_begin, initargs=(dict(files),)) as pool:
        for batch in batched(lines, BATCH, strict=False):
            waiting.append(pool.submit(_work, batch))
            if len(waiting) > 4 * jobs:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _tally(batch: Iterable[bytes], again: Again) -> Tally:
    tally = Tally()
    for line in batch:
        try:
            held = recorded(orjson.loads(line))
        except (LookupError, TypeError, ValueError, AttributeError):  # a file may hold anything
            tally.calls += 1
            tally.undecidable["an event", "it does not tell of a decision"] += 1
        else:
            tally.judge(held, again)
    return tally


_own: dict[str, Again] = {}
"""In a process of the pool: what it decides by."""


def _begin(files: Mapping[str, bytes]) -> None:
    configuration: Configuration = load(Sources(files, Catalogue()))
    _own["again"] = Again(configuration)


def _work(batch: tuple[bytes, ...]) -> Tally:
    return _tally(batch, _own["again"])
