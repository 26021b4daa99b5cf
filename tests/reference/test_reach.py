"""What is said to be in reach, held against decisions on random worlds."""

from __future__ import annotations

from reference.compare import configured, decided
from reference.generator import Generator, requests
from wharfinger.rules.policies.reach import ways
from wharfinger.rules.types import Verdict


def test_every_decision_is_within_reach() -> None:
    """What is let out is in reach; what is always allowed there is allowed."""
    generator, seen, certain = Generator(5), 0, 0
    for _ in range(60):
        world = generator.world()
        made = configured(world)
        if made is None:
            continue
        configuration, _ = made
        found = {way.tool: way for way in ways(configuration, "bot")}
        for asked in requests(world, generator, 40):
            decision = decided(configuration, asked)
            names = {call.tool for call in decision.calls}
            if decision.verdict is not Verdict.DENY:
                assert names <= found.keys(), f"{names} is let out and not in reach: {decision.reason}"
                seen += 1
            elif len(names) == 1 and (way := found.get(*names)) and not way.hosts[1:]:
                assert way.conditional or way.verdict is not Verdict.ALLOW or not decision.rules
                certain += 1
    assert seen > 100
    assert certain > 20
