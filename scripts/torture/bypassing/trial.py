"""One proxy under all of the vectors: what was tried, what was heard, and the verdict."""

from __future__ import annotations

import random
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from bypassing import record
from bypassing.agent import Agent, Heard
from bypassing.judge import Judge, Verdict
from bypassing.stage import Plain, Stage, Wharfinger
from bypassing.vectors import Class, Vector, numbered

WORKERS = 8
BATCH = 12
"""Vectors that one worker sends one after the other, so that they share connections."""

type Tried = dict[str, tuple[Class, Vector, bool]]


@dataclass
class Result:
    """What came of a trial."""

    tried: Tried
    heard: dict[str, Heard]
    verdict: Verdict

    def by_class(self) -> dict[str, tuple[int, int, int, int]]:
        """For each class: vectors, all that got through, look-alikes, those that were kept out."""
        counts: dict[str, tuple[int, int, int, int]] = {}
        for tag, (each, _, harmless) in self.tried.items():
            a, b, c, d = counts.get(each.name, (0, 0, 0, 0))
            if harmless:
                through = tag in self.verdict.succeeded  # such as one whose answer told a secret
                counts[each.name] = (a, b + through, c + 1, d + (tag in self.verdict.failed))
            else:
                counts[each.name] = (a + 1, b + (tag in self.verdict.succeeded), c, d)
        return counts


def chosen(classes: Sequence[Class], share: float, rng: random.Random) -> Tried:
    """All vectors, or a sample of each class that has at least one of either kind."""
    everything = list(numbered(classes))
    if share >= 1:
        return {tag: (each, vector, harmless) for tag, each, vector, harmless in everything}
    kept: Tried = {}
    groups: dict[tuple[str, bool], list[tuple[str, Class, Vector]]] = {}
    for tag, each, vector, harmless in everything:
        groups.setdefault((each.name, harmless), []).append((tag, each, vector))
    for (_, harmless), group in groups.items():
        count = max(1, round(len(group) * share))
        kept |= {tag: (each, vector, harmless) for tag, each, vector in rng.sample(group, count)}
    return dict(sorted(kept.items()))


def run(stage: Stage, proxy: Wharfinger | Plain, tried: Tried) -> Result:
    """Send everything to a proxy that is running, end it, and judge."""
    heard: dict[str, Heard] = {}
    local = threading.local()
    agents: list[Agent] = []

    def send(batch: Sequence[str]) -> None:
        if not hasattr(local, "agent"):
            local.agent = Agent(proxy.ca, proxy.held)
            agents.append(local.agent)
        for tag in batch:
            heard[tag] = local.agent.attempt(tried[tag][1], tag)

    tags = list(tried)
    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(send, [tags[at : at + BATCH] for at in range(0, len(tags), BATCH)]))
    for agent in agents:
        agent.close()
    proxy.stop()
    events = list(proxy.events()) if isinstance(proxy, Wharfinger) else None
    judge = Judge(tried, heard, stage.secrets, proxy.held)
    return Result(tried, heard, judge.judge(record.read(stage.records), events))
