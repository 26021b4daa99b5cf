"""Policies that observe are remarked on, and may do so for 14 days at most."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from wharfinger.rules.configuration import Configuration, Sources, load
from wharfinger.rules.policies import observing

NOW = datetime(2026, 1, 14, 12, tzinfo=UTC)


def configuration(until: str, other: str = "") -> Configuration:
    files = {
        "wharfinger.yaml": "version: 1",
        "people.yaml": "people: {alice: {role: admin}}",
        "agents.yaml": (
            "agents:\n  bot: {owner: alice, policies: [p]}\n  two: {owner: alice, policies: [p, q]}\n"
        ),
        "tools/a.yaml": "tool: a_get\nrun: {method: GET, url: 'https://a.example/x'}",
        "policies/p.yaml": f"policy: p\nmode: observe\nuntil: {until}\ntools: [a_get]",
        "policies/q.yaml": f"policy: q\n{other}tools: [a_get]",
    }
    return load(Sources({name: text.encode() for name, text in files.items()}))


@pytest.mark.parametrize(
    ("until", "told"),
    [
        ("2026-01-20", ["warning: all policies of", 'warning: the policy "p" observes until 2026-01-20']),
        ("2026-01-28", ["warning: all policies of", 'warning: the policy "p" observes until 2026-01-28']),
        ("2026-01-29", ["error: a policy observes for at most 14 days"]),
        ("2026-01-14", ['warning: the policy "p" has observed, and is in force']),
    ],
)
def test_each_is_remarked_on(until: str, told: list[str]) -> None:
    found = sorted(str(each) for each in observing.remarks(configuration(until), NOW))
    assert len(found) == len(told)
    assert all(text in line for text, line in zip(told, found, strict=True))


def test_who_is_held_to_nothing() -> None:
    loaded = configuration("2026-01-20")
    assert observing.free_agents(loaded, NOW) == ("bot",)
    assert observing.observed_agents(loaded, NOW) == {"bot": ("p",), "two": ("p",)}
    both = configuration("2026-01-20", "mode: observe\nuntil: 2026-01-20\n")
    assert observing.free_agents(both, NOW) == ("bot", "two")
    assert observing.free_agents(configuration("2026-01-10"), NOW) == ()
