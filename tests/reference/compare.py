"""Hold the project's decisions against the reference: verdict, determining rules, and calls."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import quote

from reference.evaluator import Answer, Asked, World, answer
from reference.generator import Generator, files, requests
from wharfinger.rules.configuration import Configuration, Sources, load
from wharfinger.rules.decide import decide
from wharfinger.rules.documents.problems import ConfigurationError
from wharfinger.rules.requests.placeholders import Placeholders
from wharfinger.rules.types import Decision, Facts, Request

NOW = datetime(2026, 1, 14, 12, 0, tzinfo=UTC)
FACTS = Facts(Placeholders({}), agent_id="agt_1")


@dataclass
class Tally:
    """What a comparison went through."""

    worlds: int = 0
    unloadable: int = 0
    """Worlds that the project refuses to load: rules or tools that cannot be told apart, mostly."""
    compared: int = 0
    rules: int = 0
    """Rules of all worlds together."""
    decided: int = 0
    """Those of them that determined at least one decision."""
    seen: Counter[str] = field(default_factory=Counter)
    differences: list[str] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        """Take in another's."""
        self.worlds += other.worlds
        self.unloadable += other.unloadable
        self.compared += other.compared
        self.rules += other.rules
        self.decided += other.decided
        self.seen.update(other.seen)
        self.differences += other.differences[: max(0, 20 - len(self.differences))]


def request(asked: Asked) -> Request:
    """The request as the project gets it."""
    query = "&".join(f"{quote(k, safe='')}={quote(v, safe='')}" for k, v in asked.query)
    headers = [("Host", asked.host)]
    if asked.body is not None:
        headers.append(("Content-Type", "application/json"))
    return Request(
        agent="bot",
        method=asked.method,
        scheme="https",
        host=asked.host,
        port=443,
        target=asked.path + (f"?{query}" if query else ""),
        headers=tuple(headers),
        body=asked.body or b"",
    )


def configured(world: World) -> tuple[Configuration, dict[tuple[str, int], str]] | None:
    """The world, loaded; None where it cannot be."""
    made, places = files(world)
    try:
        return load(Sources(made, {})), places
    except ConfigurationError:
        return None


def decided(configuration: Configuration, asked: Asked) -> Decision:
    """The project's decision."""
    return decide(configuration, request(asked), FACTS, NOW)


def shown(decision: Decision, places: dict[tuple[str, int], str]) -> Answer:
    """What is compared of it."""
    rules = frozenset(places[ref.file, ref.line] for ref in decision.rules)
    return Answer(decision.verdict.value, rules, tuple(call.tool for call in decision.calls))


def compare(seed: int, worlds: int, each: int) -> Tally:
    """Compare on so many worlds, with so many requests each."""
    tally, generator = Tally(), Generator(seed)
    while tally.worlds < worlds:
        world = generator.world()
        loaded = configured(world)
        if loaded is None:
            tally.unloadable += 1
            continue
        configuration, places = loaded
        tally.worlds += 1
        tally.rules += len(places)
        deciding: set[str] = set()
        for asked in requests(world, generator, each):
            decision = decided(configuration, asked)
            ours, theirs = shown(decision, places), answer(world, asked)
            tally.compared += 1
            deciding |= theirs.rules
            tally.seen[theirs.verdict] += 1
            tally.seen["several calls"] += len(theirs.calls) > 1
            tally.seen["unmatched"] += "unmatched" in theirs.calls
            tally.seen["no rule"] += not theirs.rules
            tally.seen["an error in a rule"] += "cannot be evaluated" in decision.reason
            tally.seen["several rules"] += len(theirs.rules) > 1
            if ours != theirs and len(tally.differences) < 20:
                tally.differences.append(
                    f"{world}\n{asked}\nproject: {ours} ({decision.reason})\nreference: {theirs}"
                )
        tally.decided += len(deciding)
    return tally
