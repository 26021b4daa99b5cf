"""What the project decides is what a slow, plain reference decides; and what must hold of any policies."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from reference.compare import compare, configured, decided, shown
from reference.evaluator import Rule, World
from reference.generator import Generator, files, requests
from wharfinger.rules.configuration import Sources, load
from wharfinger.rules.policies import judging
from wharfinger.rules.recognition import index, speaking
from wharfinger.rules.tools import matching
from wharfinger.rules.types import Verdict

STRICT = {Verdict.ALLOW: 0, Verdict.ASK: 1, Verdict.DENY: 2}
SEEDS = range(40)


def test_decisions_are_those_of_the_reference() -> None:
    tally = compare(seed=2026, worlds=120, each=100)
    assert tally.differences == []
    for what in ("allow", "ask", "deny", "several calls", "unmatched", "several rules", "an error in a rule"):
        assert tally.seen[what] > 50, f"the comparison hardly saw: {what}"


def _worlds() -> list[tuple[World, Generator]]:
    found = []
    for seed in SEEDS:
        generator = Generator(seed)
        world = generator.world()
        if configured(world) is not None:
            found.append((world, generator))
    assert len(found) > len(SEEDS) / 3
    return found


def test_the_order_of_files_tools_and_rules_changes_nothing() -> None:
    for world, generator in _worlds():
        made, places = files(world)
        mixed, mixed_places = files(world, random.Random(7))
        straight, shuffled = load(Sources(made, {})), load(Sources(mixed, {}))
        assert straight.digest == shuffled.digest
        for asked in requests(world, generator, 30):
            one = shown(decided(straight, asked), places)
            assert one == shown(decided(shuffled, asked), mixed_places)


@pytest.mark.parametrize("verdict", ["allow", "ask", "deny"])
def test_a_rule_more_works_one_way_only(verdict: str) -> None:
    """A deny never lets out what was kept in; an allow, unless it is an error, keeps nothing in."""
    worked = 0
    for world, generator in _worlds():
        rule = replace(generator.rule("more", world.tools), verdict=verdict)
        if rule.tool == "unmatched" and verdict == "deny":
            rule = replace(rule, hosts=None)
        elif rule.tool == "unmatched" and rule.hosts is None:
            rule = replace(rule, hosts=["api.example.com"])
        before = configured(world)
        after = configured(replace(world, policies=[[*world.policies[0], rule], *world.policies[1:]]))
        if before is None or after is None:
            continue
        for asked in requests(world, generator, 40):
            was, now = decided(before[0], asked), decided(after[0], asked)
            if verdict == "deny":
                assert STRICT[now.verdict] >= STRICT[was.verdict]
            elif verdict == "allow" and "cannot be evaluated" not in now.reason:
                assert STRICT[now.verdict] <= STRICT[was.verdict]
            elif verdict == "ask" and now.verdict is Verdict.ALLOW:
                assert was.verdict is Verdict.ALLOW
            worked += now.verdict is not was.verdict
    assert worked > 10


def test_a_policy_more_that_only_denies_lets_nothing_out() -> None:
    for world, generator in _worlds():
        before = configured(world)
        after = configured(replace(world, policies=[*world.policies, [Rule("none", "deny", "*")]]))
        assert before is not None
        assert after is not None
        for asked in requests(world, generator, 20):
            assert decided(after[0], asked).verdict is Verdict.DENY


SAME = """
import json, sys
sys.path.insert(0, {tests!r})
from reference.compare import configured, decided
from reference.generator import Generator, requests
said = []
for seed in range(12):
    generator = Generator(seed)
    world = generator.world()
    loaded = configured(world)
    if loaded is None:
        continue
    said.append(loaded[0].digest)
    for asked in requests(world, generator, 20):
        decision = decided(loaded[0], asked)
        rules = list(map(str, decision.rules))
        said.append([decision.verdict, decision.reason, decision.help, rules, decision.digest])
print(json.dumps(said))
"""


def test_decisions_reasons_and_digests_are_the_same_under_sixteen_hash_seeds() -> None:
    script = SAME.format(tests=str(Path(__file__).parent.parent))
    said = set()
    for seed in range(16):
        environment = {**os.environ, "PYTHONHASHSEED": str(seed)}
        done = subprocess.run(
            [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
        )
        assert len(json.loads(done.stdout)) > 100
        said.add(done.stdout)
    assert len(said) == 1


def _first_tool_only(subjects: object) -> object:
    return [list(each)[:1] for each in subjects]  # type: ignore[attr-defined]


SEEDED = {
    "deny rules see the winner only": (
        judging,
        "judge",
        lambda real: lambda policies, parts, *a, **k: real(policies, _first_tool_only(parts), *a, **k),
    ),
    "only the first call of a request is judged": (
        judging,
        "judge",
        lambda real: lambda policies, parts, *a, **k: real(policies, parts[:1], *a, **k),
    ),
    "the least specific template wins": (
        index,
        "_by_rank",
        lambda real: lambda entry: tuple(-len(str(part)) for part in real(entry)),
    ),
    "fields beyond the template pass": (matching, "_extras", lambda _: lambda *_: None),
    "an unknown operation is let through": (speaking, "_unknown", lambda _: lambda *_: None),
}
"""Bugs, as what they would replace: the comparison has to see every one."""


@pytest.mark.parametrize("bug", SEEDED)
def test_the_comparison_sees_a_bug(bug: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module, name, make = SEEDED[bug]
    broken = make(getattr(module, name))
    monkeypatch.setattr(module, name, broken)
    if name == "judge":
        monkeypatch.setattr("wharfinger.rules.decide.judge", broken)
    assert compare(seed=5, worlds=60, each=40).differences
