"""What a condition requires of each value: as much as is certain, in words, and whether that is all."""

from __future__ import annotations

from typing import Any

import pytest
from wharfinger.rules.conditions.requirements import negated, requirements
from wharfinger.rules.configuration import Sources, load

FILES = {
    "wharfinger.yaml": "version: 1\n",
    "people.yaml": "people: {alice: {role: admin}}\n",
    "agents.yaml": "agents: {bot: {owner: alice, policies: [main]}}\n",
    "tools/pay.yaml": (
        "tool: pay\ninput: {amount: integer, to: string, tags: array, ok: boolean}\n"
        "run: {method: POST, url: 'https://x.example.com/', encoding: json,"
        " body: {amount: '${amount}', to: '${to}', tags: '${tags}', ok: '${ok}'}}\n"
    ),
}


def required(when: str) -> Any:
    """The requirements of an allow with this `when`."""
    texts = {**FILES, "policies/main.yaml": f"policy: main\nallow:\n  - tool: pay\n    when: {when}\n"}
    loaded = load(Sources({name: text.encode() for name, text in texts.items()}))
    (rule,) = loaded.policies["main"].rules["pay"]
    return requirements(rule.condition)


WORDS: dict[str, tuple[list[str], bool]] = {
    "{max_amount: 5}": (["amount at most 5"], True),
    "{to: a, require_reason: true}": (['to equal to "a"', "call.reason given"], True),
    "{to: {in: [a]}}": (['to equal to "a"'], True),
    "{to: {in: [a, b]}}": (['to one of "a", "b"'], True),
    "input.amount < 5": (["amount less than 5"], True),
    "5 < input.amount": (["amount more than 5"], True),
    "input.amount >= 5 && input.to == 'a'": (["amount at least 5", 'to equal to "a"'], True),
    "input.to != 'a'": (['to other than "a"'], True),
    "\"!(input.to == 'a')\"": (['to other than "a"'], True),
    '\'given("to") && input.to.startsWith("a")\'': (["to given", 'to beginning with "a"'], True),
    "\"!given('to')\"": (["to left out"], True),
    "has(call.reason)": (["call.reason given"], True),
    "input.ok": (["ok equal to true"], True),
    '"!input.ok"': (["ok equal to false"], True),
    "input.to in ['a', 'b']": (['to one of "a", "b"'], True),
    "input.amount > 1 || input.to == 'a'": ([], False),
    "input.amount % 2 == 1 && input.to == 'a'": (['to equal to "a"'], False),
    "input.amount == input.amount": ([], False),
    "'\"a\" in input.tags'": ([], False),
}


@pytest.mark.parametrize(("when", "wanted"), WORDS.items(), ids=WORDS)
def test_what_is_required(when: str, wanted: tuple[list[str], bool]) -> None:
    found = required(when)
    assert ([f"{each.what} {each.words}" for each in found.each], found.whole) == wanted


def test_no_condition_requires_nothing() -> None:
    found = requirements(None)
    assert (found.each, found.whole) == ((), True)


@pytest.mark.parametrize(
    ("when", "values"),
    [
        ("{max_amount: 5}", [1, 5, 6, "5", True]),
        ("input.amount < 5", [1, 5, 6, 4.5]),
        ("input.to != 'a'", ["a", "b"]),
        ("{to: {in: [a, b]}}", ["a", "c"]),
        ("input.ok", [True, False]),
    ],
)
def test_the_opposite_is_met_by_just_those_that_do_not_meet_it(when: str, values: list[Any]) -> None:
    """Of values of the right type; one of a wrong type meets neither."""
    (each,) = required(when).each
    other = negated(each)
    assert other is not None
    kind = (int, float) if each.name == "amount" else (bool,) if each.name == "ok" else (str,)
    for value in values:
        right = isinstance(value, kind) and (each.name == "ok" or not isinstance(value, bool))
        assert (each.holds(value) is not other.holds(value)) is right, value
